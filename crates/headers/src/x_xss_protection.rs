//! `X-XSS-Protection`: the script filters that browsers once had.
//!
//! No specification, and no browser of today has the filter: it could be used to switch off scripts
//! of the page itself, and to read across origins. Ours always replaces the application's.

use crate::keyword::keywords;

keywords! {
    /// What an old browser's filter does. Default: `0`.
    #[derive(Default)]
    pub enum XXssProtection, "an X-XSS-Protection" {
        /// Nothing.
        #[default]
        Off = "0",
        /// Takes out what looks injected; opens holes of its own.
        Filter = "1",
        /// Does not show the page; as Helmet 3 sent it, and the preset `legacy` does.
        Block = "1; mode=block",
    }
}
