//! A checked configuration of headers.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use panoply_core::{HostName, Nonce};

use crate::parts::{Parts, host_names};
use crate::removal::Removal;
use crate::render::{Everywhere, Rendered};
use crate::scope::Prefix;
use crate::weakening::{of_domain, weakenings};
use crate::{ClearSiteData, Error, HeadersConfig, HeadersLayer, Override, Preset, Weakening};

/// Headers that have been checked and rendered: what a [`HeadersLayer`] sends. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Headers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rendered: Everywhere,
    in_force: Vec<HeaderInForce>,
    in_domains: Vec<(Vec<String>, Vec<HeaderInForce>)>,
    weakenings: Vec<Weakening>,
    nonce_placeholder: Option<Box<str>>,
}

/// One header as it is sent over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderInForce {
    /// The prefix of the paths with which it is sent; `/` is the site.
    pub path: String,
    /// The header's name.
    pub name: HeaderName,
    /// Its value; `'nonce'` stands for the nonce of the request.
    pub value: String,
}

impl fmt::Display for HeaderInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.path, self.name, self.value)
    }
}

impl Headers {
    /// Begins with the preset `helmet`.
    pub fn helmet() -> HeadersConfig {
        HeadersConfig::new(Preset::Helmet)
    }

    /// Begins with the preset `strict`, for applications that write our nonce into their scripts.
    pub fn strict() -> HeadersConfig {
        HeadersConfig::new(Preset::Strict)
    }

    /// Begins with the preset `api`, for answers that no browser shows as a page.
    pub fn api() -> HeadersConfig {
        HeadersConfig::new(Preset::Api)
    }

    /// Begins with the preset `legacy`, what Helmet 3 sent besides.
    pub fn legacy() -> HeadersConfig {
        HeadersConfig::new(Preset::Legacy)
    }

    pub(crate) fn new(config: &HeadersConfig) -> Result<Self, Error> {
        let preset = config.preset.resolved();
        let site = config.settings.resolve(&preset, &preset)?;
        let mut domains = Vec::new();
        for (number, (names, settings)) in config.domains.iter().enumerate() {
            let at = |error: Error| error.at(&format!("domain.{number}"));
            let hosts = host_names(names).map_err(at)?;
            let own = settings.resolve(&site, &preset).map_err(at)?;
            domains.push((hosts, names, Parts::new(config, own).map_err(at)?));
        }
        let site = Parts::new(config, site)?;
        let clear = config
            .clear_site_data
            .as_deref()
            .unwrap_or(ClearSiteData::DEFAULT);
        if clear.is_empty() {
            let error = Error::missing("a kind of site data", "write `[\"cookies\"]`");
            return Err(error.at("clear_site_data"));
        }
        let mut clear_on = Vec::new();
        for (number, path) in config.clear_site_data_on.iter().enumerate() {
            let key = format!("clear_site_data_on.{number}");
            clear_on.push(Prefix::new(path).map_err(|error| error.at(&key))?);
        }
        let no_store = config
            .no_store_with_cookie
            .unwrap_or(config.preset.no_store_with_cookie());
        let mut weakenings = weakenings(config, &site);
        for (number, (_, _, parts)) in domains.iter().enumerate() {
            of_domain(number, parts, &mut weakenings);
        }
        for weakening in weakenings.iter().filter(|one| one.is_loud()) {
            tracing::warn!(key = weakening.key, "{}", weakening.why);
        }
        let render = |parts: &Parts| -> Result<Arc<Rendered>, Error> {
            let rendered = Rendered::new(parts, removal(config)?)?
                .over(config.over == Override::Always)
                .no_store_with_cookie(no_store)
                .clear(clear_on.clone(), ClearSiteData::value(clear));
            Ok(Arc::new(rendered))
        };
        let mut by_name = Vec::new();
        let mut in_domains = Vec::new();
        for (hosts, names, parts) in domains {
            by_name.push((hosts, render(&parts)?));
            in_domains.push((names.clone(), parts.in_force()?));
        }
        let placeholder = config.nonce_placeholder.as_deref();
        let placeholder = placeholder.map(check_placeholder).transpose()?;
        Ok(Self(Arc::new(Inner {
            rendered: Everywhere::new(render(&site)?, by_name),
            in_force: site.in_force()?,
            in_domains,
            weakenings,
            nonce_placeholder: placeholder,
        })))
    }

    /// The layer that sends them.
    pub fn layer(&self) -> HeadersLayer {
        HeadersLayer::new(self)
    }

    /// Every header as it is sent over HTTPS, first those of the site, then those of each path.
    pub fn describe(&self) -> &[HeaderInForce] {
        &self.0.in_force
    }

    /// The same under some of the site's names, where they are different: the names of each table, and all that is sent
    /// there.
    pub fn describe_domains(&self) -> &[(Vec<String>, Vec<HeaderInForce>)] {
        &self.0.in_domains
    }

    /// Which of [`Self::describe_domains`] has what is sent under the name `host`, counted from 0; none where that is
    /// what the site sends.
    ///
    /// ```
    /// use panoply_core::HostName;
    /// use panoply_headers::Headers;
    ///
    /// let headers = Headers::helmet().domain(["docs.shop.example"], |docs| docs.csp(|policy| policy)).build()?;
    /// let of = |host: &str| headers.domain_of(&HostName::parse(host.as_bytes())?);
    /// assert_eq!((of("DOCS.shop.example:8443"), of("shop.example")), (Some(0), None));
    /// # Ok::<(), panoply_headers::Error>(())
    /// ```
    pub fn domain_of(&self, host: &HostName) -> Option<usize> {
        self.0.rendered.table(host)
    }

    /// Whatever is weaker than the preset `helmet`, with the key that makes it so.
    pub fn weakenings(&self) -> &[Weakening] {
        &self.0.weakenings
    }

    /// What the application writes where the nonce belongs.
    pub fn nonce_placeholder(&self) -> Option<&str> {
        self.0.nonce_placeholder.as_deref()
    }

    /// Whether any policy, of the site or of a path, asks for a nonce.
    pub fn uses_nonce(&self) -> bool {
        self.0.rendered.uses_nonce()
    }

    /// Whether a header of this name is taken off every answer, since it tells what the site is made of.
    pub fn removes(&self, name: &HeaderName) -> bool {
        self.0.rendered.site().removes(name)
    }

    pub(crate) fn rendered(&self) -> &Everywhere {
        &self.0.rendered
    }
}

fn removal(config: &HeadersConfig) -> Result<Removal, Error> {
    for (key, names) in [("remove", &config.remove), ("keep", &config.keep)] {
        for name in names {
            if HeaderName::try_from(name.as_str()).is_err() {
                let error = Error::form("the name of a header", format!("{name:?}"));
                return Err(error.at(key));
            }
        }
    }
    let kept = |name: &&str| {
        !config
            .keep
            .iter()
            .any(|keep| keep.eq_ignore_ascii_case(name))
    };
    let listed = config.stripped.names().iter().copied().filter(kept);
    Ok(Removal::new(
        listed.chain(config.remove.iter().map(String::as_str)),
    ))
}

fn check_placeholder(placeholder: &str) -> Result<Box<str>, Error> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if placeholder.len() == Nonce::LEN && placeholder.bytes().all(letter) {
        return Ok(placeholder.into());
    }
    let found = format!("{} of them", placeholder.chars().count());
    let found = if placeholder.bytes().all(letter) {
        found
    } else {
        format!("{placeholder:?}")
    };
    Err(Error::form("24 characters of A-Z, a-z, 0-9, `-` and `_`", found).at("nonce_placeholder"))
}
