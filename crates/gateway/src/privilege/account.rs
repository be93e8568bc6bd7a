//! Users and groups of the system.

use std::ffi::{CStr, CString};
use std::fmt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};

use crate::config::{ConfigError, Loaded};

/// Whom `run.user` and `run.group` name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    text: String,
    /// Under which its other groups are found; a number may have no name.
    name: Option<CString>,
    uid: Uid,
    gid: Gid,
    home: Option<PathBuf>,
}

impl Account {
    /// The account that is named, if one is.
    ///
    /// # Errors
    ///
    /// When there is no such user or group.
    pub(crate) fn of(loaded: &Loaded) -> Result<Option<Self>, ConfigError> {
        let run = &loaded.config.run;
        let Some(text) = &run.user else {
            return match &run.group {
                Some(_) => Err(loaded
                    .error("run.group", "run.group: a group alone is nobody to become")
                    .with_help("name the user, too: `run.user`")),
                None => Ok(None),
            };
        };
        let number = text.parse().ok().map(Uid::from_raw);
        let user = match number {
            Some(uid) => User::from_uid(uid),
            None => User::from_name(text),
        };
        let user = user.map_err(|error| {
            let message = format!("run.user: `{text}` cannot be looked up: {error}");
            loaded.error("run.user", message)
        })?;
        let missing = |key: &str, what: &str, name: &str, help: String| {
            let message = format!("{key}: there is no {what} `{name}` on this system");
            loaded.error(key, message).with_help(help)
        };
        let gid = match (&run.group, &user) {
            (Some(group), _) => {
                let found = match group.parse() {
                    Ok(number) => Some(Gid::from_raw(number)),
                    Err(_) => Group::from_name(group)
                        .ok()
                        .flatten()
                        .map(|group| group.gid),
                };
                found.ok_or_else(|| {
                    let help = format!("make it: `groupadd --system {group}`");
                    missing("run.group", "group", group, help)
                })?
            }
            (None, Some(user)) => user.gid,
            (None, None) if number.is_some() => {
                let help = "name its group, too: `run.group`".to_owned();
                return Err(missing("run.user", "user", text, help));
            }
            (None, None) => Gid::from_raw(0),
        };
        let (uid, name, home) = match (user, number) {
            (Some(user), _) => (user.uid, CString::new(user.name).ok(), Some(user.dir)),
            (None, Some(uid)) => (uid, None, None),
            (None, None) => {
                let help = format!(
                    "make it: `useradd --system --user-group --no-create-home --shell \
                     /usr/sbin/nologin {text}`"
                );
                return Err(missing("run.user", "user", text, help));
            }
        };
        Ok(Some(Self {
            text: text.clone(),
            name,
            uid,
            gid,
            home,
        }))
    }

    /// Whether this process is run by it.
    pub(crate) fn is_ours(&self) -> bool {
        nix::unistd::geteuid() == self.uid
    }

    /// Whether it may do everything.
    pub(crate) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// The user's name and home, where there is an entry for it, as what it starts is told.
    pub(crate) fn environment(&self) -> Option<(&str, &Path)> {
        Some((self.name.as_deref()?.to_str().ok()?, self.home.as_deref()?))
    }

    pub(super) fn name(&self) -> Option<&CStr> {
        self.name.as_deref()
    }

    pub(super) const fn uid(&self) -> Uid {
        self.uid
    }

    pub(super) const fn gid(&self) -> Gid {
        self.gid
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn of(toml: &str) -> Result<Option<Account>, String> {
        let loaded = Source::new().text("panoply.toml", toml).load().unwrap();
        Account::of(&loaded).map_err(|error| error.to_string())
    }

    #[test]
    fn names_numbers_and_what_to_do() {
        assert_eq!(of(""), Ok(None));
        let root = of("[run]\nuser = \"root\"").unwrap().unwrap();
        assert!(root.is_root());
        assert_eq!(
            of("[run]\nuser = \"0\"").unwrap().unwrap().uid(),
            root.uid()
        );
        let number = of("[run]\nuser = \"61234\"\ngroup = \"61235\"")
            .unwrap()
            .unwrap();
        assert_eq!(
            (number.uid().as_raw(), number.gid().as_raw()),
            (61234, 61235)
        );
        for (toml, help) in [
            ("[run]\nuser = \"no-such-user\"", "useradd --system"),
            ("[run]\nuser = \"61234\"", "run.group"),
            (
                "[run]\nuser = \"root\"\ngroup = \"no-such-group\"",
                "groupadd",
            ),
            ("[run]\ngroup = \"root\"", "run.user"),
        ] {
            let error = of(toml).unwrap_err();
            assert!(error.contains(help), "{error}");
        }
    }
}
