//! What a person types after `panoply audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(crate) const EXAMPLES: &str = "\
Examples:
  panoply audit                                  the app in this folder
  panoply audit ./app https://shop.example       its code, and what the site answers
  panoply audit --output audit.html              a page to send to a colleague
  panoply audit --write-baseline audit.json      from now on only what is new:
  panoply audit --baseline audit.json
  panoply audit --explain session/memory-store   why, and what to do
  panoply audit --fix-with-gateway               the panoply.toml that covers what was found

Exit status: 0 nothing at or above --fail-on, 1 findings, 2 an error, 3 a check that was asked for
could not be made. What cannot be checked is listed as `not checked`, never passed over.";

#[derive(Debug, Default, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line stand for themselves"
)]
pub(crate) struct AuditArgs {
    /// Folders with an app's code, and addresses of sites that run [default: .]
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// How the report looks [default: by the ending of --output, else text; in GitHub Actions text
    /// with annotations]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write the report there, `-` for standard output; may be given several times
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// End with 1 from this severity on [default: low]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Level>,
    /// Tell only what is at least so sure [default: possible]
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub(crate) min_confidence: Option<Sure>,
    /// Look only for this rule or group, such as `session/memory-store` or `session`
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Do not look for this rule or group
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// End with 3 when this rule or group cannot be checked
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) require: Vec<String>,
    /// Take advisories from a file or folder: OSV, `RustSec`, or a saved `npm audit --json`
    #[arg(long, value_name = "PATH")]
    pub(crate) advisories: Option<PathBuf>,
    /// Ask no registry for advisories
    #[arg(long)]
    pub(crate) offline: bool,
    /// Do not tell again what this file knows; what it knows and is gone is told
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what is found as known to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// A function of your own that limits logins
    #[arg(long = "limiters", value_name = "NAME", value_delimiter = ',')]
    pub(crate) limiters: Vec<String>,
    /// Try wrong logins on a site, 15 at most, on this machine or a host of --i-own
    #[arg(long)]
    pub(crate) probe_login: bool,
    /// Where logins go, if the probe does not find it
    #[arg(long, value_name = "PATH", requires = "probe_login")]
    pub(crate) login_path: Option<String>,
    /// A host of your own, where wrong logins may be tried
    #[arg(long, value_name = "HOST")]
    pub(crate) i_own: Vec<String>,
    /// Where a site answers plain HTTP [default: 80, or the port of an address with http://]
    #[arg(long, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// Where a site answers HTTPS [default: 443, or the port of an address with https://]
    #[arg(long, value_name = "PORT")]
    pub(crate) https_port: Option<u16>,
    /// Authorities that a site's certificate may be of, beside the system's, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// The file with the `[audit]` table [default: panoply.toml in the first folder]
    #[arg(long, value_name = "FILE", env = "PANOPLY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Write what can be put right without breaking the app, and say what
    #[arg(long)]
    pub(crate) fix: bool,
    /// Print the panoply.toml that covers what was found without touching the code
    #[arg(long, conflicts_with_all = ["fix", "format"])]
    pub(crate) fix_with_gateway: bool,
    /// List the rules
    #[arg(long, conflicts_with_all = ["explain", "targets"])]
    pub(crate) rules: bool,
    /// Say of a rule why it is one, and what to do
    #[arg(long, value_name = "RULE", conflicts_with = "targets")]
    pub(crate) explain: Option<String>,
}

/// How a report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs; docs/audit-report.schema.json describes it
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations on a pull request
    Github,
    /// A page that needs nothing else
    Html,
}

/// From which severity on findings are a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Anything
    Info,
    /// What helps an attacker who has something else, and worse
    Low,
    /// What opens something in some circumstances, and worse
    Medium,
    /// What opens something as it is
    High,
    /// Nothing
    Never,
}

/// How sure a finding has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sure {
    /// Something that could not be followed may make it right
    Possible,
    /// It would take something unusual to make it right
    Likely,
    /// All that decides it was seen
    Certain,
}
