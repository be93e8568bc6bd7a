//! As whom the gateway runs: root for as long as it takes to find out whom to become.
//!
//! Everything that root has alone, the ports below 1024, is one capability. So the gateway becomes
//! the user first, keeps that capability, reads what it must be able to read again later, binds, and
//! gives the capability up. All of it happens while there is one thread: no other could be left
//! behind with more.

mod account;
mod state;

use std::io;
use std::path::Path;

use nix::unistd::{initgroups, setgroups, setresgid, setresuid};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
    set_no_new_privs,
};

use crate::config::{ConfigError, Loaded};
use crate::error::{Error, system};

pub(crate) use account::Account;
pub(crate) use state::{anew, make as make_state};

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What is left of root until the ports are bound.
#[derive(Debug)]
#[must_use = "it is to be given up once the ports are bound"]
pub struct Privilege {
    /// The user that root became.
    became: Option<Account>,
}

impl Privilege {
    /// Becomes the user that `run.user` names, if this is root, gives the directory `state` to that
    /// user, and keeps what a crash would leave off the disk. Nothing but ports can be had by it that
    /// the user could not have.
    ///
    /// To be called while there is one thread.
    ///
    /// # Errors
    ///
    /// When there is no such user, only root could become it, the state directory would not be the
    /// user's, or the system refuses.
    pub fn lower(loaded: &Loaded, state: &Path) -> Result<Self, ConfigError> {
        let core_dumps = loaded.config.run.danger_core_dumps;
        if !core_dumps {
            forbid_core_dumps().map_err(|error| {
                ConfigError::plain(format!("core dumps cannot be turned off: {error}"))
                    .with_help("allow them by `run.danger_core_dumps = true`")
            })?;
        }
        let Some(account) = Account::of(loaded)? else {
            return Ok(Self { became: None });
        };
        let refused = |message: String| loaded.error("run.user", format!("run.user: {message}"));
        if !is_root() {
            if account.is_ours() {
                return Ok(Self { became: None });
            }
            let message = format!("only root can become `{account}`, and this is not root");
            return Err(refused(message).with_help("start it as root, or leave `run.user` out"));
        }
        if account.is_root() {
            return Ok(Self { became: None });
        }
        state::give(state, &account).map_err(|why| {
            refused(why).with_help("name a directory of its own with `--state DIR`")
        })?;
        become_user(&account).map_err(|error| {
            refused(format!("root cannot become `{account}` here: {error}")).with_help(
                "leave it CAP_SETUID and CAP_SETGID, or have it started as that user (`User=` of \
                 systemd, `--user` of a container)",
            )
        })?;
        // A change of user sets it anew.
        let behavior = if core_dumps {
            DumpableBehavior::Dumpable
        } else {
            DumpableBehavior::NotDumpable
        };
        set_dumpable_behavior(behavior)
            .map_err(|error| ConfigError::plain(format!("the memory cannot be hidden: {error}")))?;
        state::enter(state).map_err(|why| {
            refused(why).with_help("name a directory of its own with `--state DIR`")
        })?;
        Ok(Self {
            became: Some(account),
        })
    }

    /// Whether another user reads files now than the one that started it.
    pub const fn has_changed(&self) -> bool {
        self.became.is_some()
    }

    /// Says of an error what the change of user has to do with it.
    #[must_use]
    pub fn explain(&self, error: ConfigError) -> ConfigError {
        match &self.became {
            Some(account) if is_about_permission(&error) => {
                let help = format!(
                    "the file is read as `{account}` (`run.user`), when it changes, too: `chgrp {} FILE; \
                     chmod g+r FILE` lets that user read it",
                    account.gid()
                );
                error.with_help(help)
            }
            _ => error,
        }
    }

    /// Gives up what is left of root.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn give_up(self) -> Result<(), Error> {
        if self.became.is_some() {
            let none = CapabilitySets {
                effective: CapabilitySet::empty(),
                permitted: CapabilitySet::empty(),
                inheritable: CapabilitySet::empty(),
            };
            let given_up = set_capabilities(None, none).map_err(io::Error::from);
            given_up.map_err(system("to give up what is left of root"))?;
        } else if is_root() {
            tracing::warn!(
                "all of this runs as root, as does an app that it starts: whoever breaks out of it has \
                 the machine. Name a user: `run.user` (`--user` of `panoply run`)"
            );
        }
        Ok(())
    }
}

fn is_about_permission(error: &ConfigError) -> bool {
    let said = error.message();
    said.contains("ermission denied") || said.contains("this user may not")
}

/// Becomes `account` for good, and keeps of root only that it may bind ports below 1024.
fn become_user(account: &Account) -> io::Result<()> {
    match account.name() {
        Some(name) => initgroups(name, account.gid())?,
        None => setgroups(&[account.gid()])?,
    }
    let (uid, gid) = (account.uid(), account.gid());
    setresgid(gid, gid, gid)?;
    set_keep_capabilities(true)?;
    setresuid(uid, uid, uid)?;
    let had = capabilities(None)?.permitted;
    let ports = had & CapabilitySet::NET_BIND_SERVICE;
    let left = CapabilitySets {
        effective: ports,
        permitted: ports,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, left)?;
    set_keep_capabilities(false)?;
    set_no_new_privs(true)?;
    // What cannot be had back must not be found to be there after all.
    if setresuid(
        nix::unistd::Uid::from_raw(0),
        nix::unistd::Uid::from_raw(0),
        uid,
    )
    .is_ok()
    {
        return Err(io::Error::other("root could be had back"));
    }
    Ok(())
}

/// A crash leaves nothing on the disk, neither here nor of what is started from here, and nobody but
/// root can look into the memory.
fn forbid_core_dumps() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A sandbox may forbid the call, and have set the limit itself.
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none)?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
