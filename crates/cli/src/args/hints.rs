//! What somebody meant who typed a command or a flag that there is not.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Adds what was meant to an error, where it can be told: instead of what only reads like it.
pub(super) fn teach(error: &mut clap::Error) {
    let mut typed = std::env::args().skip(1);
    let command = typed.next().unwrap_or_default();
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => named(error, ContextKind::InvalidArg)
            .and_then(|word| flag(&command, word.split('=').next()?)),
        ErrorKind::InvalidSubcommand => named(error, ContextKind::InvalidSubcommand)
            .filter(|word| *word == command)
            .and_then(|word| among(COMMANDS, &word).map(str::to_owned)),
        _ => None,
    };
    let Some(tip) = tip else { return };
    for alike in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        error.remove(alike);
    }
    let tip = ContextValue::StyledStrs(vec![tip.into()]);
    error.insert(ContextKind::Suggested, tip);
}

fn named(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    }
}

fn flag(command: &str, word: &str) -> Option<String> {
    let takes_an_app = matches!(command, "run" | "check");
    match word {
        "-t" if word == command => Some("`panoply check` tests a configuration".to_owned()),
        _ if !takes_an_app => None,
        _ if word.starts_with('-') => among(FLAGS, word).map(str::to_owned),
        // Whoever forgets the `--` is told so, and not only that a word is unexpected.
        _ if word.contains(".toml") => Some(format!(
            "the file is named by a flag: `panoply {command} --config {word}`"
        )),
        _ => Some(match address(word) {
            Some(url) => format!("an app that runs already: `panoply {command} --upstream {url}`"),
            None => {
                format!("the app's command stands behind `--`: `panoply {command} -- {word} …`")
            }
        }),
    }
}

/// The address of an app that runs, however shortly somebody has written it: no program has such a name.
fn address(word: &str) -> Option<String> {
    let is_whole = |start: &&str| word.starts_with(start);
    if ["http://", "https://", "unix:"].iter().any(is_whole) {
        return Some(word.to_owned());
    }
    let (host, port) = word.rsplit_once(':').unwrap_or(("", word));
    port.parse::<u16>().ok()?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Some(format!("http://{host}:{port}"))
}

fn among(list: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let meant = list.iter().find(|(words, _)| words.contains(&word));
    meant.map(|(_, tip)| *tip)
}

/// As other programs have them.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &[
            "--port",
            "-p",
            "--listen",
            "--bind",
            "--host",
            "--address",
            "--http",
            "--https",
        ],
        "where it listens is said by `--listen-https 127.0.0.1:8443` and `--listen-http 127.0.0.1:8080`; the app is \
         told a port of its own in `PORT`",
    ),
    (
        &["-c", "-f", "--conf", "--file", "--config-file"],
        "the file is named by `--config FILE`",
    ),
    (
        &[
            "--log-level",
            "--verbose",
            "-v",
            "-vv",
            "--debug",
            "--quiet",
            "-q",
        ],
        "how much is logged is said by `log.level`, or `PANOPLY_LOG_LEVEL=debug` before the command",
    ),
    (
        &["--daemon", "-d", "-D", "--detach", "--background"],
        "it stays in the foreground, where systemd or a container looks after it",
    ),
    (
        &["--cert", "--certificate", "--key", "--tls", "--ssl"],
        "a certificate of your own is named by `tls.certificate` and `tls.key` in panoply.toml; for one from Let's \
         Encrypt, `--domain NAME` is enough",
    ),
    (
        &["--backend", "--proxy", "--to", "--target", "--app", "--url"],
        "an app that runs already is named by `--upstream URL`; one that is to be started stands behind `--`",
    ),
    (
        &["--workers", "--threads"],
        "how many threads serve is said by `listen.workers`, or `PANOPLY_LISTEN_WORKERS=4` before the command",
    ),
    (
        &["--store", "--redis"],
        "where is counted is said by `store.url`, or `PANOPLY_STORE_URL=redis://…` before the command",
    ),
    (
        &["--email", "--acme-email"],
        "whom an authority writes to is said by `acme.contact`, or `PANOPLY_ACME_CONTACT=ops@shop.example` before \
         the command",
    ),
];

const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["start", "serve", "up", "guard", "proxy"],
        "`panoply run` serves, in the foreground",
    ),
    (
        &["stop", "quit", "down", "kill"],
        "SIGTERM to the process that `panoply status` names ends it, and so does `systemctl stop panoply`",
    ),
    (
        &["validate", "verify", "test", "configtest", "config", "lint"],
        "`panoply check` checks a configuration",
    ),
    (
        &["ban", "block", "deny"],
        "`panoply blocks add ADDRESS` refuses every request of a client, or of a network such as `203.0.113.0/24`",
    ),
    (
        &["unban", "unblock", "unlock", "release", "allow"],
        "`panoply blocks release ADDRESS` lets a client in again, and `--user NAME` a user",
    ),
    (
        &["pause", "close", "offline"],
        "`panoply maintenance on` answers everybody with 503 until `panoply maintenance off`",
    ),
    (
        &["captcha", "antibot", "under-attack", "attack", "bots"],
        "`panoply challenge on` gives every browser a task first, and refuses whatever else asks",
    ),
    (
        &["log", "logs"],
        "the log is on standard error: under systemd `journalctl -u panoply` has it",
    ),
    (&["version"], "`panoply --version`"),
    (
        &["scan", "doctor"],
        "`panoply audit` says what an app lacks",
    ),
    (
        &["renew", "cert", "certs", "certificate"],
        "`panoply status` lists certificates, which are renewed by themselves; `panoply certificates revoke NAME` \
         replaces one",
    ),
    (
        &["new", "create", "setup"],
        "`panoply init` writes a configuration for an app",
    ),
    (
        &["rotate"],
        "`panoply keys rotate` puts a new key in front of those that seal cookies",
    ),
    (&["metrics"], "`/metrics` is at `admin.listen`"),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn nothing_is_explained_that_there_is() {
        let command = Cli::command();
        let commands: Vec<_> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        for word in COMMANDS.iter().flat_map(|(words, _)| *words) {
            assert!(!commands.contains(word), "{word}");
        }
        let flags = ["run", "check"].map(|name| command.find_subcommand(name).unwrap());
        let flags = flags.iter().flat_map(|one| one.get_arguments());
        let flags: Vec<_> = flags.filter_map(|flag| flag.get_long()).collect();
        for word in FLAGS.iter().flat_map(|(words, _)| *words) {
            assert!(!flags.contains(&word.trim_start_matches('-')), "{word}");
        }
    }

    #[test]
    fn an_address_is_no_program() {
        for (word, url) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://app.internal", "https://app.internal"),
            ("localhost:3000", "http://localhost:3000"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("[::1]:3000", "http://[::1]:3000"),
            (":3000", "http://127.0.0.1:3000"),
            ("3000", "http://127.0.0.1:3000"),
        ] {
            let tip = flag("run", word).unwrap();
            assert!(
                tip.ends_with(&format!("`panoply run --upstream {url}`")),
                "{tip}"
            );
        }
        for word in ["node", "server.js", "npm:start", "80000", "./3000"] {
            let tip = flag("run", word).unwrap();
            assert!(tip.contains("behind `--`"), "{tip}");
        }
    }

    #[test]
    fn what_is_told_of_can_be_typed() {
        for (_, tip) in COMMANDS.iter().chain(FLAGS) {
            for typed in tip.split('`').skip(1).step_by(2) {
                if !typed.starts_with("panoply ") {
                    continue;
                }
                let typed = typed.replace("ADDRESS", "203.0.113.9");
                let parsed = Cli::command().try_get_matches_from(typed.split(' '));
                let kind = parsed.err().map(|error| error.kind());
                assert!(
                    matches!(kind, None | Some(ErrorKind::DisplayVersion)),
                    "{typed}: {kind:?}"
                );
            }
        }
    }
}
