//! `X-Permitted-Cross-Domain-Policies`: which policy files Flash and Acrobat may follow.
//!
//! Adobe's cross-domain policy file specification. Stricter first: `none`, `none-this-response`,
//! `master-only`, `by-content-type`, `by-ftp-filename`, `all`.

use crate::keyword::keywords;

keywords! {
    /// Which policy files are followed. Default: `none`.
    #[derive(Default)]
    pub enum XPermittedCrossDomainPolicies, "an X-Permitted-Cross-Domain-Policies" {
        /// None on the whole host.
        #[default]
        None = "none",
        /// Not this response.
        NoneThisResponse = "none-this-response",
        /// The one at the root of the host.
        MasterOnly = "master-only",
        /// Those of media type `text/x-cross-domain-policy`.
        ByContentType = "by-content-type",
        /// Those whose FTP name is `crossdomain.xml`.
        ByFtpFilename = "by-ftp-filename",
        /// All.
        All = "all",
    }
}
