//! Who has shown who he is, to a layer.

use std::fmt;
use std::sync::Arc;

/// The name under which a request has shown a password to the layer that asks for one; in the request's extensions,
/// for the service behind it. A client cannot put it there.
///
/// ```
/// use http::Request;
/// use panoply_core::PasswordUser;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PasswordUser::new("ada"));
/// let user = request.extensions().get::<PasswordUser>();
/// assert_eq!(user.map(PasswordUser::name), Some("ada"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordUser(Arc<str>);

impl PasswordUser {
    /// The user of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// His name, as it was given with the password.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Without the name, which no log is to have.
impl fmt::Debug for PasswordUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordUser(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_log_has_the_name() {
        assert_eq!(
            format!("{:?}", PasswordUser::new("ada")),
            "PasswordUser(..)"
        );
    }
}
