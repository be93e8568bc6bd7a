//! `panoply certificates`.

use std::process::ExitCode;

use panoply_gateway::Reason;

use crate::args::{CertificatesArgs, CertificatesCommand, RevocationReason};
use crate::blocks;
use crate::print::say;

/// Asks the gateway that runs on the state directory.
pub(crate) fn run(args: &CertificatesArgs) -> ExitCode {
    let control = args.running.control();
    let CertificatesCommand::Revoke { name, reason } = &args.what;
    let reason = match reason {
        RevocationReason::Unspecified => Reason::Unspecified,
        RevocationReason::KeyCompromise => Reason::KeyCompromise,
        RevocationReason::Superseded => Reason::Superseded,
        RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
    };
    match control.revoke(&name.to_ascii_lowercase(), reason) {
        Ok(()) => {
            say(format_args!(
                "the certificate for {name} is revoked, and another is being ordered; `panoply \
                 status` says how it stands"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}
