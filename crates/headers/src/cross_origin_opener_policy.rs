//! `Cross-Origin-Opener-Policy`: whether a page shares a window group with those it opens.
//!
//! HTML §7.1.3. Stricter first: `same-origin`, `noopener-allow-popups`,
//! `same-origin-allow-popups`, `unsafe-none`. `same-origin` comes before `noopener-allow-popups`
//! because only with it a page can be cross-origin isolated.

use crate::keyword::keywords;

keywords! {
    /// Which windows can reach the page's own. Default: `same-origin`.
    #[derive(Default)]
    pub enum CrossOriginOpenerPolicy, "a Cross-Origin-Opener-Policy" {
        /// Those of the same origin only.
        #[default]
        SameOrigin = "same-origin",
        /// None that opened it; those that it opens itself.
        NoopenerAllowPopups = "noopener-allow-popups",
        /// Those of the same origin, and those that it opens itself.
        SameOriginAllowPopups = "same-origin-allow-popups",
        /// All: as if the header were not there.
        UnsafeNone = "unsafe-none",
    }
}
