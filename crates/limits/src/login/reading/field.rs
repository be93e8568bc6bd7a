//! Where a user name stands.

/// Where a user name stands: at one of some paths, or wherever apps usually have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::login) enum Field {
    /// At dotted paths, in parts, in lower case.
    At(Vec<Vec<String>>),
    /// Under a usual name, however deep.
    Usual,
}

/// What apps call the user name, as [`folded`].
const USUAL: [&str; 31] = [
    "username",
    "user_name",
    "user",
    "userid",
    "user_id",
    "user_login",
    "userlogin",
    "user_email",
    "useremail",
    "usernameoremail",
    "username_or_email",
    "emailorusername",
    "email_or_username",
    "uname",
    "uid",
    "login",
    "loginname",
    "login_name",
    "loginid",
    "login_id",
    "loginfmt",
    "email",
    "e-mail",
    "emailaddress",
    "email_address",
    "mail",
    "account",
    "identifier",
    "name",
    "phone",
    "log",
];

impl Field {
    pub(in crate::login) fn at<T: AsRef<str>>(paths: &[T]) -> Self {
        let parts = |path: &T| path.as_ref().split('.').map(folded).collect();
        Self::At(paths.iter().map(parts).collect())
    }

    /// Whether what lies at `path` is the field, or part of it: an element of a list, or a value
    /// within an object that stands where the name should.
    pub(super) fn holds<T: AsRef<str>>(&self, path: &[T]) -> bool {
        match self {
            Self::At(fields) => fields.iter().any(|field| begins(path, field)),
            Self::Usual => {
                // An operator of a query stands below the name: `username[$ne]`.
                let is_key =
                    |part: &&T| !part.as_ref().starts_with('$') && !is_number(part.as_ref());
                let key = path.iter().rev().find(is_key);
                key.is_some_and(|key| is_usual(&folded(key.as_ref())))
            }
        }
    }
}

/// `j_username` and `_username` are what frameworks write for `username`.
fn is_usual(key: &str) -> bool {
    let bare = key.strip_prefix("j_").unwrap_or(key);
    USUAL.contains(&bare.trim_start_matches('_'))
}

fn begins<T: AsRef<str>>(path: &[T], field: &[String]) -> bool {
    path.len() >= field.len()
        && field
            .iter()
            .zip(path)
            .all(|(own, other)| *own == folded(other.as_ref()))
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key as the most lenient app compares it: without case, and as PHP writes dots and spaces.
fn folded(key: &str) -> String {
    key.trim().to_lowercase().replace([' ', '.'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_found_and_passwords_are_none() {
        for path in [
            &["username"][..],
            &["Email"],
            &["user", "email"],
            &["session", "login"],
            &["user", "0"],
            &["username", "$ne"],
            &["username", "$in", "0"],
            &["_username"],
            &["j_username"],
            &["user name"],
            &["data", "attributes", "email"],
            &["", "user", ""],
        ] {
            assert!(Field::Usual.holds(path), "{path:?}");
        }
        for path in [
            &["password"][..],
            &["user", "password"],
            &["user", "remember_me"],
            &["_csrf"],
            &["0"],
            &[],
        ] {
            assert!(!Field::Usual.holds(path), "{path:?}");
        }
    }

    #[test]
    fn a_path_holds_what_lies_below_it() {
        let field = Field::at(&["user.name", "mail"]);
        assert!(field.holds(&["user", "NAME"]));
        assert!(field.holds(&["user", "name", "first"]));
        assert!(field.holds(&["mail", "0"]));
        assert!(!field.holds(&["user"]));
        assert!(!field.holds(&["name"]));
    }
}
