//! Tables that speak of some of the site's names alone.

use panoply_core::{HostName, HostNames};

use super::config::Access;
use crate::Error;

/// The names that a table speaks of.
pub(super) fn names(written: &[String]) -> Result<HostNames, Error> {
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
    Ok(all)
}

impl Access {
    /// Whether it speaks of what is asked for under one of these names, of which an app may take any.
    pub(super) fn is_for(&self, hosts: &[HostName]) -> bool {
        match &self.names {
            Some(names) => hosts.is_empty() || hosts.iter().any(|host| names.has(host)),
            None => true,
        }
    }

    /// Whether it matters by which name it is asked for.
    pub(super) const fn is_by_name(&self) -> bool {
        self.names.is_some()
    }
}
