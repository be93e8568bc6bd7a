//! A program that asks for the price as often as it can.

use std::io;

use super::{
    Lab,
    outcome::{Outcome, Side},
    visitor::Visitor,
    wire::Door,
};

const REQUESTS: usize = 60;

pub(super) async fn run(lab: &Lab) -> io::Result<Outcome> {
    Ok([ask(&lab.naked).await?, ask(&lab.guarded).await?].into())
}

async fn ask(door: &Door) -> io::Result<Side> {
    let mut program = Visitor::new(door);
    let (mut passed, mut refused) = (0, None);
    for _ in 0..REQUESTS {
        let answer = program.get("/price.json").await?;
        match answer.status {
            429 => refused = refused.or(Some(answer)),
            _ => passed += 1,
        }
    }
    let wait = refused
        .as_ref()
        .and_then(|answer| answer.header("retry-after"));
    Ok(Side {
        fell: Some(passed == REQUESTS),
        sent: format!("{REQUESTS} times:\n\n{}", program.sent),
        answered: match &refused {
            Some(answer) => format!(
                "{passed} times 200, {} times:\n\n{}",
                REQUESTS - passed,
                answer.head
            ),
            None => format!("{passed} times 200"),
        },
        saw: match wait {
            Some(wait) => format!(
                "{passed} of {REQUESTS} passed; the others were refused with Retry-After: {wait} s."
            ),
            None => format!("All {REQUESTS} were answered, and so would a million have been."),
        },
    })
}
