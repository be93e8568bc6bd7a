//! Why there is no gateway.

use std::io;

use crate::listen::ListenError;
use crate::store::OpenError;

/// Why the gateway could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port could not be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Certificates would be ordered that nobody keeps.
    #[error(transparent)]
    Acme(#[from] panoply_acme::Error),
    /// The gateway that has started this one in its place does not let it.
    #[error("the gateway that runs has not handed over: {0}")]
    Handover(#[source] io::Error),
    /// Something fell over that nothing can be served without.
    #[error(
        "{0} fell over, which is a fault of Panoply's; the log says before this what it panicked at"
    )]
    Fallen(&'static str),
    /// A thread, runtime, signal or passed socket could not be had.
    #[error("the operating system refused {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// The app's program could not be started.
    #[error(
        "the app cannot be started: `{program}`: {source}{}",
        remedy(program, source)
    )]
    App {
        /// The program that was named.
        program: String,
        /// Why it was refused.
        source: io::Error,
    },
}

impl Error {
    /// It with its cause, unless it says that itself.
    pub fn told(&self) -> String {
        let said = self.to_string();
        let cause = std::error::Error::source(self).map(ToString::to_string);
        match cause.filter(|cause| !said.contains(cause)) {
            Some(cause) => format!("{said}: {cause}"),
            None => said,
        }
    }
}

fn remedy(program: &str, error: &io::Error) -> &'static str {
    match error.kind() {
        _ if program.contains("://") => "; an app that already runs is named by `--upstream`",
        io::ErrorKind::NotFound => "; is it installed and in PATH?",
        io::ErrorKind::PermissionDenied => "; is it executable?",
        _ => "",
    }
}

/// Tells what was asked for.
pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System { what, source }
}
