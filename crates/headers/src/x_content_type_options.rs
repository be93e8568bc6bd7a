//! `X-Content-Type-Options`: that a response is what its media type says.
//!
//! Fetch §3.6. There is one value, and any other of the application's loses against it.

use crate::keyword::keywords;

keywords! {
    /// Keeps browsers from guessing. Default: `nosniff`.
    pub enum XContentTypeOptions, "an X-Content-Type-Options" {
        /// No guessing.
        Nosniff = "nosniff",
    }
}

impl Default for XContentTypeOptions {
    fn default() -> Self {
        Self::Nosniff
    }
}
