//! DNS-01 by a command of the operator's.

use std::time::Duration;

use crate::command::{self, Starting, Unrun};
use crate::issuer::{Failure, Fault};

/// Longest for one call; name servers may take minutes to agree.
const PATIENCE: Duration = Duration::from_mins(10);

/// A TXT record that is to be taken out again.
#[derive(Debug)]
pub(crate) struct Record {
    hook: Vec<String>,
    starting: Starting,
    name: String,
    value: String,
    /// Whether it may be in the DNS.
    stands: bool,
}

impl Record {
    /// Puts the record for `domain` into the DNS (RFC 8555 §8.4).
    pub(crate) async fn present(
        (hook, starting): (&[String], Starting),
        domain: &str,
        value: String,
    ) -> Result<Self, Failure> {
        let mut record = Self {
            hook: hook.to_owned(),
            starting,
            name: format!("_acme-challenge.{}", domain.trim_start_matches("*.")),
            value,
            stands: true,
        };
        match record.call("present").await {
            Ok(()) => Ok(record),
            Err((failure, may_stand)) => {
                record.stands = may_stand;
                Err(failure)
            }
        }
    }

    /// Takes it out; one that stays there harms nobody.
    pub(crate) async fn cleanup(mut self) {
        let called = self.call("cleanup").await;
        // Not before: whoever drops this meanwhile has it called again.
        self.stands = false;
        if let Err((error, _)) = called {
            tracing::warn!(%error, name = self.name, "a TXT record was not taken out");
        }
    }

    /// Calls the hook; with a failure comes whether the record may stand in spite of it.
    async fn call(&self, what: &str) -> Result<(), (Failure, bool)> {
        let program = self.hook.first().map_or("", String::as_str);
        let called = command::run(
            &self.hook,
            &[what, &self.name, &self.value],
            PATIENCE,
            self.starting,
        )
        .await;
        let (problem, may_stand) = match called {
            Ok(ended) if ended.status.success() => return Ok(()),
            Ok(ended) if ended.said.is_empty() => (
                format!("`{program} {what}` ended with {}", ended.status),
                false,
            ),
            Ok(ended) => {
                let said = ended.said;
                (
                    format!("`{program} {what}` ended with {}: {said}", ended.status),
                    false,
                )
            }
            Err(error) => (error.to_string(), matches!(error, Unrun::Late { .. })),
        };
        let advice = "Call it by hand with the same arguments: `COMMAND present NAME VALUE` must \
                      end with status 0 once every name server has the record.";
        Err((Failure::new(Fault::Validation, problem, advice), may_stand))
    }
}

impl Drop for Record {
    /// An order that is given up, or a process that ends, leaves nothing in the DNS.
    fn drop(&mut self) {
        if !self.stands {
            return;
        }
        let called = command::begin(
            &self.hook,
            &["cleanup", &self.name, &self.value],
            self.starting,
        );
        if let Err(error) = called {
            tracing::warn!(%error, name = self.name, "a TXT record was not taken out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hook that writes its calls down, and hangs on some of them.
    fn hook(folder: &std::path::Path) -> (Vec<String>, std::path::PathBuf) {
        let calls = folder.join("calls");
        let script = format!(
            "echo \"$*\" >> {}; case $* in \"present _acme-challenge.hangs\"*) sleep 60;; \
             *fails*) echo no token >&2; exit 7;; esac",
            calls.display()
        );
        let hook = ["/bin/sh", "-c", &script, "hook"].map(str::to_owned);
        (hook.to_vec(), calls)
    }

    async fn called(calls: &std::path::Path, lines: usize) -> String {
        for _ in 0..200 {
            let text = std::fs::read_to_string(calls).unwrap_or_default();
            if text.lines().count() >= lines {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the hook was not called so often");
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let (hook, calls) = hook(folder.path());
        let present = Record::present(
            (&hook, Starting::default()),
            "*.hangs.example",
            "v".to_owned(),
        );
        tokio::select! {
            _ = present => panic!("it hangs"),
            _ = called(&calls, 1) => {}
        }
        let expected = "present _acme-challenge.hangs.example v\n\
                        cleanup _acme-challenge.hangs.example v\n";
        assert_eq!(called(&calls, 2).await, expected);
    }

    #[tokio::test]
    async fn a_record_is_taken_out_once() {
        let folder = tempfile::tempdir().unwrap();
        let (hook, calls) = hook(folder.path());
        let record =
            Record::present((&hook, Starting::default()), "a.example", "v".to_owned()).await;
        record.unwrap().cleanup().await;
        let failed = Record::present(
            (&hook, Starting::default()),
            "fails.example",
            "v".to_owned(),
        )
        .await;
        let problem = failed.unwrap_err().problem;
        assert_eq!(
            problem,
            "`/bin/sh present` ended with exit status: 7: no token"
        );
        // What would have been called without being waited for has time to come.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let expected = "present _acme-challenge.a.example v\n\
                        cleanup _acme-challenge.a.example v\n\
                        present _acme-challenge.fails.example v\n";
        assert_eq!(called(&calls, 3).await, expected);
    }
}
