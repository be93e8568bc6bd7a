//! From flags and `[audit]` to what an audit is made with.

use std::path::{Path, PathBuf};

use panoply_audit::output::FailOn;
use panoply_audit::{
    Confidence, LiveOptions, LoginProbe, Options, Pick, Selection, Severity, UnknownRule,
};
use panoply_gateway::config::{
    AuditConfidence, AuditConfig, AuditLevel, ConfigError, Loaded, Origin, Source,
};

use super::args::{AuditArgs, Level, Sure};

/// What an audit is made with.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) targets: Vec<String>,
    pub(super) options: Options,
    pub(super) live: LiveOptions,
    pub(super) selection: Selection,
    /// The checks that were asked for by name.
    pub(super) required: Vec<Pick>,
    pub(super) fail_on: FailOn,
    pub(super) baseline: Option<PathBuf>,
}

/// Why a command line or a file cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SettingsError {
    /// The file is wrong.
    #[error("{}", .0.for_stderr())]
    File(#[from] ConfigError),
    /// A flag names no rule.
    #[error("error: `{flag}`: {source}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong with the name.
        source: UnknownRule,
    },
}

impl Settings {
    /// Flags before the environment before the file.
    pub(super) fn read(args: &AuditArgs) -> Result<Self, SettingsError> {
        let mut targets = args.targets.clone();
        if targets.is_empty() {
            targets.push(".".to_owned());
        }
        let loaded = load(args, &targets)?;
        let AuditConfig {
            limiters,
            fail_on,
            min_confidence,
            advisories,
            offline,
            baseline,
            ..
        } = loaded.config.audit.clone();
        let only = match picks("--only", &args.only)? {
            only if only.is_empty() => written(&loaded, "only")?,
            only => only,
        };
        let both = |flag, names: &[String], key| {
            let mut all = picks(flag, names)?;
            all.extend(written(&loaded, key)?);
            Ok::<_, SettingsError>(all)
        };
        let skip = both("--skip", &args.skip, "skip")?;
        let mut required = both("--require", &args.require, "require")?;
        let beside =
            |key: &str, path: Option<PathBuf>| path.map(|path| resolved(&loaded, key, path));
        let advisories = args.advisories.clone().or(beside("advisories", advisories));
        if advisories.is_some() {
            // Who names advisories wants to know what they say.
            required.extend("deps/vulnerable".parse::<Pick>());
        }
        if args.probe_login {
            required.extend("auth/no-rate-limit".parse::<Pick>());
        }
        // Who names a rule wants it looked for.
        required.extend(only.iter().filter(|pick| matches!(pick, Pick::Rule(_))));
        let mut selection = Selection::new();
        required.retain(|pick| !skip.contains(pick));
        selection.only = only;
        selection.skip = skip;
        let sure = args.min_confidence.map(confidence);
        selection.min_confidence = sure.or(min_confidence.map(written_confidence));
        let mut options = Options::new()
            .limiters(args.limiters.iter().cloned().chain(limiters))
            .offline(args.offline || offline);
        if let Some(advisories) = advisories {
            options = options.advisories(advisories);
        }
        let fail_on = args.fail_on.map(level).or(fail_on.map(written_level));
        Ok(Self {
            targets,
            options,
            live: live(args),
            selection,
            required,
            fail_on: fail_on.unwrap_or_default(),
            baseline: args.baseline.clone().or(beside("baseline", baseline)),
        })
    }
}

/// Says whether what a file has below `[audit]` names rules that there are.
pub(crate) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    for key in ["only", "skip", "require"] {
        written(loaded, key)?;
    }
    Ok(())
}

fn live(args: &AuditArgs) -> LiveOptions {
    let mut live = LiveOptions::new();
    for host in &args.i_own {
        live = live.owned(host.clone());
    }
    live.http_port = args.http_port;
    live.https_port = args.https_port;
    for authority in &args.ca {
        live = live.authority(authority.clone());
    }
    if args.probe_login {
        let probe = LoginProbe::new();
        live = live.login(match &args.login_path {
            Some(path) => probe.path(path.clone()),
            None => probe,
        });
    }
    live
}

fn load(args: &AuditArgs, targets: &[String]) -> Result<Loaded, ConfigError> {
    let beside = targets
        .iter()
        .filter(|target| !target.contains("://"))
        .map(|target| Path::new(target).join("panoply.toml"))
        .find(|path| path.exists());
    let mut source = Source::new();
    if let Some(path) = args.config.clone().or(beside) {
        source = source.file(&path)?;
    }
    // What the environment says of the gateway is none of the audit's business.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("PANOPLY_AUDIT_"));
    source.env(variables).load()
}

fn picks(flag: &'static str, names: &[String]) -> Result<Vec<Pick>, SettingsError> {
    let pick = |name: &String| {
        let pick = name.trim().parse();
        pick.map_err(|source| SettingsError::Flag { flag, source })
    };
    names.iter().map(pick).collect()
}

/// The rules that a list of the file names.
fn written(loaded: &Loaded, key: &str) -> Result<Vec<Pick>, ConfigError> {
    let audit = &loaded.config.audit;
    let names = match key {
        "only" => &audit.only,
        "skip" => &audit.skip,
        _ => &audit.require,
    };
    let pick = |(at, name): (usize, &String)| {
        name.parse::<Pick>().map_err(|error| {
            let path = format!("audit.{key}[{at}]");
            let wrong = loaded.error(&path, format!("{path}: there is no rule `{name}`"));
            wrong.with_help(match error.nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`panoply audit --rules` lists them".to_owned(),
            })
        })
    };
    names.iter().enumerate().map(pick).collect()
}

/// A path as the one who wrote it means it: in a file, from there.
fn resolved(loaded: &Loaded, key: &str, path: PathBuf) -> PathBuf {
    let in_file = matches!(loaded.origin(&format!("audit.{key}")), Origin::File(_));
    match loaded.file().and_then(Path::parent) {
        Some(folder) if in_file => folder.join(path),
        _ => path,
    }
}

fn level(level: Level) -> FailOn {
    FailOn::Severity(match level {
        Level::Info => Severity::Info,
        Level::Low => Severity::Low,
        Level::Medium => Severity::Medium,
        Level::High => Severity::High,
        Level::Never => return FailOn::Never,
    })
}

fn written_level(written: AuditLevel) -> FailOn {
    level(match written {
        AuditLevel::Info => Level::Info,
        AuditLevel::Medium => Level::Medium,
        AuditLevel::High => Level::High,
        AuditLevel::Never => Level::Never,
        _ => Level::Low,
    })
}

fn confidence(sure: Sure) -> Confidence {
    match sure {
        Sure::Possible => Confidence::Possible,
        Sure::Likely => Confidence::Likely,
        Sure::Certain => Confidence::Certain,
    }
}

fn written_confidence(written: AuditConfidence) -> Confidence {
    match written {
        AuditConfidence::Certain => Confidence::Certain,
        AuditConfidence::Likely => Confidence::Likely,
        _ => Confidence::Possible,
    }
}
