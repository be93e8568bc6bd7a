//! `X-Frame-Options`: who may hold the page in a frame.
//!
//! RFC 7034, HTML §7.6; browsers that know `frame-ancestors` follow that where both are there.
//! Stricter first: `DENY`, `SAMEORIGIN`. Browsers ignore `ALLOW-FROM`, so it loses.

use crate::keyword::keywords;

keywords! {
    /// Who may hold the page in a frame. Default: `SAMEORIGIN`.
    #[derive(Default)]
    pub enum XFrameOptions, "an X-Frame-Options" {
        /// Nobody.
        Deny = "DENY",
        /// Pages of the same origin.
        #[default]
        SameOrigin = "SAMEORIGIN",
    }
}
