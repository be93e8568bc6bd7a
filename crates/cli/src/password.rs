//! `panoply password`.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use panoply_limits::{AccessConfig, hash_password};

use crate::args::PasswordArgs;
use crate::print::{fail, note, say};

/// Prints a line as a file of `htpasswd` has it, and on a terminal what goes into panoply.toml.
pub(crate) fn run(args: &PasswordArgs) -> ExitCode {
    let name = &args.name;
    let password = match read() {
        Ok(password) => password,
        Err(error) => return fail(format!("error: the password cannot be read: {error}")),
    };
    let hash = match hash_password(&password) {
        Ok(hash) => hash,
        Err(error) => return fail(format!("error: {error}")),
    };
    // Whether the name can be one.
    if let Err(error) = AccessConfig::with_passwords("/", [(name, &hash)]).validate() {
        return fail(format!("error: {error}"));
    }
    say(format!("{name}:{hash}"));
    if io::stdout().is_terminal() {
        let quoted = toml_edit::Value::from(name.as_str());
        note(format!(
            "\nIn panoply.toml:\n\n[[access]]\npath  = \"/\"\nusers = {{ {quoted} = \"{hash}\" }}"
        ));
    }
    ExitCode::SUCCESS
}

/// What is typed, unseen and twice; or the line that comes from elsewhere.
fn read() -> io::Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        let end = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(end);
        return Ok(line);
    }
    let first = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("Once more: ")? != first {
        return Err(io::Error::other("the two are not the same"));
    }
    Ok(first)
}
