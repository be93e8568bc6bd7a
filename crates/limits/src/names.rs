//! Rules that are for some of the site's names alone.

use std::cell::OnceCell;

use http::Request;
use panoply_core::{ClientAddress, HostName, HostNames};

use crate::Error;

/// The names that a rule is for, where it is not for all.
///
/// # Errors
///
/// When one of them is no host, or there are none.
pub(crate) fn names(written: Option<&[String]>) -> Result<Option<HostNames>, Error> {
    let Some(written) = written else {
        return Ok(None);
    };
    let wrong = |problem| Error::Value {
        key: "domains",
        problem,
        example: "names of the site, such as `domains = [\"admin.shop.example\"]`, or leave it out for all of them",
    };
    let mut all = HostNames::default();
    for name in written {
        all.add(name).map_err(wrong)?;
    }
    if all.is_empty() {
        return Err(wrong(
            "is an empty list, and the table speaks of nothing".to_owned(),
        ));
    }
    Ok(Some(all))
}

/// The names that a request carries, found once somebody has to know.
pub(crate) struct Hosts<'a, B> {
    client: Option<&'a ClientAddress>,
    request: &'a Request<B>,
    named: OnceCell<Vec<HostName>>,
    asked: OnceCell<Option<HostName>>,
}

impl<'a, B> Hosts<'a, B> {
    pub(crate) const fn of(request: &'a Request<B>) -> Self {
        Self::by(None, request)
    }

    /// Those of a request that does not carry its client yet.
    pub(crate) const fn by(client: Option<&'a ClientAddress>, request: &'a Request<B>) -> Self {
        Self {
            client,
            request,
            named: OnceCell::new(),
            asked: OnceCell::new(),
        }
    }

    /// Whether a rule of these names is for the request, of whose names an app may take any.
    ///
    /// Who names none, or nothing but what [says nothing](says_nothing), can mean any: nobody gets past what counts by
    /// how he says whom he asks.
    pub(crate) fn may_mean(&self, names: Option<&HostNames>) -> bool {
        let Some(names) = names else {
            return true;
        };
        let hosts = self.named();
        hosts.iter().all(says_nothing) || hosts.iter().any(|host| names.has(host))
    }

    pub(crate) fn named(&self) -> &[HostName] {
        self.named
            .get_or_init(|| HostName::named_by(self.client(), self.request))
    }

    fn client(&self) -> Option<&'a ClientAddress> {
        self.client.or_else(|| self.request.extensions().get())
    }

    /// Whether no other name is carried than the one by which the app is found.
    pub(crate) fn are_one(&self) -> bool {
        let mut named = self.named().iter();
        let first = named.next();
        first.is_some_and(|first| named.all(|other| other == first))
    }

    /// How much is said by a rule of these names of the one by which its app is found, if it is for that: nothing (0) by
    /// one for all names.
    pub(crate) fn fit(&self, names: Option<&HostNames>) -> Option<u8> {
        let Some(names) = names else {
            return Some(0);
        };
        let asked = || HostName::asked_by(self.client(), self.request);
        names.fit(self.asked.get_or_init(asked).as_ref()?)
    }
}

/// Whether a host is an address, or a name of the machine itself such as `localhost`: a site is let be asked for by these
/// beside its own names, and by each of them for any of its apps.
pub(crate) fn says_nothing(host: &HostName) -> bool {
    matches!(host, HostName::Address(_)) || host.is_of_this_machine()
}

/// What tells rules for some names from those for others, in what they count under; the same on every node.
pub(crate) fn sign_of(names: &HostNames, sign: u64) -> u64 {
    let sorted = names.sorted();
    let bytes = sorted.iter().flat_map(|name| name.bytes().chain([b'\n']));
    let sign = if sign == 0 { FNV } else { sign };
    fnv(sign, bytes).max(1)
}

/// FNV-1a, from what was hashed before.
pub(crate) fn fnv(hash: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(hash, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where FNV-1a begins.
pub(crate) const FNV: u64 = 0xcbf2_9ce4_8422_2325;
