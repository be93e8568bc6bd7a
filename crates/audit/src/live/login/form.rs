//! Where logins go.

use url::Url;

use super::super::client::{Answer, Client, Question};
use super::super::jar::Jar;
use super::super::options::LoginProbe;
use super::super::page::{self, Page};
use super::super::scene::at;
use super::super::visit::with_cookies;

/// A form that takes logins.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// The page in which it stands.
    pub(super) page: Url,
    pub(super) action: Url,
    pub(super) user: String,
    pub(super) user_is_mail: bool,
    pub(super) password: String,
    /// Its other fields, as they are filled.
    pub(super) others: Vec<(String, String)>,
}

/// Where the login mostly is.
const PATHS: [&str; 8] = [
    "/login",
    "/signin",
    "/sign-in",
    "/users/sign_in",
    "/auth/login",
    "/account/login",
    "/accounts/login/",
    "/admin/login",
];

/// Finds the form: where it is said to be, in the page, behind a link of it, or where it mostly is.
pub(super) async fn find(
    client: &Client,
    jar: &mut Jar,
    start: &Url,
    page: Option<&Page>,
    probe: &LoginProbe,
) -> Option<Form> {
    if let Some(path) = &probe.path {
        let url = start.join(path).ok()?;
        let found = if probe.json {
            None
        } else {
            look(client, jar, &url, probe).await
        };
        // Not every login has a page.
        return Some(found.unwrap_or_else(|| Form::told(&url, probe)));
    }
    if let Some(page) = page
        && let Some(form) = Form::of(page, start, probe)
    {
        return Some(form);
    }
    let links = page.map_or(&[][..], |page| &page.links).iter();
    let links = links.filter(|link| sounds_like_login(link)).take(4);
    let links = links.filter_map(|link| start.join(link).ok());
    let own = links.filter(|url| url.origin() == start.origin());
    let guesses = PATHS.iter().map(|path| at(start, path));
    for url in own.chain(guesses).collect::<Vec<_>>() {
        if let Some(form) = look(client, jar, &url, probe).await {
            return Some(form);
        }
    }
    None
}

async fn look(client: &Client, jar: &mut Jar, url: &Url, probe: &LoginProbe) -> Option<Form> {
    let answer = with_cookies(client, jar, Question::page(url)).await.ok()?;
    read(&answer).and_then(|page| Form::of(&page, url, probe))
}

fn read(answer: &Answer) -> Option<Page> {
    let readable = answer.status.is_success() && answer.is_page() && answer.is_plain();
    readable.then(|| Page::read(&answer.text()))
}

pub(super) fn sounds_like_login(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    let words = ["login", "log-in", "log_in", "signin", "sign-in", "sign_in"];
    words.iter().any(|word| lower.contains(word))
}

impl Form {
    fn told(url: &Url, probe: &LoginProbe) -> Self {
        let user = probe
            .username
            .clone()
            .unwrap_or_else(|| "username".to_owned());
        Self {
            page: url.clone(),
            action: url.clone(),
            user_is_mail: user.to_ascii_lowercase().contains("mail"),
            user,
            password: probe
                .password
                .clone()
                .unwrap_or_else(|| "password".to_owned()),
            others: Vec::new(),
        }
    }

    /// The first form of a page that asks for one password, and for whose.
    fn of(page: &Page, url: &Url, probe: &LoginProbe) -> Option<Self> {
        page.forms
            .iter()
            .find_map(|form| Self::from(form, page, url, probe))
    }

    fn from(form: &page::Form, page: &Page, url: &Url, probe: &LoginProbe) -> Option<Self> {
        let secrets = form.inputs.iter().filter(|input| input.kind == "password");
        // Two are of a form in which one signs up or changes it.
        if !form.is_post || secrets.clone().count() != 1 {
            return None;
        }
        let password = secrets.map(|input| input.name.clone()).next()?;
        let password = probe.password.clone().unwrap_or(password);
        let text = |input: &&page::Input| matches!(&*input.kind, "" | "text" | "email" | "tel");
        let user = match &probe.username {
            Some(name) => name.clone(),
            None => form.inputs.iter().find(text)?.name.clone(),
        };
        let kind = form.inputs.iter().find(|input| input.name == user);
        let is_mail = kind.is_some_and(|input| input.kind == "email");
        let action = match form.action.as_deref().map(str::trim) {
            None | Some("") => url.clone(),
            Some(action) => page.absolute(action).or_else(|| url.join(action).ok())?,
        };
        let others = form.inputs.iter().filter(|input| input.kind == "hidden");
        let others = others.map(|input| (input.name.clone(), input.value.clone()));
        Some(Self {
            page: url.clone(),
            action,
            user_is_mail: is_mail || user.to_ascii_lowercase().contains("mail"),
            user,
            password,
            others: others.collect(),
        })
    }

    /// Fetches the page anew, for the tokens in it.
    pub(super) async fn renew(&mut self, client: &Client, jar: &mut Jar) {
        let probe = LoginProbe::new().fields(self.user.clone(), self.password.clone());
        if let Some(form) = look(client, jar, &self.page.clone(), &probe).await {
            self.others = form.others;
        }
    }
}
