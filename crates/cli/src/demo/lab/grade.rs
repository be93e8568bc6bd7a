//! What `panoply audit` says of both doors.

use panoply_audit::{LiveOptions, Report, Severity};
use serde_json::{Value, json};

use super::{Lab, wire::Door};

/// The most findings that are shown of one door.
const MOST: usize = 20;

pub(super) async fn run(lab: &Lab) -> Value {
    let [naked, guarded] = lab.doors();
    json!({"naked": grade(lab, naked).await, "guarded": grade(lab, guarded).await})
}

async fn grade(lab: &Lab, door: &Door) -> Value {
    let mut options = LiveOptions::new();
    if let Some(ca) = &lab.ca {
        options = options.authority(ca.clone());
    }
    let url = format!("{}/", door.origin);
    let audit = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let audited = runtime.block_on(panoply_audit::live(&url, &options));
        audited.map_err(|error| error.to_string())
    });
    match audit.await {
        Ok(Ok(report)) => told(&report),
        Ok(Err(error)) => json!({"error": error}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

fn told(report: &Report) -> Value {
    let findings: Vec<Value> = { report.findings.iter().take(MOST) }
        .map(|finding| {
            let severity = match finding.severity {
                Severity::High => "high",
                Severity::Medium => "medium",
                Severity::Low => "low",
                _ => "info",
            };
            json!({"severity": severity, "rule": finding.rule.id, "message": finding.message})
        })
        .collect();
    let grade = report.grade.as_ref();
    json!({
        "letter": grade.map(|grade| grade.letter.as_str()),
        "score": grade.map(|grade| grade.score),
        "found": report.findings.len(),
        "findings": findings,
    })
}
