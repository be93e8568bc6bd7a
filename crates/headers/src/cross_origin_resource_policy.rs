//! `Cross-Origin-Resource-Policy`: which sites may load a response into their pages.
//!
//! Fetch §3.7. Stricter first: `same-origin`, `same-site`, `cross-origin`.

use crate::keyword::keywords;

keywords! {
    /// Who may load the response without CORS. Default: `same-origin`.
    #[derive(Default)]
    pub enum CrossOriginResourcePolicy, "a Cross-Origin-Resource-Policy" {
        /// Pages of the same origin.
        #[default]
        SameOrigin = "same-origin",
        /// Pages of the same site: `www.shop.example` and `img.shop.example` are one.
        SameSite = "same-site",
        /// Any page: as if the header were not there.
        CrossOrigin = "cross-origin",
    }
}
