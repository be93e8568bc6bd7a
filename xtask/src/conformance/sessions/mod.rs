//! What express-session, connect-pg-simple and cookie-session wrote and read.
//!
//! Each case goes through the real layer, over texts in memory and a clock that stands at the moment
//! that was recorded. Where we differ, it is by a rule that is named in `conformance/ADAPTED.md`.

mod cookie_session;
mod documents;
mod express;
mod options;

use serde_json::Value;

use super::Outcome;

/// The rule by which we differ from the peer, if we do, or what is wrong.
type Judged = Result<Option<&'static str>, String>;

type Judge = fn(&Value) -> Judged;

pub(crate) fn run(file: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    let parts: [(&str, Judge); 4] = [
        ("express_session", express::write),
        ("express_session_read", express::read),
        ("cookie_session", cookie_session::write),
        ("cookie_session_read", cookie_session::read),
    ];
    let mut judge = |part: &str, case: &Value, judged: Judged| {
        let name = case["name"].as_str().unwrap_or("without a name");
        let name = format!("{part}: {name}");
        match judged {
            Ok(None) => outcome.passed.push(name),
            Ok(Some(rule)) => outcome.adapted.push(format!("{name}: {rule}")),
            Err(why) => outcome.failed.push((name, why)),
        }
    };
    for (part, run) in parts {
        for case in file[part].as_array().into_iter().flatten() {
            judge(part, case, run(case));
        }
    }
    for (store, cases) in file["stores"].as_object().into_iter().flatten() {
        for case in cases.as_array().into_iter().flatten() {
            let judged = if store == "pg" {
                express::row(case)
            } else {
                Ok(Some("no store of ours is laid out so"))
            };
            judge(&format!("stores.{store}"), case, judged);
        }
    }
    // `sealed` holds what other libraries seal, which nobody here has the keys for.
    outcome
}

/// Nothing if both are the same, else what is and what should be.
fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found}, not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Value {
        serde_json::from_str(include_str!("../../../../conformance/sessions.json")).unwrap()
    }

    #[test]
    fn none_fails_and_each_that_is_adapted_is_listed() {
        let outcome = run(&file());
        assert!(outcome.failed.is_empty(), "{:#?}", outcome.failed);
        assert!(outcome.passed.len() >= 35, "{}", outcome.passed.len());
        let page = include_str!("../../../../conformance/ADAPTED.md");
        for case in &outcome.adapted {
            assert!(page.contains(case.as_str()), "not in ADAPTED.md: {case}");
        }
    }

    #[test]
    fn other_answers_fail() {
        let mut file = file();
        for part in ["express_session", "express_session_read", "cookie_session"] {
            for case in file[part].as_array_mut().unwrap() {
                let more = Value::from("more=1; Path=/");
                case["set_cookie"].as_array_mut().unwrap().push(more);
            }
        }
        let outcome = run(&file);
        assert!(outcome.failed.len() >= 30, "{}", outcome.failed.len());
    }
}
