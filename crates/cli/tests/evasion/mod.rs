//! Logins as no browser sends them: what the app reads of each, and what the gateway made of it.

pub(crate) mod answers;
pub(crate) mod bodies;
pub(crate) mod codings;
pub(crate) mod parts;
pub(crate) mod php;
pub(crate) mod random;
pub(crate) mod routes;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::support::{App, Gateway, Raw, Verdicts, npm_ci, require, scripts, statuses, text};

/// Whom the app reads of a login, as it must say when it is asked without a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The user that is locked: the gateway must refuse it.
    Her,
    /// Somebody else, or nobody in a login that honest clients send: the gateway must pass it.
    Other,
    /// Nobody, or somebody whom no honest client would mean so: the gateway may do as it likes.
    Nothing,
}

/// A request, and what the app reads of it.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    what: String,
    app: &'static str,
    reads: Reads,
    user: &'static str,
    method: &'static str,
    target: Vec<u8>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    chunked: bool,
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

impl Login {
    /// A login of alice that `app` accepts.
    pub(crate) fn of(app: &'static str, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            what: format!("{app} {kind} {}", text(&body).escape_debug()),
            app,
            reads: Reads::Her,
            user: "alice",
            method: "POST",
            target: b"/login".to_vec(),
            headers: if kind.is_empty() {
                Vec::new()
            } else {
                vec![("Content-Type".into(), kind.into())]
            },
            body,
            chunked: false,
        }
    }

    /// A form as it should be.
    pub(crate) fn plain(user: &str) -> Self {
        Self::of("simple", FORM, format!("username={user}&password=x"))
    }

    pub(crate) fn reads(mut self, reads: Reads) -> Self {
        self.reads = reads;
        self
    }

    /// Of another user than alice, who is locked in her place.
    pub(crate) fn user(mut self, user: &'static str) -> Self {
        self.user = user;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.what = format!("{} ({name}: {value})", self.what);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn to(mut self, method: &'static str, target: impl Into<Vec<u8>>) -> Self {
        self.method = method;
        self.target = target.into();
        self.what = format!(
            "{method} {} {}",
            text(&self.target).escape_debug(),
            self.what
        );
        self
    }

    pub(crate) const fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    fn bytes(&self, client: &str) -> Vec<u8> {
        let mut bytes = format!("{} ", self.method).into_bytes();
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(
            format!(
                " HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nX-App: {}\r\nX-Forwarded-For: {client}\r\n",
                self.app
            )
            .as_bytes(),
        );
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if self.chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for piece in self.body.chunks(3) {
                bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            return bytes;
        }
        if !self.body.is_empty() || self.method == "POST" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What came of a login.
#[derive(Debug)]
struct Said {
    status: u16,
    /// Whom the app read; none when it never saw a login.
    read: Option<String>,
}

fn say(address: &str, bytes: &[u8]) -> Said {
    let mut socket = Raw::open(address);
    socket.send(bytes);
    let reply = socket.read_for(Duration::from_secs(10));
    let head = reply.text().to_ascii_lowercase();
    let read = head.lines().find_map(|line| line.strip_prefix("x-read: "));
    Said {
        // The last, after a 100.
        status: statuses(&reply.text()).last().copied().unwrap_or(0),
        read: read.map(|name| name.trim().to_owned()),
    }
}

/// The app naked, and two gateways before it: one that looks for names wherever they usually are,
/// one that knows the field.
pub(crate) struct Site {
    app: App,
    gateways: [(&'static str, Gateway); 2],
    clients: u32,
}

/// The app with nothing before it.
pub(crate) fn app() -> App {
    require("node");
    let folder = scripts().join("evasion");
    npm_ci(&folder);
    let script = folder.join("server.mjs").display().to_string();
    App::start(&["node".into(), script])
}

/// One failure of a user from a client locks the two; nothing else is counted.
const GUARD: &str = "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n\
    [[login]]\npath = \"/login\"\nclient = false\nuser = false\nnames = false\n\
    pair = { points = 1, window = \"1d\", lock = \"1h\" }\n";

impl Site {
    pub(crate) fn start() -> Self {
        Self::before(app())
    }

    /// The same with an app of PHP's, by its built-in server.
    pub(crate) fn of_php() -> Self {
        require("php");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/names.php");
        let serve = format!("exec php -S 127.0.0.1:$PORT '{}'", script.display());
        Self::before(App::start(&["sh".into(), "-c".into(), serve]))
    }

    fn before(app: App) -> Self {
        let told = format!("{GUARD}username = [\"username\", \"user.name\"]\n");
        let gateways = [
            ("usual names", Gateway::before(&app.origin(), GUARD)),
            ("named fields", Gateway::before(&app.origin(), &told)),
        ];
        Self {
            app,
            gateways,
            clients: 0,
        }
    }

    /// The address of a gateway.
    pub(crate) fn gateway(&self) -> &str {
        self.gateways[0].1.address()
    }

    /// An address from which nobody came yet.
    pub(crate) fn client(&mut self) -> String {
        self.clients += 1;
        Ipv4Addr::from_bits(0x0a00_0000 + self.clients).to_string()
    }

    /// Sends each login to the app, which must read it as is said, and to the gateways.
    pub(crate) fn judge(&mut self, logins: impl IntoIterator<Item = Login>) {
        let mut wrong = Verdicts::default();
        for login in logins {
            let (reads, truth) = self.ask(&login);
            // What is nobody's may as well be somebody else's.
            let is_as_said =
                reads == login.reads || (login.reads == Reads::Nothing && reads == Reads::Other);
            wrong.check(is_as_said, || {
                let Login { what, reads, .. } = &login;
                format!("{what}: the app was to read {reads:?} and {truth:?}")
            });
            self.try_gateways(&login, &truth, &mut wrong);
        }
        wrong.settle();
    }

    /// Sends each login to the app, and to the gateways if it is hers. How many were?
    pub(crate) fn search(&mut self, logins: impl IntoIterator<Item = Login>) -> usize {
        let mut wrong = Verdicts::default();
        let mut hers = 0;
        for (number, login) in logins.into_iter().enumerate() {
            let (reads, truth) = self.ask(&login);
            let is_hers = reads == Reads::Her;
            hers += usize::from(is_hers);
            if is_hers || number % 8 == 0 {
                let reads = if is_hers { Reads::Her } else { Reads::Nothing };
                self.try_gateways(&login.reads(reads), &truth, &mut wrong);
            }
        }
        wrong.settle();
        hers
    }

    /// Whom the app reads when nothing stands before it.
    fn ask(&self, login: &Login) -> (Reads, Said) {
        let address = self.app.origin().replace("http://", "");
        let said = say(&address, &login.bytes("192.0.2.1"));
        let reads = match &said.read {
            Some(read) if *read == percent(login.user) => Reads::Her,
            Some(_) => Reads::Other,
            None => Reads::Nothing,
        };
        (reads, said)
    }

    /// Sends a login after a failure of hers, from an address of its own.
    fn try_gateways(&mut self, login: &Login, truth: &Said, wrong: &mut Verdicts) {
        let hers = percent(login.user);
        let plain = Login::plain(&hers);
        for which in 0..self.gateways.len() {
            let client = self.client();
            let (name, gateway) = &self.gateways[which];
            let first = say(gateway.address(), &plain.bytes(&client));
            wrong.equal(&format!("{}: plain", login.what), first.status, 401);
            let said = say(gateway.address(), &login.bytes(&client));
            let is_right = match login.reads {
                Reads::Her => said.read.is_none() && matches!(said.status, 429 | 400 | 413 | 415),
                Reads::Other => said.status == truth.status && said.read == truth.read,
                // Nor may it become hers on its way.
                Reads::Nothing => said.read.as_ref() != Some(&hers),
            };
            wrong.check(is_right, || {
                let Login { what, reads, .. } = login;
                format!("{what} ({name}): {said:?}, should be {reads:?}")
            });
        }
    }
}

/// As the app says a name.
fn percent(name: &str) -> String {
    written(name.bytes(), |byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    })
}

/// Units of a text, each written in its way.
fn written<T>(units: impl Iterator<Item = T>, write: impl Fn(T) -> String) -> String {
    units.map(write).collect::<Vec<_>>().concat()
}
