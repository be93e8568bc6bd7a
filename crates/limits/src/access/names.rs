//! Tables that speak of some of the site's names alone.

use panoply_core::HostName;

use super::config::Access;

impl Access {
    /// Whether it speaks of what is asked for under one of these names, of which an app may take any.
    ///
    /// An address is a name like others here: whoever looks whether the site is well knows nothing else, and is not to
    /// be told that there is nothing because one name is for some alone.
    pub(super) fn is_for(&self, hosts: &[HostName]) -> bool {
        match &self.names {
            Some(names) => hosts.is_empty() || hosts.iter().any(|host| names.has(host)),
            None => true,
        }
    }

    /// Whether it matters by which name it is asked for.
    pub(super) const fn is_by_name(&self) -> bool {
        self.names.is_some()
    }
}
