//! A service of one's own behind everything that the gateway has, in one call.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use panoply::SystemClock;
use tokio::sync::{Notify, oneshot};
use toml::Value;
use tower_service::Service;

use crate::announce::{config_file, state_directory};
use crate::config::{ConfigError, Loaded, Source};
use crate::error::{Error, system};
use crate::gateway::{Addresses, Gateway};
use crate::handover::{Heir, Program};
use crate::own::{Incoming, Own};
use crate::privilege::Privilege;
use crate::settings::Settings;
use crate::surroundings::Surroundings;
use crate::{log, privilege};

/// A [`tower`](https://docs.rs/tower) service, such as axum's `Router`, behind everything that the gateway has in front of an app: TLS with
/// certificates that come by themselves, the whole suit of layers, limits on slow and greedy clients, the access log,
/// metrics and the admin page, `panoply reload`, `status`, `block` and `upgrade`. There is no app behind it and no
/// connection to one: the service answers on the thread that has read the request.
///
/// It is configured as the gateway is, by `panoply.toml` in the current directory, if there is one, and by the
/// environment (`PANOPLY_LISTEN_HTTP`), without `[app]`.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use panoply_gateway::Server;
///
/// #[tokio::main]
/// async fn main() -> Result<(), panoply_gateway::ServerError> {
///     let app = Router::new().route("/", get(|| async { "hello" }));
///     Server::new(app).serve().await
/// }
/// ```
///
/// Each core has a thread with a runtime of its own, on which requests are answered, and which what they
/// `tokio::spawn` runs on, until the connections of that thread have ended. So a handler that computes for long belongs into
/// `tokio::task::spawn_blocking`, and `block_in_place` is not to be had. What lives longer than a request belongs to the
/// runtime that `main` has.
///
/// What the layers find out is in the request's extensions, as in every service that wears the suit: extractors such as
/// `ClientAddress` and `Nonce` work (feature `axum` of `panoply`), and sessions are a layer of the service. A handler that panics is a 500 to its client,
/// and nothing to others; one whose client has gone is dropped where it waits. A request that asks for another protocol (`hyper::upgrade`, a WebSocket) is handed to
/// hyper, over a pair of sockets.
#[must_use = "it serves once it is run"]
pub struct Server {
    own: Own,
    config: Option<PathBuf>,
    text: Option<String>,
    state: Option<PathBuf>,
    set: Vec<(String, Value)>,
    ready: Option<Ready>,
    stop: Arc<Notify>,
}

type Ready = Box<dyn FnOnce(&Addresses) + Send>;

/// Why a [`Server`] does not serve, or has not served to its end.
///
/// In `Debug`, too, it is what is to be done about it, so that `main` may return it.
pub struct ServerError(Why);

enum Why {
    Config(ConfigError),
    Gateway(Error),
    Heir(io::Error),
    Nested,
    Threads(usize),
}

impl Server {
    /// One that serves `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            own: Own::new(service),
            config: None,
            text: None,
            state: None,
            set: Vec::new(),
            ready: None,
            stop: Arc::default(),
        }
    }

    /// Reads the configuration from this file, in place of `panoply.toml`.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Some(file.into());
        self
    }

    /// Takes this text as the configuration, where there is to be no file: `include_str!("panoply.toml")`.
    pub fn config_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Keeps what must last in this directory, in place of `$STATE_DIRECTORY` or `~/.local/state/panoply`. It is what
    /// `panoply --state` is to name, to ask this server.
    pub fn state(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = Some(directory.into());
        self
    }

    /// Sets one setting, whatever the file and the environment say: `("listen.http", "127.0.0.1:8080")`.
    ///
    /// A wrong one is an error when it is run.
    pub fn set(mut self, setting: &str, value: impl Into<Value>) -> Self {
        self.set.push((setting.to_owned(), value.into()));
        self
    }

    /// Calls `ready` once clients are answered, with where: behind port 0 there is another.
    pub fn on_ready(mut self, ready: impl FnOnce(&Addresses) + Send + 'static) -> Self {
        self.ready = Some(Box::new(ready));
        self
    }

    /// Serves until a signal says stop (SIGTERM, SIGINT, SIGQUIT) or another program has taken over (SIGUSR2, `panoply upgrade`), and what was begun
    /// has been answered; on this thread and on others that it starts.
    ///
    /// Started as root it becomes the user that `run.user` names, for which it has to be called before anything else
    /// starts a thread.
    ///
    /// # Errors
    ///
    /// When the configuration is wrong, a port or the store cannot be had, or this is called within a runtime.
    pub fn run(self) -> Result<(), ServerError> {
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(ServerError(Why::Nested));
        }
        self.run_here()
    }

    /// The same within a runtime, and on other threads than its own.
    ///
    /// Whoever drops this future stops the server, and does not wait for it.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub async fn serve(self) -> Result<(), ServerError> {
        self.serve_until(std::future::pending()).await
    }

    /// The same until `stop` resolves, too.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (ended, mut ends) = oneshot::channel();
        let stops = Stops(Arc::clone(&self.stop));
        let run = move || {
            // Who has dropped the future does not want to know.
            let _ = ended.send(self.run_here());
        };
        thread::Builder::new()
            .name("panoply".to_owned())
            .spawn(run)
            .map_err(|error| ServerError::from(system("a thread")(error)))?;
        let ended = tokio::select! {
            ended = &mut ends => ended,
            () = stop => {
                stops.0.notify_one();
                ends.await
            }
        };
        ended.unwrap_or_else(|_| Err(Error::Fallen("the server's own thread").into()))
    }

    fn run_here(self) -> Result<(), ServerError> {
        let heir = Heir::from_env().map_err(|error| ServerError(Why::Heir(error)))?;
        let served = self.run_after(heir.clone());
        log::settle();
        if let (Err(error), Some(heir)) = (&served, heir) {
            heir.give_up(&error.to_string());
        }
        served
    }

    fn run_after(mut self, heir: Option<Heir>) -> Result<(), ServerError> {
        let state = state_directory(self.state.as_deref());
        let clock = Arc::new(SystemClock::new());
        let mut around = Surroundings::new(&state, clock);
        around.own = Some(self.own.clone());
        around.stop = Arc::clone(&self.stop);
        // Without its name it cannot be replaced, and says so then.
        if let Ok(program) = Program::this() {
            around = around.upgradable(program);
        }
        if let Some(heir) = heir {
            around = around.succeeding(heir);
        }
        let (settings, privilege) = self.prepare(&around)?;
        log::start(settings.log());
        settings.tell_of_weakenings();
        let gateway = Gateway::bind(settings.clone(), around)?;
        // Nobody is heard before this.
        privilege.give_up()?;
        let addresses = gateway.addresses();
        let call = self.ready.take();
        let ready = || {
            tracing::info!("{}", settings.ready_line(&addresses));
            settings.tell_of_certificates();
            if let Some(call) = call {
                call(&addresses);
            }
        };
        gateway.run(ready, || self.load(Source::file_again))?;
        Ok(())
    }

    /// Becomes the user that is to serve, where that can still be, and checks everything as that user.
    fn prepare(&self, around: &Surroundings) -> Result<(Settings, Privilege), ServerError> {
        let loaded = self.load(Source::file)?;
        let threads = threads();
        if threads > 1 && privilege::is_root() && loaded.config.run.user.is_some() {
            return Err(ServerError(Why::Threads(threads)));
        }
        let again = || self.load(Source::file_again);
        Ok(Settings::build_as_user(loaded, again, around)?)
    }

    /// The configuration as it is now.
    fn load(
        &self,
        read: impl Fn(Source, &Path) -> Result<Source, ConfigError>,
    ) -> Result<Loaded, ConfigError> {
        let mut source = Source::new();
        if let Some(text) = &self.text {
            source = source.text("the text given to Server::config_text", text.clone());
        }
        let path = config_file(self.config.as_deref());
        if let Some(path) = path.filter(|_| self.text.is_none()) {
            source = read(source, &path)?;
        }
        source = source.own_env();
        for (setting, value) in &self.set {
            source = source.flag("Server::set", setting, value.clone());
        }
        source.load()
    }
}

/// How many threads this process has; one where that cannot be known.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Stops a server with itself.
struct Stops(Arc<Notify>);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Config(error) => f.write_str(error.to_string().trim_start_matches("error: ")),
            Why::Gateway(error) => f.write_str(&error.told()),
            Why::Heir(error) => write!(
                f,
                "PANOPLY_HANDOVER is set, and no gateway hands over: {error}; unset it"
            ),
            Why::Nested => f.write_str(
                "`Server::run` has a runtime of its own, and was called within another: write `serve().await`",
            ),
            Why::Threads(threads) => write!(
                f,
                "root cannot become another user (`run.user`) once there are {threads} threads, of which the others \
                 would stay root: call `Server::run` in a `main` without `#[tokio::main]`, or have it started as that user \
                 (`User=` of systemd, `--user` of a container)"
            ),
        }
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServerError {}

impl From<ConfigError> for ServerError {
    fn from(error: ConfigError) -> Self {
        Self(Why::Config(error))
    }
}

impl From<Error> for ServerError {
    fn from(error: Error) -> Self {
        Self(Why::Gateway(error))
    }
}
