//! The host that a request is for.

use std::sync::Arc;

use panoply_core::HostName;

/// The host that a request is for, one of the site's: a name in lower case, or an address, without a port.
///
/// A [`HostsLayer`](super::HostsLayer) puts it into the request's extensions, where axum's `Extension` finds it. A
/// service for several tenants tells them apart by it.
///
/// ```
/// use panoply_guard::SiteHost;
///
/// // async fn page(Extension(host): Extension<SiteHost>) …
/// fn tenant(host: &SiteHost) -> Option<&str> {
///     host.as_str().strip_suffix(".shop.example")
/// }
/// # let _ = tenant;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteHost(Arc<str>);

impl SiteHost {
    /// The name or the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<HostName> for SiteHost {
    fn from(host: HostName) -> Self {
        Self(host.to_string().into())
    }
}
