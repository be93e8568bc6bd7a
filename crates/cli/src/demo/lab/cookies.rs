//! What cookies are worth: stolen by a script, sent along with another site's form, counted on.

use std::{io, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Both, Lab, OWNER,
    outcome::{Outcome, Side},
    visitor::Visitor,
    wire::Door,
};

/// How long two browsers may take to sign in and to look at the neighbour's blog.
const LOOKS: u32 = 60;
const EACH: Duration = Duration::from_millis(200);

/// Numbers that are tried for somebody else's session.
const GUESSES: u64 = 40;

/// The owner signs in, and then reads the neighbour's blog: in a frame at the naked door; at the
/// guarded one, whose cookies no frame of another site is given, in a window.
pub(super) fn sign_in(lab: &Lab, run: &str) -> Value {
    let [naked, guarded] = lab.doors().map(|door| {
        let close = if door.name == "guarded" { "&close" } else { "" };
        let mut fields: serde_json::Map<String, Value> = OWNER
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let next = format!("/blog?visit={run}-{}{close}", door.name);
        fields.insert("next".to_owned(), next.into());
        json!({"action": format!("{}/login", door.origin), "fields": fields})
    });
    json!({"run": run, "naked": naked, "guarded": guarded})
}

/// Asks the blog what its script has read, and uses that.
pub(super) async fn stolen(lab: &Lab, run: &str) -> io::Result<Outcome> {
    let mut log = Value::Null;
    let visit = |log: &Value, door: &Door| {
        let name = format!("{run}-{}", door.name);
        let entries = log.as_array()?;
        entries
            .iter()
            .find(|entry| entry["visit"] == name.as_str())
            .cloned()
    };
    for _ in 0..LOOKS {
        let seen = Visitor::new(&lab.naked).get("/blog/log").await?;
        log = serde_json::from_str(&seen.body).unwrap_or_default();
        if lab.doors().iter().all(|door| visit(&log, door).is_some()) {
            break;
        }
        sleep(EACH).await;
    }
    let mut sides = Vec::new();
    for door in lab.doors() {
        let sent =
            "the owner signs in, and reads /blog, whose script keeps document.cookie".to_owned();
        let Some(entry) = visit(&log, door) else {
            sides.push(Side {
                fell: None,
                sent,
                answered: "(the blog was not visited)".to_owned(),
                saw: "The browser did not get there: its window was not let open, or the certificate is \
                      not trusted yet."
                    .to_owned(),
            });
            continue;
        };
        let read = entry.get("read").and_then(Value::as_str);
        let read = read.unwrap_or_default();
        let mut thief = Visitor::new(door);
        thief.pretend(read);
        let account = thief.get("/account").await?;
        let fell = account.body.contains("the owner");
        let came = entry.get("owner") == Some(&Value::Bool(true));
        sides.push(Side {
            // The owner has to have been signed in, or there was nothing to steal.
            fell: (fell || came).then_some(fell),
            sent: format!("{sent}\n\nthe thief, with what it kept:\n{}", thief.sent),
            answered: format!(
                "document.cookie: {}\nthe owner’s session came with the request: {}\n\n{}\n{}",
                if read.is_empty() { "(empty)" } else { read },
                if came { "yes" } else { "no" },
                account.line(),
                if fell { "You are here as the owner." } else { "You are here as a guest." },
            ),
            saw: if fell {
                "The neighbour’s script read the session, and with it the thief is the owner."
            } else if came {
                "The owner’s browser sent its session to the shop as always, and no script could read it."
            } else {
                "The owner was not signed in, so there was nothing to steal."
            }
            .to_owned(),
        });
    }
    both(sides)
}

/// The start page has a form that closes the account of whoever is signed in at the shop.
pub(super) async fn forged(lab: &Lab) -> io::Result<Outcome> {
    lab.release().await;
    let mut sides = Vec::new();
    for mut victim in lab.visitors() {
        let signed_in = victim.post("/login", "", &OWNER).await?;
        let from = format!(
            "Origin: {}\r\nReferer: {}/\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
            lab.start, lab.start
        );
        let answer = victim.post("/account/close", &from, &[]).await?;
        let sent = victim.sent.clone();
        let account = victim.get("/account").await?;
        let closed = account.body.contains("Account closed");
        let is_owner = signed_in.status == 303 && account.body.contains("the owner");
        sides.push(Side {
            fell: is_owner.then_some(closed),
            sent,
            answered: format!(
                "{}\n\nGET /account afterwards: {}",
                answer.line(),
                if closed { "Account closed" } else { "Your account, still open" }
            ),
            saw: if closed {
                "The browser sent the owner’s cookie along with another site’s form, and the account is \
                 closed."
            } else {
                "The form of another site was refused before the shop saw it; the account is still open."
            }
            .to_owned(),
        });
    }
    both(sides)
}

/// A visitor changes the number in his cookie until it is somebody else's.
pub(super) async fn tampered(lab: &Lab) -> io::Result<Outcome> {
    lab.release().await;
    let mut sides = Vec::new();
    for (door, mut owner) in lab.doors().into_iter().zip(lab.visitors()) {
        owner.post("/login", "", &OWNER).await?;
        let is_owner = owner.get("/account").await?.body.contains("the owner");
        let mut thief = Visitor::new(door);
        thief.get("/").await?;
        let (name, value) = thief.session().unwrap_or_default();
        let (name, own) = (name.to_owned(), value.to_owned());
        // The thief knows how the shop numbers its visitors: from outside, or from its source.
        let mut newest = Visitor::new(&lab.naked);
        newest.get("/").await?;
        let newest = newest
            .session()
            .and_then(|(_, value)| value.strip_prefix("s%3A"));
        let newest: u64 = newest
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        let mut found = None;
        let mut tried = 0;
        for number in (0..=newest)
            .rev()
            .take(usize::try_from(GUESSES).unwrap_or_default())
        {
            thief.pretend(&format!("{name}=s%3A{number}"));
            tried += 1;
            if thief.get("/account").await?.body.contains("the owner") {
                found = Some(number);
                break;
            }
        }
        sides.push(Side {
            fell: is_owner.then_some(found.is_some()),
            sent: format!(
                "own cookie: {name}={own}\n\nlast of {tried} tries:\n{}",
                thief.sent
            ),
            answered: match found {
                Some(number) => format!("{name}=s%3A{number}: You are here as the owner."),
                None => format!("{tried} times: You are here as a guest."),
            },
            saw: match found {
                Some(_) => {
                    format!("The owner’s session was {tried} numbers away from the thief’s own.")
                }
                None => {
                    "What is in the cookie is sealed: it cannot be read, counted on or written by \
                         anybody but the gateway."
                        .to_owned()
                }
            },
        });
    }
    both(sides)
}

fn both(sides: Vec<Side>) -> io::Result<Outcome> {
    let sides: Both<Side> =
        { sides.try_into() }.map_err(|_| io::Error::other("an attack has two sides"))?;
    Ok(sides.into())
}
