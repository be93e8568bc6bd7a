//! What a person types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use panoply_gateway::Control;

use crate::source;

mod by_hand;
mod hints;

use by_hand::{BLOCKS_EXAMPLES, CHALLENGE_EXAMPLES, MAINTENANCE_EXAMPLES};
pub(crate) use by_hand::{
    BlocksArgs, BlocksCommand, ChallengeArgs, ChallengeCommand, MaintenanceArgs, MaintenanceCommand,
};

/// Everything that should stand between the internet and a web app in production.
#[derive(Debug, Parser)]
#[command(
    name = "panoply",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What was typed; or says what is wrong with it, and ends.
pub(crate) fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|mut error| {
        hints::teach(&mut error);
        error.exit()
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Guard an app: start it, or find it where it runs, and serve it to the world
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Attack a naive app, naked and guarded, side by side, in a page to show a colleague
    Demo(DemoArgs),
    /// Look at an app and write a commented panoply.toml for it
    Init(InitArgs),
    /// Check a configuration, and print what is in force and where each value came from
    Check(SettingArgs),
    /// Say what an app lacks before it goes live, with the line, the reason and the fix
    #[command(after_help = crate::audit::EXAMPLES)]
    Audit(Box<crate::audit::AuditArgs>),
    /// See and rotate the keys that seal cookies
    #[command(after_help = KEYS_EXAMPLES)]
    Keys(KeysArgs),
    /// Make the hash of a password, for `users` or the `htpasswd` file of `[[access]]`
    #[command(after_help = PASSWORD_EXAMPLES)]
    Password(PasswordArgs),
    /// See how the gateway that runs stands: its app, store, blocks and certificates
    Status(StatusArgs),
    /// Ask whether the gateway that runs can serve: its app is up and its store answers
    #[command(
        after_help = "Ends with 0 if it can, with 1 if it cannot or hangs, with 2 if none runs."
    )]
    Health(HealthArgs),
    /// Have the program that is installed now take over from the gateway that runs, without a
    /// connection that is refused or a request that fails
    #[command(
        after_help = "An app that was up has to come up again, or the gateway that runs goes on; one that was down \
                      already is started, and not waited for."
    )]
    Upgrade(UpgradeArgs),
    /// Have the gateway that runs read its configuration again, as SIGHUP does
    Reload(ReloadArgs),
    /// Have the gateway that runs start its app anew, such as another version of it, without a request that fails
    Restart(RestartArgs),
    /// See, release and add blocks of the gateway that runs
    #[command(after_help = BLOCKS_EXAMPLES)]
    Blocks(BlocksArgs),
    /// Answer everybody with 503 while the app is worked on, on all nodes that share a store
    #[command(after_help = MAINTENANCE_EXAMPLES)]
    Maintenance(MaintenanceArgs),
    /// Let browsers alone in, which solve a task first, on all nodes that share a store
    #[command(after_help = CHALLENGE_EXAMPLES)]
    Challenge(ChallengeArgs),
    /// Revoke a certificate that the gateway that runs has ordered
    #[command(after_help = CERTIFICATES_EXAMPLES)]
    Certificates(CertificatesArgs),
    /// Learn from browsers' reports what the Content-Security-Policy must allow, and put it in force
    #[command(after_help = CSP_EXAMPLES)]
    Csp(CspArgs),
    /// Print what completes these commands in a shell
    #[command(after_help = crate::completions::EXAMPLES)]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell; the one of `$SHELL` where none is named
    pub(crate) shell: Option<clap_complete::Shell>,
}

const PASSWORD_EXAMPLES: &str = "\
Examples:
  panoply password ada                             asks for it, and prints what goes into panoply.toml
  panoply password ada < secret.txt >> htpasswd    reads a line, and adds one to such a file";

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Whose it is
    pub(crate) name: String,
}

const CSP_EXAMPLES: &str = "\
Examples:
  panoply csp learn                                only report from now on, and block nothing
  panoply csp suggest                              what to allow, and who has seen it where and when
  panoply csp enforce                              write that into panoply.toml, and block from now on
  panoply csp enforce --with https://cdn.example   with a source that only one client has reported
  panoply csp forget                               begin anew, once the app has changed";

#[derive(Debug, Args)]
pub(crate) struct CspArgs {
    /// The configuration file; ./panoply.toml is read when it is there
    #[arg(long, value_name = "FILE", env = "PANOPLY_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The directory of the gateway, as given to `panoply run`
    #[arg(long, value_name = "DIR", env = "PANOPLY_STATE", global = true)]
    pub(crate) state: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) what: CspCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CspCommand {
    /// Block nothing for a while: the policy is only reported, which weakens the site
    Learn {
        /// Write it without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// Print what reports say the policy lacks, with the evidence
    Suggest {
        /// A source that is yours, though the evidence is doubtful
        #[arg(long, value_name = "SOURCE")]
        with: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write what is suggested into panoply.toml, and have the policy block
    Enforce {
        /// A source that is yours, though the evidence is doubtful
        #[arg(long, value_name = "SOURCE")]
        with: Vec<String>,
        /// A source that is not to be allowed
        #[arg(long, value_name = "SOURCE")]
        without: Vec<String>,
        /// Write it without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// Forget what browsers have reported
    Forget,
}

/// A gateway that runs.
#[derive(Debug, Args)]
pub(crate) struct Running {
    /// The directory of the gateway that runs, as given to `panoply run`
    #[arg(long, value_name = "DIR", env = "PANOPLY_STATE", global = true)]
    state: Option<PathBuf>,
}

impl Running {
    /// How it is asked.
    pub(crate) fn control(&self) -> Control {
        Control::of(&source::state(self.state.as_deref()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) running: Running,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// What the app has of the site, as `panoply status` names it, such as /api, or / for the one that has the rest [default: all]
    #[arg(value_name = "APP")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) running: Running,
}

const CERTIFICATES_EXAMPLES: &str = "\
Examples:
  panoply status                                                     which there are
  panoply certificates revoke shop.example                           another is ordered at once
  panoply certificates revoke shop.example --reason key-compromise   somebody may have its key";

#[derive(Debug, Args)]
pub(crate) struct CertificatesArgs {
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(subcommand)]
    pub(crate) what: CertificatesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertificatesCommand {
    /// Revoke the certificate for a name, and order another with another key in its place
    Revoke {
        /// One of the names that it is for
        name: String,
        /// What the authority is told
        #[arg(long, value_enum, default_value = "unspecified")]
        reason: RevocationReason,
    },
}

/// Why a certificate is revoked.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum RevocationReason {
    /// It is not said
    Unspecified,
    /// Somebody else may have the key
    KeyCompromise,
    /// Another takes its place
    Superseded,
    /// The name is not served any more
    CessationOfOperation,
}

const KEYS_EXAMPLES: &str = "\
Examples:
  panoply keys rotate --state /var/lib/panoply   a new key seals, the old ones go on to open
  panoply keys rotate --file /etc/panoply/keys   the file that `keys.file` names on every node
  panoply keys list --state /var/lib/panoply     their ids, the newest first

A gateway that runs finds the new key by itself, opens with it at once and seals with it a minute
later. The eight newest stay.";

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// The configuration file, whose `keys.file` is meant; ./panoply.toml is read when it is there
    #[arg(long, value_name = "FILE", env = "PANOPLY_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The directory of the gateway, as given to `panoply run`
    #[arg(long, value_name = "DIR", env = "PANOPLY_STATE", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// The file itself
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) what: KeysCommand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print the ids of the keys, the newest first
    List,
    /// Put a new key in front; a file that is not there is made
    Rotate,
}

const RUN_EXAMPLES: &str = "\
Examples:
  panoply run -- node server.js                  starts the app with PORT set, at https://localhost:8443
  panoply run --upstream http://127.0.0.1:3000   the app already runs; or --upstream unix:/run/app.sock
  panoply run --domain shop.example.com -- npm start  with a certificate from Let's Encrypt
  panoply run --config panoply.toml              everything from the file";

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// Flags that stand above the environment and the file.
#[derive(Debug, Default, Args)]
pub(crate) struct SettingArgs {
    /// The configuration file; ./panoply.toml is read when it is there
    #[arg(long, value_name = "FILE", env = "PANOPLY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The directory that holds what must last: the local authority and its certificate
    #[arg(long, value_name = "DIR", env = "PANOPLY_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// An app that already runs; once for each of its instances
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub(crate) upstream: Vec<String>,
    /// Another app, for a path and all below it or for one of the site's names, such as /api=http://127.0.0.1:4000 or
    /// docs.shop.example=http://127.0.0.1:5000; once more for each of its instances. In place of those in the file
    #[arg(long = "route", value_name = "PATH=URL")]
    pub(crate) routes: Vec<String>,
    /// How many times the command is started, or auto: once for each processor [default: 1]
    #[arg(long, value_name = "NUMBER", conflicts_with = "upstream")]
    pub(crate) instances: Option<String>,
    /// A name the app is served under: its certificate is ordered, and ports 80 and 443 listened on
    #[arg(long = "domain", value_name = "NAME")]
    pub(crate) domains: Vec<String>,
    /// Rehearse at Let's Encrypt's staging directory, whose certificates no browser trusts
    #[arg(long)]
    pub(crate) acme_staging: bool,
    /// Where plain HTTP is answered with the way to HTTPS [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen_http: Option<String>,
    /// Where HTTPS is served [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen_https: Option<String>,
    /// Where the admin page, metrics and health are served [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<String>,
    /// The user that root becomes, by name or number, once it has what only root can have
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The group in place of the user's own
    #[arg(long, value_name = "GROUP", requires = "user")]
    pub(crate) group: Option<String>,
    /// The command that starts the app, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the guarded app is served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) guarded: String,
    /// Where the naked app is served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub(crate) naked: String,
    /// Where the page with the attacks is served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub(crate) start: String,
    /// Do not open the page in a browser, which is done on a terminal alone
    #[arg(long)]
    pub(crate) no_open: bool,
    /// The directory that holds the local authority
    #[arg(long, value_name = "DIR", env = "PANOPLY_STATE")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The app's directory
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Where to write, `-` for standard output [default: DIR/panoply.toml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}
