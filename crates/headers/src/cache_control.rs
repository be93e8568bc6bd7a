//! `Cache-Control`: whether an answer may be kept.
//!
//! RFC 9111 §5.2. Stricter first: `no-store`, `no-cache`, `private`, anything else.

use http::header::{CACHE_CONTROL, EXPIRES, HeaderName, HeaderValue, PRAGMA};

use crate::keyword::keywords;

keywords! {
    /// Whether an answer may be kept. Only the presets `api` and `legacy` say so for every answer.
    #[derive(Default)]
    pub enum CacheControl, "a Cache-Control" {
        /// Nowhere, with everything that Helmet 3's `noCache` said to old caches besides:
        /// `Pragma`, `Expires` and `Surrogate-Control`.
        Helmet3 = "no-store, no-cache, must-revalidate, proxy-revalidate",
        /// Nowhere.
        #[default]
        NoStore = "no-store",
        /// Not used again without asking.
        NoCache = "no-cache",
        /// By the browser only.
        Private = "private",
    }
}

impl CacheControl {
    /// The headers that say it.
    pub(crate) fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![(CACHE_CONTROL, HeaderValue::from_static(self.as_str()))];
        if self == Self::Helmet3 {
            let surrogate = HeaderName::from_static("surrogate-control");
            headers.push((surrogate, HeaderValue::from_static("no-store")));
            headers.push((PRAGMA, HeaderValue::from_static("no-cache")));
            headers.push((EXPIRES, HeaderValue::from_static("0")));
        }
        headers
    }

    /// Whether the application's `values` are at least as strict.
    pub(crate) fn is_met_by<'a>(self, values: impl Iterator<Item = &'a HeaderValue>) -> bool {
        let rank = |word: &str| match word.trim().to_ascii_lowercase().as_str() {
            "no-store" => 3,
            "no-cache" => 2,
            "private" => 1,
            _ => 0,
        };
        let highest = |text: &str| text.split(',').map(rank).max().unwrap_or(0);
        let theirs = values.filter_map(|value| value.to_str().ok());
        theirs.map(highest).max().unwrap_or(0) >= highest(self.as_str())
    }
}
