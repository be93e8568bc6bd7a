//! `X-Download-Options`: that a download is not opened within the site.
//!
//! Internet Explorer 8 only. Ours always replaces the application's.

use crate::keyword::keywords;

keywords! {
    /// Whether Internet Explorer offers to open a download. Default: `noopen`.
    #[derive(Default)]
    pub enum XDownloadOptions, "an X-Download-Options" {
        /// It does not.
        #[default]
        Noopen = "noopen",
    }
}
