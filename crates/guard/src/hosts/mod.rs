//! The names of a site: what is asked of any other host does not reach the service.

mod layer;
mod site_host;
#[cfg(test)]
mod tests;

pub use layer::{HostsFuture, HostsLayer, HostsService};
pub use site_host::SiteHost;
