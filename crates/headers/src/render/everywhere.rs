//! What is sent under which name.

use std::sync::Arc;

use http::Request;
use panoply_core::{HostName, HostNames};

use super::Rendered;

/// What is sent for the site, and under names for which it is different. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Everywhere(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: Arc<Rendered>,
    by_name: Box<[(HostNames, Arc<Rendered>)]>,
}

impl Everywhere {
    pub(crate) fn new(site: Arc<Rendered>, by_name: Vec<(HostNames, Arc<Rendered>)>) -> Self {
        Self(Arc::new(Inner {
            site,
            by_name: by_name.into(),
        }))
    }

    pub(crate) fn site(&self) -> &Rendered {
        &self.0.site
    }

    pub(crate) fn uses_nonce(&self) -> bool {
        let mut by_name = self.0.by_name.iter();
        self.0.site.uses_nonce() || by_name.any(|(_, rendered)| rendered.uses_nonce())
    }

    /// What is sent for what `request` asks for: a name itself says more than a wildcard, and the first of two more than
    /// the second.
    pub(crate) fn of<B>(&self, request: &Request<B>) -> &Arc<Rendered> {
        let Inner { site, by_name } = &*self.0;
        if by_name.is_empty() {
            return site;
        }
        let host = HostName::asked(request);
        let table = host.and_then(|host| by_name.get(self.table(&host)?));
        table.map_or(site, |(_, rendered)| rendered)
    }

    /// Which of the names for which it is different `host` is one of, if any.
    pub(crate) fn table(&self, host: &HostName) -> Option<usize> {
        // Of several that are as good, the last of these, which is the first that is written.
        let fits = self.0.by_name.iter().enumerate().rev();
        let fits = fits.filter_map(|(number, (names, _))| Some((names.fit(host)?, number)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::header::HOST;
    use http::{HeaderMap, Response};
    use panoply_core::{ClientAddress, Scheme};
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use crate::{Headers, HeadersConfig};

    fn sent(headers: &Headers, host: &str, path: &str) -> HeaderMap {
        let mut request = http::Request::get(path)
            .header(HOST, host)
            .body(())
            .unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), Scheme::Https);
        request.extensions_mut().insert(client);
        let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(())));
        let answer = wait_for(headers.layer().layer(app).oneshot(request));
        answer.headers().clone()
    }

    fn wait_for<T>(answer: impl Future<Output = Result<T, Infallible>>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(answer)
            .unwrap_or_else(|never| match never {})
    }

    fn read(toml: &str) -> Result<Headers, String> {
        let config: HeadersConfig = toml::from_str(toml).map_err(|error| error.to_string())?;
        config.build().map_err(|error| error.to_string())
    }

    const TABLES: &str = r#"
        x-frame-options = "deny"
        [[path]]
        prefix = "/embed"
        x-frame-options = false
        [[domain]]
        domains = ["*.a.test"]
        referrer-policy = "same-origin"
        [[domain]]
        domains = ["docs.a.test", "[::1]"]
        content-security-policy = { append = { script-src = ["https://search.test"] } }
        [[domain]]
        domains = ["docs.a.test"]
        referrer-policy = "origin"
    "#;

    #[test]
    fn a_name_has_its_own_and_what_is_below_a_path_there_too() {
        let headers = read(TABLES).unwrap();
        let searches = |sent: &HeaderMap| {
            let policy = sent["content-security-policy"].to_str().unwrap();
            policy.contains("script-src 'self' https://search.test")
        };
        for host in ["docs.a.test", "DOCS.a.test.:8443", "[0::1]:80"] {
            let docs = sent(&headers, host, "/");
            assert!(searches(&docs), "{host}");
            assert_eq!(docs["x-frame-options"], "DENY");
            assert_eq!(docs["referrer-policy"], "no-referrer");
            let embedded = sent(&headers, host, "/embed/x");
            assert!(searches(&embedded) && !embedded.contains_key("x-frame-options"));
        }
        let other = sent(&headers, "www.a.test", "/");
        assert_eq!(other["referrer-policy"], "same-origin");
        assert!(!searches(&other));
        for host in ["a.test", "docs.a.test.evil.test", "a b", ""] {
            let site = sent(&headers, host, "/");
            assert!(
                !searches(&site) && site["referrer-policy"] == "no-referrer",
                "{host}"
            );
            assert_eq!(site["x-frame-options"], "DENY");
        }
        let named: Vec<_> = headers
            .describe_domains()
            .iter()
            .map(|(names, _)| &names[0])
            .collect();
        assert_eq!(named, ["*.a.test", "docs.a.test", "docs.a.test"]);
    }

    #[test]
    fn what_is_weaker_there_alone_is_told_with_the_table_that_makes_it_so() {
        let headers =
            read("[[domain]]\ndomains = [\"a.test\"]\nx-frame-options = false\n").unwrap();
        let keys: Vec<_> = headers.weakenings().iter().map(|one| &*one.key).collect();
        assert_eq!(keys, ["domain.0.x-frame-options"]);
    }

    #[test]
    fn a_table_that_is_wrong_says_what_to_write() {
        for (toml, said) in [
            (
                "[[domain]]\nx-frame-options = false",
                "missing field `domains`",
            ),
            ("[[domain]]\ndomains = []", "domain.0.domains"),
            ("[[domain]]\ndomains = [\"a b\"]", "domain.0.domains"),
            ("[[domain]]\nprefix = \"/a\"", "prefix"),
            (
                "[[domain]]\ndomains = [\"a.test\"]\nhsts = false",
                "write `strict-transport-security`",
            ),
            ("domains = [\"a.test\"]", "domains"),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(said), "{toml}: {error}");
        }
    }
}
