//! Guessing the owner's password from a list, while the owner wants to get in as well.

use std::{fmt::Write as _, io};

use super::{
    Lab, OWNER,
    outcome::{Outcome, Side},
    visitor::Visitor,
    wire::Door,
};

/// The head of any list of leaked passwords.
const WORDS: [&str; 24] = [
    "123456",
    "password",
    "12345678",
    "qwerty",
    "123456789",
    "12345",
    "1234",
    "111111",
    "1234567",
    "dragon",
    "123123",
    "baseball",
    "abc123",
    "football",
    "monkey",
    "696969",
    "shadow",
    "master",
    "666666",
    "qwertyuiop",
    "123321",
    "mustang",
    "1234567890",
    "letmein1",
];

pub(super) async fn run(lab: &Lab) -> io::Result<Outcome> {
    lab.release().await;
    Ok([guess(&lab.naked).await?, guess(&lab.guarded).await?].into())
}

async fn guess(door: &Door) -> io::Result<Side> {
    // The owner has been here before, in a browser of his own.
    let mut owner = Visitor::new(door);
    owner.post("/login", "", &OWNER).await?;
    let mut answered = String::new();
    let (mut found, mut reached, mut refused, mut wait) = (None, 0, 0, None);
    for (at, word) in WORDS.iter().enumerate() {
        let fields = [("username", "owner"), ("password", *word)];
        let answer = Visitor::new(door).post("/login", "", &fields).await?;
        // Writing to a string does not fail.
        let _ = writeln!(answered, "{} {word}", answer.status);
        match answer.status {
            303 => found = found.or(Some(at + 1)),
            429 => {
                refused += 1;
                wait = wait.or_else(|| answer.header("retry-after").map(str::to_owned));
            }
            _ => reached += 1,
        }
    }
    if let Some(wait) = &wait {
        let _ = writeln!(answered, "Retry-After: {wait}");
    }
    let back = owner.post("/login", "", &OWNER).await?;
    let _ = writeln!(
        answered,
        "\nthe owner, in the browser of before: {}",
        back.line()
    );
    let gets_in = if back.status == 303 {
        "gets in"
    } else {
        "does not get in"
    };
    let saw = match (found, &wait) {
        (Some(tries), _) => format!("The password is found: it is word {tries} of the list."),
        (None, Some(wait)) => format!(
            "{reached} guesses reached the shop; then {refused} were refused, the right one too, with \
             Retry-After: {wait} s. The owner’s own browser still {gets_in}."
        ),
        (None, None) => "No word was right.".to_owned(),
    };
    Ok(Side {
        // A lock that keeps the owner out as well is an attack that worked.
        fell: Some(found.is_some() || back.status != 303),
        sent: format!(
            "{} times, each with another word:\n\nPOST /login\n\nusername=owner&password={}",
            WORDS.len(),
            WORDS.first().copied().unwrap_or_default()
        ),
        answered,
        saw,
    })
}
