//! Where the attacks are carried out: on both doors of the shop, when a button asks for it.
//!
//! Nothing here knows how an attack ends. Each sends what an attacker would send, reads what comes
//! back, and says of each door whether it fell, from that alone. What only a browser can do is done by
//! the page's own script in frames; what it saw comes with the second question.

mod came_back;
mod cookies;
mod grade;
mod guess;
mod headers;
mod list;
mod malformed;
mod outcome;
mod rate;
mod scripts;
mod visitor;
mod wire;

use std::{io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use panoply_core::RequestId;
use panoply_gateway::Control;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub(crate) use self::came_back::CameBack;
pub(super) use self::list::{ATTACKS, Attack};
use self::{outcome::Outcome, visitor::Visitor, wire::Door};
use super::{DemoUrls, form, start_page};

/// Who owns the shop, and with which password.
const OWNER: [(&str, &str); 2] = [("username", "owner"), ("password", "letmein1")];

/// Both doors, and what came back to the attacker.
#[derive(Debug)]
pub(super) struct Lab {
    naked: Door,
    guarded: Door,
    /// The attacker's own site, which is the start page.
    start: String,
    ca: Option<PathBuf>,
    /// Where the gateway's control socket is.
    state: PathBuf,
    came_back: Arc<CameBack>,
    /// One attack at a time: they share a shop, and what one leaves behind another would find.
    turn: Mutex<()>,
}

/// Something of both doors, the naked one first.
type Both<T> = [T; 2];

impl Lab {
    /// # Errors
    ///
    /// When the certificate of the local authority cannot be read.
    pub(super) fn new(urls: &DemoUrls, came_back: Arc<CameBack>) -> io::Result<Self> {
        Ok(Self {
            naked: Door::open("naked", &urls.naked, None)?,
            guarded: Door::open("guarded", &urls.guarded, urls.ca.as_deref())?,
            start: urls.start.clone(),
            ca: urls.ca.clone(),
            state: urls.state.clone(),
            came_back,
            turn: Mutex::new(()),
        })
    }

    /// Answers what is the lab's: attacks, and what stolen goods are sent to.
    pub(super) async fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        if let Some(run) = path.strip_prefix("/loot/") {
            let query = request.uri().query().unwrap_or_default().as_bytes();
            let [from, cookie] = ["from", "c"].map(|name| form::field(query, name, 500));
            self.came_back.loot(run, from, cookie);
            return Some(told(StatusCode::NO_CONTENT, &Value::Null));
        }
        let (attack, begins) = match path.strip_prefix("/attacks/")?.split_once('/') {
            Some((attack, "begin")) => (attack, true),
            Some(_) => return None,
            None => (path.strip_prefix("/attacks/")?, false),
        };
        if request.method() != Method::POST || !is_own_page(request) {
            let detail = json!({"error": "attacks are begun by the page at / and nobody else"});
            return Some(told(StatusCode::FORBIDDEN, &detail));
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let _turn = self.turn.lock().await;
        let done = if begins {
            self.begin(attack).await
        } else {
            self.carry_out(attack, &asked).await
        };
        Some(match done? {
            Ok(value) => told(StatusCode::OK, &value),
            Err(error) => told(
                StatusCode::BAD_GATEWAY,
                &json!({"error": format!("a door did not answer: {error}")}),
            ),
        })
    }

    /// What the page's frames are to show, of an attack that a browser has a part in.
    async fn begin(&self, attack: &str) -> Option<io::Result<Value>> {
        let run = RequestId::random().ok()?.to_string();
        Some(match attack {
            "stored" => scripts::sign(self, &run).await,
            "reflected" => Ok(scripts::link(self, &run)),
            "framed" => Ok(self.frames(&run, ["/account", "/account"])),
            "stolen" => {
                self.release().await;
                Ok(cookies::sign_in(self, &run))
            }
            _ => return None,
        })
    }

    async fn carry_out(&self, attack: &str, asked: &Value) -> Option<io::Result<Value>> {
        let run = asked["run"].as_str().unwrap_or_default();
        let outcome = match attack {
            "stored" => scripts::settle(self, run, "/guestbook").await,
            "reflected" => scripts::settle(self, run, "/search").await,
            "framed" => headers::framed(self, asked).await,
            "stolen" => cookies::stolen(self, run).await,
            "forged" => cookies::forged(self).await,
            "tampered" => cookies::tampered(self).await,
            "guessed" => guess::run(self).await,
            "fingerprint" => headers::fingerprint(self).await,
            "headers" => headers::compare(self).await,
            "malformed" => malformed::run(self).await,
            "rate" => rate::run(self).await,
            "grade" => return Some(Ok(grade::run(self).await)),
            _ => return None,
        };
        Some(outcome.map(Outcome::into_value))
    }

    fn doors(&self) -> Both<&Door> {
        [&self.naked, &self.guarded]
    }

    fn visitors(&self) -> Both<Visitor<'_>> {
        self.doors().map(Visitor::new)
    }

    /// Frames with these paths of the doors.
    fn frames(&self, run: &str, [naked, guarded]: Both<&str>) -> Value {
        json!({
            "run": run,
            "naked": {"src": format!("{}{naked}", self.naked.origin)},
            "guarded": {"src": format!("{}{guarded}", self.guarded.origin)},
        })
    }

    /// Lifts what an earlier run has brought upon this computer, as `panoply blocks release` does.
    async fn release(&self) {
        let state = self.state.clone();
        let released = tokio::task::spawn_blocking(move || {
            let control = Control::of(&state);
            // Nothing to release is no failure here.
            let _ = control.release_user("owner");
            let _ = control.release("127.0.0.1");
        });
        let _ = released.await;
    }
}

/// Whether the start page itself asks: a browser says from where a POST comes.
fn is_own_page(request: &Request<Bytes>) -> bool {
    let told = |name| request.headers().get(name)?.to_str().ok();
    let own = told(header::HOST).map(|host| format!("http://{host}"));
    own.is_some_and(|own| told(header::ORIGIN).is_some_and(|origin| origin == own))
}

fn told(status: StatusCode, value: &Value) -> Response<Bytes> {
    let body = if value.is_null() {
        Bytes::new()
    } else {
        value.to_string().into()
    };
    let mut response = start_page::file("application/json", body);
    *response.status_mut() = status;
    response
}
