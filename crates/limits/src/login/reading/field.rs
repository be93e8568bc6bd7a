//! Where a user name stands.

/// Where a user name stands: at one of some paths, or wherever apps usually have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::login) enum Field {
    /// At dotted paths, in parts, in lower case.
    At(Vec<Vec<String>>),
    /// Under a usual name, however deep.
    Usual,
}

/// What apps call the user name, as [`folded`]. Whatever stands below is part of it, however odd.
const NAMES: [&str; 29] = [
    "username",
    "user_name",
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
    "identifier",
    "name",
    "phone",
    "log",
    "wpname",
];

/// What apps call the user name, or an object that holds it beside the password.
const OBJECTS: [&str; 3] = ["user", "login", "account"];

impl Field {
    pub(in crate::login) fn at<T: AsRef<str>>(paths: &[T]) -> Self {
        let parts = |path: &T| path.as_ref().split('.').map(folded).collect();
        Self::At(paths.iter().map(parts).collect())
    }

    /// Whether what lies at `path` is the field, or part of it: an element of a list, or a value
    /// within an object that stands where the name should.
    pub(super) fn holds<T: AsRef<str>>(&self, path: &[T]) -> bool {
        match self {
            Self::At(fields) => {
                // `user[0][name]`, and what a careless copy takes for a prototype.
                let named: Vec<&str> = path
                    .iter()
                    .map(AsRef::as_ref)
                    .filter(|part| !is_passed_over(part))
                    .collect();
                let is = |field: &Vec<String>| begins(path, field) || begins(&named, field);
                fields.iter().any(is)
            }
            Self::Usual => {
                let is_name = |part: &T| is_usual(&folded(part.as_ref()), &NAMES);
                if path.iter().any(is_name) {
                    return true;
                }
                // An operator of a query stands below the name: `username[$ne]`.
                let is_key =
                    |part: &&T| !part.as_ref().starts_with('$') && !is_passed_over(part.as_ref());
                let key = path.iter().rev().find(is_key);
                key.is_some_and(|key| is_usual(&folded(key.as_ref()), &OBJECTS))
            }
        }
    }
}

/// `j_username` and `_username` are what frameworks write for `username`.
fn is_usual(key: &str, usual: &[&str]) -> bool {
    let bare = key.strip_prefix("j_").unwrap_or(key);
    usual.contains(&bare.trim_start_matches('_'))
}

fn begins<T: AsRef<str>>(path: &[T], field: &[String]) -> bool {
    path.len() >= field.len()
        && field
            .iter()
            .zip(path)
            .all(|(own, other)| *own == folded(other.as_ref()))
}

/// A place in a list, or a prototype: neither names what lies below it.
fn is_passed_over(part: &str) -> bool {
    part == "__proto__" || part.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key as the most lenient app compares it: without case, and as PHP writes dots and spaces.
fn folded(key: &str) -> String {
    let key = key.trim().to_lowercase().replace([' ', '.'], "_");
    match of_an_action(&key) {
        Some(bare) => bare.to_owned(),
        None => key,
    }
}

/// What the page calls a field that React sends to a server action as `_1_username` or `1_username`.
fn of_an_action(key: &str) -> Option<&str> {
    let (number, bare) = key.strip_prefix('_').unwrap_or(key).split_once('_')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !bare.is_empty()).then_some(bare)
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
            &["wpName"],
            &["user name"],
            &["data", "attributes", "email"],
            &["", "user", ""],
            &["username", "x", "y"],
            &["username", "password"],
            &["_1_username"],
            &["1_email"],
            &["__proto__", "user", "__proto__"],
        ] {
            assert!(Field::Usual.holds(path), "{path:?}");
        }
        for path in [
            &["password"][..],
            &["user", "password"],
            &["user", "remember_me"],
            &["_1_password"],
            &["_1_"],
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
        assert!(field.holds(&["user", "0", "name"]));
        assert!(field.holds(&["_1_mail"]));
        assert!(field.holds(&["__proto__", "user", "name"]));
        assert!(!field.holds(&["user"]));
        assert!(!field.holds(&["name"]));
    }
}
