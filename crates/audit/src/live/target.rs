//! What is audited: one address, over HTTP and over HTTPS.

use url::Url;

use super::options::LiveOptions;
use crate::error::Error;

/// An address, over HTTP and over HTTPS.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As it was given.
    pub(crate) given: Url,
    pub(crate) http: Url,
    pub(crate) https: Url,
    /// Whether it is known where plain HTTP would be: guessed beside a port of its own.
    pub(crate) knows_http: bool,
    pub(crate) knows_https: bool,
}

impl Target {
    /// Reads what a person wrote; a name alone is taken as a host.
    pub(crate) fn read(text: &str, options: &LiveOptions) -> Result<Self, Error> {
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut given = Url::parse(&full).map_err(|source| Error::Address {
            url: text.to_owned(),
            source,
        })?;
        let not_http = || Error::NotHttp {
            url: text.to_owned(),
        };
        if !matches!(given.scheme(), "http" | "https") {
            return Err(not_http());
        }
        given.set_fragment(None);
        let over = |scheme: &str, port: Option<u16>| {
            let mut url = given.clone();
            // With a port of its own, both are looked for at it, as the Observatory does.
            let port = port.or(given.port());
            url.set_scheme(scheme).map_err(|()| not_http())?;
            url.set_port(port).map_err(|()| not_http())?;
            Ok::<_, Error>(url)
        };
        let plain = given.port().is_none();
        Ok(Self {
            http: over("http", options.http_port)?,
            https: over("https", options.https_port)?,
            knows_http: plain || options.http_port.is_some() || given.scheme() == "http",
            knows_https: plain || options.https_port.is_some() || given.scheme() == "https",
            given,
        })
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &str {
        self.given.host_str().unwrap_or_default()
    }

    /// The host, with the port if one was given.
    pub(crate) fn authority(&self) -> String {
        match self.given.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let target = Target::read(text, &LiveOptions::new()).unwrap();
        (target.http.into(), target.https.into())
    }

    #[test]
    fn both_ways_are_known() {
        let pair = |http: &str, https: &str| (http.to_owned(), https.to_owned());
        assert_eq!(
            read("shop.example"),
            pair("http://shop.example/", "https://shop.example/")
        );
        assert_eq!(
            read("http://shop.example/a?b#c"),
            pair("http://shop.example/a?b", "https://shop.example/a?b")
        );
        assert_eq!(
            read("https://localhost:8443"),
            pair("http://localhost:8443/", "https://localhost:8443/")
        );
        let options = LiveOptions::new().http_port(8080);
        let target = Target::read("https://localhost:8443", &options).unwrap();
        assert_eq!(target.http.as_str(), "http://localhost:8080/");
        assert!(target.knows_http);
    }

    #[test]
    fn what_is_no_web_server_is_refused() {
        for text in ["ftp://a.test", "https://", "a b", "file:///etc"] {
            assert!(Target::read(text, &LiveOptions::new()).is_err(), "{text}");
        }
    }
}
