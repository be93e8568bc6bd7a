//! `headers/cors`: who else may read what is answered.

use super::super::client::Answer;
use super::super::scene::Scene;
use super::place;
use crate::finding::Finding;
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::headers::CORS;

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    for (origin, answer) in &scene.foreign {
        match answer {
            Ok(answer) if !scene.is_own(&answer.url) => {}
            Ok(answer) => {
                if let Some(finding) = judge(origin, answer) {
                    report.push(finding);
                    // The others are let in by the same door.
                    return;
                }
            }
            Err(failure) => report.not_checked(
                &CORS,
                format!("asked in the name of `{origin}`: {}", failure.told()),
            ),
        }
    }
}

fn judge(origin: &str, answer: &Answer) -> Option<Finding> {
    let allowed = answer.filled("access-control-allow-origin")?;
    let credentials = answer.filled("access-control-allow-credentials").as_deref() == Some("true");
    let finding = |message: String| Some(Finding::new(&CORS, place(answer), message));
    if allowed == "*" && credentials {
        // Browsers refuse the pair; whoever wrote it wanted something else.
        let message = "`Access-Control-Allow-Origin: *` stands beside `Access-Control-Allow-Credentials: true`, which browsers refuse".to_owned();
        let help = "Name the one origin that may, or leave the credentials out.";
        return finding(message).map(|one| one.severity(Severity::Low).help(help));
    }
    if allowed == "*" {
        let message = "any site may read what is answered here to everybody (`Access-Control-Allow-Origin: *`)".to_owned();
        let help = "Right for what is public; leave it out elsewhere.";
        return finding(message).map(|one| one.severity(Severity::Info).help(help));
    }
    if allowed != origin {
        return None;
    }
    let who = match origin {
        "null" => {
            "a page without an origin, which any site can make (a sandboxed frame),".to_owned()
        }
        "https://origin.example" => "any site".to_owned(),
        _ => format!("a site whose name only begins like this one's (`{origin}`)"),
    };
    if credentials {
        return finding(format!(
            "{who} may read what is answered here with its visitor's cookies: `Access-Control-Allow-Origin: {origin}`, `Access-Control-Allow-Credentials: true`"
        ));
    }
    let message = format!("{who} may read what is answered here: its `Origin` is reflected");
    finding(message).map(|one| one.severity(Severity::Low))
}
