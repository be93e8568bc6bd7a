//! Who has a password, and whether it is his.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::Error;

/// What makes a line for somebody.
const EXAMPLE: &str = "what `panoply password NAME` or `htpasswd -nB NAME` makes, `$2b$12$…`";

/// The longest password that bcrypt reads whole: 72 bytes. What is longer would be let in by its beginning.
const LONGEST: usize = 72;

/// What is read at most of a file of users, some 200,000 of them: 16 MiB.
const MOST: u64 = 16 << 20;

/// The costs that are taken: 2^4 rounds are a test's, and beyond 2^16 a check takes seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// Users by their names, and the hashes of their passwords (bcrypt).
#[derive(Clone, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// The hash that takes longest to look at, and how long.
    slowest: Option<(u32, String)>,
}

impl Users {
    /// Those of a table.
    pub(super) fn of(table: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut users = Self::default();
        for (name, hash) in table {
            users.add("users", "", name, hash)?;
        }
        Ok(users)
    }

    /// Those of a file as Apache and nginx have it: `name:hash`, a line each; `#` begins a remark.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        let wrong = |problem: String| Error::Value {
            key: "htpasswd",
            problem,
            example: "the path of a file with a line for each user, as `htpasswd -cB FILE NAME` makes it",
        };
        // What is no path may be a name with its hash, or several lines of them.
        let shown = path.display().to_string();
        let is_line = shown.contains(|c: char| c == ':' || c.is_control());
        let shown = if is_line { "…" } else { &*shown };
        let text = panoply_core::read_text_file(path, MOST)
            .map_err(|error| wrong(format!("is `{shown}`, which cannot be read ({error})")))?;
        // Editors of Windows begin a file with it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().map(str::trim).enumerate();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let number = number + 1;
            let Some((name, hash)) = line.split_once(':') else {
                return Err(wrong(format!(
                    "is `{shown}`, of which line {number} is no `name:hash`"
                )));
            };
            // What stands behind another colon is a remark to nginx.
            let hash = hash.split(':').next().unwrap_or_default();
            let place = format!(" in line {number} of `{shown}`");
            self.add("htpasswd", &place, name, hash)?;
        }
        if self.hashes.is_empty() {
            return Err(wrong(format!("is `{shown}`, in which nobody is")));
        }
        Ok(())
    }

    /// `place` says where it stands, with a space before it.
    fn add(&mut self, key: &'static str, place: &str, name: &str, hash: &str) -> Result<(), Error> {
        let wrong = |problem: String| Error::Value {
            key,
            problem,
            example: EXAMPLE,
        };
        let is_odd = name.contains(':') || name.starts_with('#') || name.trim() != name;
        if name.is_empty() || is_odd || name.chars().any(char::is_control) {
            // Behind a colon there may be a password.
            let name = name.split(':').next().unwrap_or_default();
            return Err(wrong(format!(
                "names a user {name:?}{place}: names are not empty, have no colon, and begin with neither `#` nor a space"
            )));
        }
        // The hash itself is nobody's business.
        let cost = match hash.parse::<bcrypt::HashParts>() {
            Ok(parts) if COSTS.contains(&parts.get_cost()) => parts.get_cost(),
            Ok(parts) => {
                let cost = parts.get_cost();
                let message = format!(
                    "has a hash of cost {cost} for `{name}`{place}, where {} to {} are taken",
                    COSTS.start(),
                    COSTS.end()
                );
                return Err(wrong(message));
            }
            Err(_) => {
                let what = match hash {
                    _ if hash.starts_with("$apr1$") || hash.starts_with("$1$") => {
                        "a hash by MD5, which is guessed in no time,"
                    }
                    _ if hash.starts_with("{SHA}") => {
                        "a hash by SHA-1, which is guessed in no time,"
                    }
                    _ if hash.starts_with("$argon2") => "a hash by Argon2",
                    _ if hash.starts_with('$') => "a hash of another kind",
                    _ => "no hash",
                };
                return Err(wrong(format!(
                    "has {what} for `{name}`{place}; one by bcrypt is taken"
                )));
            }
        };
        if { self.slowest.as_ref() }.is_none_or(|(slowest, _)| cost > *slowest) {
            self.slowest = Some((cost, hash.to_owned()));
        }
        let before = self.hashes.insert(name.to_owned(), hash.to_owned());
        if before.is_some() {
            return Err(wrong(format!("names `{name}` twice{place}")));
        }
        Ok(())
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.hashes.keys().map(String::as_str)
    }

    /// Whether somebody of that name has a password here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.hashes.contains_key(name)
    }

    /// The hash for a name: for one that is not here that of another, so that it takes as long.
    pub(super) fn hash(&self, name: &str) -> &str {
        let own = self.hashes.get(name).map(String::as_str);
        let slowest = || self.slowest.as_ref().map(|(_, hash)| hash.as_str());
        own.or_else(slowest).unwrap_or_default()
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

/// Whether a password has this hash; takes as long as the hash says.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    password.len() <= LONGEST && bcrypt::verify(password, hash).unwrap_or(false)
}

/// The cost of new hashes: some 200 ms of a processor.
const COST: u32 = 12;

/// A hash of `password` by bcrypt, for [`AccessConfig::with_passwords`](super::AccessConfig::with_passwords); takes some
/// 200 ms.
///
/// # Errors
///
/// When the password is empty, or longer than the 72 bytes that bcrypt reads, or there are no random bytes.
pub fn hash_password(password: &str) -> Result<String, Error> {
    let wrong = |problem: String| Error::Value {
        key: "password",
        problem,
        example: "one of 72 bytes at most that nobody guesses, such as the output of `openssl rand -base64 18`",
    };
    if password.is_empty() {
        return Err(wrong("is empty".to_owned()));
    }
    if password.len() > LONGEST {
        let length = password.len();
        return Err(wrong(format!("has {length} bytes")));
    }
    bcrypt::hash(password, COST).map_err(|_| Error::NoRandom)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `correct`.
    const HASH: &str = "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2";

    fn table(hash: &str) -> Result<Users, Error> {
        Users::of(&BTreeMap::from([("ada".to_owned(), hash.to_owned())]))
    }

    #[test]
    fn hashes_by_bcrypt_are_taken_and_no_others() {
        for kind in ["$2a$", "$2b$", "$2y$"] {
            assert!(table(&HASH.replace("$2y$", kind)).is_ok(), "{kind}");
        }
        for (hash, said) in [
            ("$apr1$zWJ2iS0P$Yw5nJ5VbS2s3M0PXbqAoS.", "MD5"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
            ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "Argon2"),
            ("$6$salt$hash", "another kind"),
            ("correct", "no hash"),
            ("", "no hash"),
            (&HASH.replace("$04$", "$31$"), "cost 31"),
        ] {
            let error = table(hash).unwrap_err().to_string();
            assert!(error.contains(said), "{hash}: {error}");
            assert!(hash.is_empty() || !error.contains(hash), "{error}");
        }
    }

    #[test]
    fn a_password_in_a_name_is_not_told() {
        let table = BTreeMap::from([("ada:hunter2".to_owned(), HASH.to_owned())]);
        let error = Users::of(&table).unwrap_err().to_string();
        assert!(
            error.contains("\"ada\"") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_file_is_as_apache_writes_it() {
        let folder = std::env::temp_dir().join(format!("panoply-users-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("htpasswd");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let mut users = Users::default();
            users.add_file(&path).map(|()| users)
        };
        let text = format!("\u{feff}# staging\n\nada:{HASH}\r\nbob:{HASH}:of sales\n");
        let users = read(&text).unwrap();
        assert_eq!(format!("{users:?}"), "{\"ada\", \"bob\"}");
        for (text, said) in [
            ("", "nobody"),
            ("# nobody\n", "nobody"),
            ("ada\n", "line 1"),
            (&format!("ada:{HASH}\nada:{HASH}\n"), "twice"),
            (&format!(":{HASH}\n"), "not empty"),
            ("ada:$apr1$x$y\n", "in line 1 of"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let error = read_missing(&path);
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn what_is_no_path_is_not_told() {
        for text in [format!("ada:{HASH}"), format!("\nada {HASH}\n")] {
            let error = read_missing(Path::new(&text));
            assert!(!error.contains("$2y$04"), "{error}");
            assert!(error.contains("`…`, which cannot be read"), "{error}");
            assert!(error.contains("the path of a file"), "{error}");
        }
    }

    #[test]
    fn who_is_not_there_takes_as_long_as_the_slowest() {
        let slow = HASH.replace("$04$", "$05$");
        let table = [("ada", HASH), ("bob", &slow), ("eve", HASH)];
        let table = table.map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        let users = Users::of(&table.into()).unwrap();
        assert!(users.has("ada") && !users.has("zed"));
        assert_eq!((users.hash("ada"), users.hash("zed")), (HASH, &*slow));
        for name in ["#ada", " ada", "ada "] {
            let table = BTreeMap::from([(name.to_owned(), HASH.to_owned())]);
            assert!(Users::of(&table).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_made_is_taken() {
        let hash = hash_password("correct horse").unwrap();
        assert!(
            table(&hash).is_ok() && verify("correct horse", &hash) && !verify("correct", &hash)
        );
        let longest = "x".repeat(LONGEST);
        assert!(hash_password(&longest).is_ok());
        // By its beginning nobody is let in.
        assert!(!verify(
            &format!("{longest}y"),
            &hash_password(&longest).unwrap()
        ));
        for wrong in [String::new(), "x".repeat(LONGEST + 1)] {
            assert!(hash_password(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let error = read_missing(Path::new("/dev/zero"));
        assert!(error.contains("cannot be read (it is no file"), "{error}");
    }

    fn read_missing(path: &Path) -> String {
        Users::default().add_file(path).unwrap_err().to_string()
    }
}
