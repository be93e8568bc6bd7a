//! What a person may say of an audit of a running site.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a running site is looked at; all of it may be left as it is.
///
/// ```
/// use panoply_audit::LiveOptions;
/// use std::time::Duration;
///
/// let options = LiveOptions::new()
///     .authority("local-ca.pem")
///     .timeout(Duration::from_secs(5));
/// assert_eq!(options.timeout, Duration::from_secs(5));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveOptions {
    /// Whether wrong logins are tried, and where.
    pub login: Option<LoginProbe>,
    /// Hosts of one's own, at which wrong logins may be tried.
    pub owned: Vec<String>,
    /// Files of certificate authorities, in PEM, that are trusted beside the system's.
    pub authorities: Vec<PathBuf>,
    /// How long one answer may take. Default: 10 seconds.
    pub timeout: Duration,
    /// Names that are not looked up: each goes to this address.
    pub resolve: Vec<(String, IpAddr)>,
    /// The port of plain HTTP; without it 80, or the one of the address.
    pub http_port: Option<u16>,
    /// The port of HTTPS; without it 443, or the one of the address.
    pub https_port: Option<u16>,
    /// Hosts that browsers know to be HTTPS alone, a JSON file: the name, `"mode": "force-https"`, and
    /// whether `includeSubDomains` holds.
    pub preloaded: Option<PathBuf>,
    /// Who is told what is being done.
    pub progress: Progress,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            login: None,
            owned: Vec::new(),
            authorities: Vec::new(),
            timeout: Duration::from_secs(10),
            resolve: Vec::new(),
            http_port: None,
            https_port: None,
            preloaded: None,
            progress: Progress::default(),
        }
    }
}

impl LiveOptions {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tries wrong logins, 15 at most. Only at this machine, or at a host of [`owned`](Self::owned).
    #[must_use]
    pub fn login(mut self, probe: LoginProbe) -> Self {
        self.login = Some(probe);
        self
    }

    /// Names a host as one's own.
    #[must_use]
    pub fn owned(mut self, host: impl Into<String>) -> Self {
        self.owned.push(host.into());
        self
    }

    /// Trusts the authorities of a PEM file beside the system's.
    #[must_use]
    pub fn authority(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(path.into());
        self
    }

    /// Says how long one answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Goes to an address for a name, whatever its name server says.
    #[must_use]
    pub fn resolve(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.resolve.push((name.into(), address));
        self
    }

    /// Says where plain HTTP is.
    #[must_use]
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = Some(port);
        self
    }

    /// Says where HTTPS is.
    #[must_use]
    pub fn https_port(mut self, port: u16) -> Self {
        self.https_port = Some(port);
        self
    }

    /// Takes the hosts that browsers know to be HTTPS alone from a file.
    #[must_use]
    pub fn preloaded(mut self, path: impl Into<PathBuf>) -> Self {
        self.preloaded = Some(path.into());
        self
    }

    /// Tells somebody what is being done, a line each.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Progress(Some(Arc::new(tell)));
        self
    }
}

/// Where logins go and what their fields are called; what is not said is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginProbe {
    /// The path that takes them, such as `/login`.
    pub path: Option<String>,
    /// The field of the user's name.
    pub username: Option<String>,
    /// The field of the password.
    pub password: Option<String>,
    /// Whether they are sent as JSON, not as a form.
    pub json: bool,
}

impl LoginProbe {
    /// Looks for the login itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Names the fields of user and password.
    #[must_use]
    pub fn fields(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self.password = Some(password.into());
        self
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(mut self, json: bool) -> Self {
        self.json = json;
        self
    }
}

/// Who is told what is being done.
#[derive(Clone, Default)]
pub struct Progress(Option<Tell>);

type Tell = Arc<dyn Fn(&str) + Send + Sync>;

impl Progress {
    pub(crate) fn say(&self, step: &str) {
        tracing::debug!(step, "live");
        if let Some(tell) = &self.0 {
            tell(step);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}
