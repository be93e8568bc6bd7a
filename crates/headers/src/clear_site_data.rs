//! `Clear-Site-Data`: what a browser forgets after logging out.
//!
//! Clear Site Data (W3C). Sent on the paths of `clear_site_data_on`, with answers that are no
//! errors. The application's own stays.

use http::HeaderValue;

use crate::keyword::keywords;

keywords! {
    /// What is forgotten. Default: `cookies` and `storage`, since clearing the cache can take
    /// seconds.
    pub enum ClearSiteData, "a kind of site data" {
        /// The cache.
        Cache = "cache",
        /// Cookies, of the whole site with its subdomains.
        Cookies = "cookies",
        /// `localStorage`, `IndexedDB`, service workers.
        Storage = "storage",
        /// What was fetched ahead.
        PrefetchCache = "prefetchCache",
        /// What was rendered ahead.
        PrerenderCache = "prerenderCache",
        /// Client hints.
        ClientHints = "clientHints",
        /// Whatever there is, now and in later specifications.
        Everything = "*",
    }
}

impl ClearSiteData {
    pub(crate) const DEFAULT: &[Self] = &[Self::Cookies, Self::Storage];

    /// The header that says to forget `kinds`.
    pub(crate) fn value(kinds: &[Self]) -> HeaderValue {
        let words: Vec<_> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        let value = HeaderValue::try_from(words.join(", "));
        value.unwrap_or_else(|_| HeaderValue::from_static("\"*\""))
    }
}
