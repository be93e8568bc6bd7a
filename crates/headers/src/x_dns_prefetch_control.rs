//! `X-DNS-Prefetch-Control`: whether names in links are resolved before they are followed.
//!
//! No specification; Chromium reads it. Stricter first: `off`, `on`.

use crate::keyword::keywords;

keywords! {
    /// Whether a page's links are told to the DNS. Default: `off`.
    #[derive(Default)]
    pub enum XDnsPrefetchControl, "an X-DNS-Prefetch-Control" {
        /// Only those that are followed.
        #[default]
        Off = "off",
        /// All: a little faster, and the resolver learns what a page links to.
        On = "on",
    }
}
