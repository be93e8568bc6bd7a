//! DNS-01 by a command of the operator's.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::issuer::{Failure, Fault};

/// Longest for one call; name servers may take minutes to agree.
const PATIENCE: Duration = Duration::from_mins(10);

/// A TXT record that is to be taken out again.
#[derive(Debug)]
pub(crate) struct Record {
    name: String,
    value: String,
}

impl Record {
    /// Puts the record for `domain` into the DNS (RFC 8555 §8.4).
    pub(crate) async fn present(
        hook: &[String],
        domain: &str,
        value: String,
    ) -> Result<Self, Failure> {
        let name = format!("_acme-challenge.{}", domain.trim_start_matches("*."));
        let record = Self { name, value };
        record.call(hook, "present").await?;
        Ok(record)
    }

    /// Takes it out; one that stays there harms nobody.
    pub(crate) async fn cleanup(self, hook: &[String]) {
        if let Err(error) = self.call(hook, "cleanup").await {
            tracing::warn!(%error, name = self.name, "a TXT record was not taken out");
        }
    }

    async fn call(&self, hook: &[String], what: &str) -> Result<(), Failure> {
        let failed = |problem: String| {
            let advice = "Call it by hand with the same arguments: `COMMAND present NAME VALUE` \
                          must end with status 0 once every name server has the record.";
            Failure::new(Fault::Validation, problem, advice)
        };
        let Some((program, arguments)) = hook.split_first() else {
            return Err(failed("there is no `acme.dns_hook`".to_owned()));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args([what, &self.name, &self.value])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let called = tokio::time::timeout(PATIENCE, command.output()).await;
        match called {
            Err(_) => Err(failed(format!(
                "`{program} {what}` did not end within 10 minutes"
            ))),
            Ok(Err(error)) => Err(failed(format!("`{program}` cannot be started: {error}"))),
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.trim().lines().last().unwrap_or_default().to_owned();
                Err(failed(format!(
                    "`{program} {what}` ended with {}: {last}",
                    output.status
                )))
            }
        }
    }
}
