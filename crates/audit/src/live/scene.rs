//! Everything that was asked and answered, before it is judged.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderValue, Method};
use url::Url;

use super::client::{Answer, Client, Failure, Question};
use super::domain::registered;
use super::grade::{self, Preload, Sight};
use super::options::LiveOptions;
use super::page::Page;
use super::target::Target;
use super::visit::{Visit, with_cookies};
use crate::error::Error;
use crate::report::Grade;

/// Everything that was asked and answered.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) target: Target,
    pub(crate) http: Result<Visit, Failure>,
    pub(crate) https: Result<Visit, Failure>,
    /// Where the visit that is judged went: over HTTPS, if that is there.
    secure: bool,
    /// What stands in the page, if it is one.
    pub(crate) page: Option<Page>,
    /// The answer to the question of another site whether it may ask.
    preflight: Option<Answer>,
    /// What other sites were answered: the origin that asked, and the answer.
    pub(crate) foreign: Vec<(String, Result<Answer, Failure>)>,
    /// What a path is answered that nobody has.
    pub(crate) unknown: Result<Answer, Failure>,
    /// What a path is answered that cannot be decoded.
    pub(crate) undecodable: Result<Answer, Failure>,
    /// What a body is answered that is no JSON.
    pub(crate) unparsable: Result<Answer, Failure>,
    /// What is answered for a host that is somebody else's.
    pub(crate) misdirected: Result<Answer, Failure>,
    preload: &'a Preload,
}

/// The site in whose name it is asked, as the Observatory does.
const ELSEWHERE: &str = "https://http-observatory.security.mozilla.org";

/// A host that no site goes by.
pub(crate) const FOREIGN_HOST: &str = "host.panoply-audit.example";

impl<'a> Scene<'a> {
    /// Asks all of it.
    pub(crate) async fn set(
        client: &Client,
        target: Target,
        preload: &'a Preload,
        options: &LiveOptions,
    ) -> Result<Self, Error> {
        let say = |step: &str| options.progress.say(step);
        say(&format!("asking {}", target.http));
        let http = Visit::begin(client, &target.http).await;
        say(&format!("asking {}", target.https));
        let mut https = Visit::begin(client, &target.https).await;
        let (visit, secure) = match (&mut https, &http) {
            (Ok(visit), _) => (visit, true),
            (Err(_), Ok(visit)) => (&mut visit.clone(), false),
            (Err(encrypted), Err(plain)) => {
                let given = target.given.to_string();
                return Err(Error::NotThere {
                    url: given,
                    reason: format!(
                        "{}: {}; {}: {}",
                        target.https,
                        encrypted.told(),
                        target.http,
                        plain.told()
                    ),
                });
            }
        };
        let page = read(visit.page());
        say("asking as another site");
        let preflight = preflight(client, visit).await;
        let url = visit.page().url.clone();
        let foreign = ask_as_others(client, &url).await;
        say("asking for what is not there");
        let path = nobodys_path();
        let unknown = client.ask(Question::page(&at(&url, &path))).await;
        let undecodable = client.ask(Question::page(&at(&url, "/%"))).await;
        let broken = Question::new(Method::POST, &at(&url, &path));
        let broken = broken.header(CONTENT_TYPE, "application/json").body("{\"");
        let unparsable = client.ask(broken).await;
        say("asking for another host");
        let misdirected = Question::page(&url).header(HOST, FOREIGN_HOST);
        let misdirected = client.ask(misdirected).await;
        Ok(Self {
            target,
            http,
            https,
            secure,
            page,
            preflight,
            foreign,
            unknown,
            undecodable,
            unparsable,
            misdirected,
            preload,
        })
    }

    /// The visit that is judged.
    pub(crate) fn visit(&self) -> Option<&Visit> {
        let visit = if self.secure { &self.https } else { &self.http };
        visit.as_ref().ok()
    }

    /// Whether there is nothing at all where HTTPS would be.
    pub(crate) fn is_https_closed(&self) -> bool {
        matches!(
            self.https,
            Err(Failure::Connect { .. } | Failure::Name(_) | Failure::Address)
        )
    }

    /// Every answer of the site itself, not of those to which it sends.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Answer> {
        let visits = [&self.https, &self.http].into_iter().flatten();
        let probes = [&self.unknown, &self.undecodable, &self.unparsable];
        visits
            .flat_map(Visit::answers)
            .chain(probes.into_iter().flatten())
            .filter(|answer| self.is_own(&answer.url))
    }

    /// Whether an address is of the site that is audited: of the same host or registered domain.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        let own = self.target.host();
        let host = url.host_str().unwrap_or_default();
        host == own || registered(host).is_some_and(|domain| registered(own) == Some(domain))
    }

    /// The grade by MDN's rules.
    pub(crate) fn grade(&self) -> Option<Grade> {
        let visit = self.visit()?;
        let kind = visit.page().media_type();
        let is_page = matches!(&*kind, "text/html" | "application/xhtml+xml");
        grade::grade(&Sight {
            host: &self.target.authority(),
            http: self.http.as_ref().ok(),
            https: self.https.as_ref().ok(),
            visit,
            page: self.page.as_ref().filter(|_| is_page),
            cors: self.preflight.as_ref(),
            preload: self.preload,
        })
    }
}

/// What stands in a page, if it is one that can be read.
fn read(answer: &Answer) -> Option<Page> {
    let readable = answer.is_page() && answer.is_plain() && !answer.body.is_empty();
    readable.then(|| Page::read(&answer.text()))
}

/// Asks whether another site may ask, as browsers do and the Observatory does.
async fn preflight(client: &Client, visit: &mut Visit) -> Option<Answer> {
    let mut url = visit.page().url.clone();
    if !visit.is_verified() {
        // Where it does not trust the certificate, it has asked for this in between, and goes on from there.
        let robots = Question::new(Method::GET, &at(&visit.start, "/robots.txt"));
        let robots = robots.header(http::header::ACCEPT, "text/plain,*/*;q=0.8");
        let answer = with_cookies(client, &mut visit.jar, robots).await;
        if let Ok(answer) = answer
            && answer.status.is_success()
        {
            url = answer.url;
        }
    }
    let mut question = Question::new(Method::OPTIONS, &url)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ORIGIN, ELSEWHERE);
    for _ in 0..=10 {
        let answer = client.ask(question.clone()).await.ok()?;
        match answer.redirect() {
            Some(next) => {
                question.url = next.ok()?;
                if answer.status.as_u16() == 303 {
                    question.method = Method::GET;
                }
            }
            None => return Some(answer).filter(|answer| answer.status.is_success()),
        }
    }
    None
}

/// Asks for the page in the name of others: of anybody, of nobody, and of one whose name begins like the
/// site's own.
async fn ask_as_others(client: &Client, url: &Url) -> Vec<(String, Result<Answer, Failure>)> {
    let host = url.host_str().unwrap_or_default();
    let origins = [
        "https://origin.example".to_owned(),
        "null".to_owned(),
        format!("https://{host}.origin.example"),
    ];
    let mut answers = Vec::new();
    for origin in origins {
        if HeaderValue::from_str(&origin).is_ok() {
            let question = Question::page(url).header(ORIGIN, &origin);
            answers.push((origin, client.ask(question).await));
        }
    }
    answers
}

/// Another path of the same server.
pub(crate) fn at(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_path(path);
    url
}

/// A path that nobody has.
fn nobodys_path() -> String {
    let mut bytes = [0; 8];
    // Without random bytes it is a name that is as unlikely.
    getrandom::fill(&mut bytes).ok();
    format!("/panoply-audit-{:016x}", u64::from_be_bytes(bytes))
}
