//! `X-Content-Type-Options`: that a response is what its media type says.
//!
//! Fetch §3.6. There is one value, and any other of the application's loses against it.

use crate::keyword::keywords;

keywords! {
    /// Keeps browsers from guessing. Default: `nosniff`.
    #[derive(Default)]
    pub enum XContentTypeOptions, "an X-Content-Type-Options" {
        /// No guessing.
        #[default]
        Nosniff = "nosniff",
    }
}
