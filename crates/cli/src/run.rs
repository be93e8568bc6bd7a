//! `panoply run`.

use std::process::ExitCode;
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_gateway::config::ConfigError;
use panoply_gateway::{Addresses, Error, Gateway, Heir, Outcome, Program, Settings, Surroundings};

use crate::args::SettingArgs;
use crate::print::{announce, fail};
use crate::source;

/// Guards the app until a signal says stop.
pub(crate) fn run(args: &SettingArgs) -> ExitCode {
    let heir = match Heir::from_env() {
        Ok(heir) => heir,
        Err(error) => {
            return fail(format!(
                "error: PANOPLY_HANDOVER is set, and no gateway hands over: {error}; unset it"
            ));
        }
    };
    let served = serve(args, heir.clone());
    panoply_gateway::settle_log();
    match served {
        Ok(code) => code,
        Err(failure) => {
            if let Some(heir) = heir {
                heir.give_up(&failure.plain);
            }
            fail(failure.shown);
            ExitCode::from(failure.status)
        }
    }
}

/// Why there is no gateway, or none any more.
struct Failure {
    plain: String,
    /// As standard error shows it best.
    shown: String,
    status: u8,
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            plain: { error.to_string() }
                .trim_start_matches("error: ")
                .to_owned(),
            shown: error.for_stderr(),
            status: 2,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let said = error.told();
        Self {
            shown: format!("error: {said}"),
            plain: said,
            status: if matches!(error, Error::App { .. }) {
                127
            } else {
                2
            },
        }
    }
}

fn serve(args: &SettingArgs, heir: Option<Heir>) -> Result<ExitCode, Failure> {
    panoply_gateway::refuse_huge_pages();
    let state = source::state(args.state.as_deref());
    let mut around = Surroundings::new(&state, Arc::new(SystemClock::new()));
    // Without its name it cannot be replaced, and says so then.
    if let Ok(program) = Program::this() {
        around = around.upgradable(program);
    }
    if let Some(heir) = heir {
        around = around.succeeding(heir);
    }
    let again = || source::load_again(args);
    let (settings, privilege) = Settings::build_as_user(source::load(args)?, again, &around)?;
    panoply_gateway::start_log(settings.log());
    settings.tell_of_weakenings();
    let gateway = Gateway::bind(settings.clone(), around)?;
    // Nobody is heard, and no thread started, before this.
    privilege.give_up()?;
    let addresses = gateway.addresses();
    let ready = || tell(&settings, &addresses);
    ended(gateway.run(ready, || source::load_again(args)))
}

/// Says where the app is, and what its certificate is.
fn tell(settings: &Settings, addresses: &Addresses) {
    let line = settings.ready_line(addresses);
    announce(format!("panoply: {line}"));
    settings.tell_of_certificates();
}

/// The status with which a command that runs a gateway ends.
pub(crate) fn finish(outcome: Result<Outcome, Error>) -> ExitCode {
    match ended(outcome) {
        Ok(code) => code,
        Err(failure) => {
            fail(failure.shown);
            ExitCode::from(failure.status)
        }
    }
}

fn ended(outcome: Result<Outcome, Error>) -> Result<ExitCode, Failure> {
    let Outcome::AppDied(status) = outcome? else {
        return Ok(ExitCode::SUCCESS);
    };
    let status = status.and_then(|status| u8::try_from(status).ok());
    let plain = match status {
        Some(status) => {
            format!("the app ended with status {status} before it accepted a connection")
        }
        None => "the app was killed before it accepted a connection".to_owned(),
    };
    Err(Failure {
        shown: format!("error: {plain}"),
        plain,
        // An app that ends at once with 0 has not been served either.
        status: status.filter(|status| *status != 0).unwrap_or(1),
    })
}
