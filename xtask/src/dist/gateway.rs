//! The gateway that is loaded.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::install;
use crate::soak::{addresses, ready};

/// The longest that it may take to end; what is in flight is over before.
const PATIENCE: Duration = Duration::from_mins(1);

/// One that runs.
pub(super) struct Gateway {
    child: Child,
    /// Where it serves.
    pub(super) address: SocketAddr,
    /// Where it sends on to HTTPS, when it serves that.
    pub(super) redirects: Option<SocketAddr>,
}

impl Gateway {
    /// Starts it in front of `app`, with its files in `directory`.
    pub(super) fn start(
        program: &Path,
        app: SocketAddr,
        directory: &Path,
        config: &str,
    ) -> Result<Self> {
        let file = directory.join("panoply.toml");
        std::fs::write(&file, config)?;
        let mut command = Command::new(program);
        command
            .args(["run", "--upstream", &format!("http://{app}"), "--config"])
            .arg(&file)
            .arg("--state")
            .arg(directory.join("state"))
            .current_dir(directory);
        let (child, line) = ready(&mut command)?;
        let mut found = addresses(&line);
        let (address, redirects) = (found.next(), found.next());
        let mut gateway = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            redirects,
        };
        gateway.address =
            address.with_context(|| format!("the gateway says no address: {line:?}"))?;
        Ok(gateway)
    }

    /// Ends it as whoever runs it does, upon which it writes what it has counted.
    #[expect(clippy::disallowed_methods, reason = "a bound on waiting")]
    pub(super) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        install::succeed(Command::new("kill").args(["-TERM", &id]))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the gateway ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the gateway does not end")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
