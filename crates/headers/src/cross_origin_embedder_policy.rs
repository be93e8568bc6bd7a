//! `Cross-Origin-Embedder-Policy`: whether a page may embed what has not agreed to it.
//!
//! HTML §7.1.4. Stricter first: `require-corp`, `credentialless`, `unsafe-none`.

use crate::keyword::keywords;

keywords! {
    /// What a page may embed. No preset sends it: it breaks pages that show other sites' images.
    #[derive(Default)]
    pub enum CrossOriginEmbedderPolicy, "a Cross-Origin-Embedder-Policy" {
        /// Only what says by CORP or CORS that it may be embedded.
        #[default]
        RequireCorp = "require-corp",
        /// Anything, but fetched without cookies.
        Credentialless = "credentialless",
        /// Anything: as if the header were not there.
        UnsafeNone = "unsafe-none",
    }
}
