//! The `[challenge]` table.

use std::fmt;
use std::time::Duration;

use http::header::UPGRADE;
use http::{Method, Request};
use panoply_core::spelling::is_path;
use panoply_core::{Networks, TimeText};
use serde::Deserialize;

use super::page::Page;
use crate::Error;
use crate::access::{Below, Spelled, exception};
use crate::exempt::exempt;
use crate::time::Time;

/// Of whom it is asked to show that he runs a browser, and how; before it is checked.
///
/// ```
/// use panoply_limits::ChallengeConfig;
///
/// let challenge: ChallengeConfig = toml::from_str(
///     r#"
///     paths  = ["/search"]
///     except = ["/api/webhooks/"]
///     exempt = ["192.0.2.0/24"]
///     "#,
/// )?;
/// challenge.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ChallengeConfig {
    paths: Vec<String>,
    except: Vec<String>,
    exempt: Vec<String>,
    work: u8,
    pass: Time,
    #[serde(skip)]
    page: Option<String>,
}

impl Default for ChallengeConfig {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            except: Vec::new(),
            exempt: Vec::new(),
            work: 17,
            pass: Time(Duration::from_hours(12)),
            page: None,
        }
    }
}

/// One that was checked.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) paths: Vec<Below>,
    pub(super) everywhere: Below,
    except: Vec<Spelled>,
    pub(super) exempt: Networks,
    pub(super) work: u8,
    pub(super) pass: Duration,
    pub(super) page: Page,
}

impl Challenge {
    /// The exceptions that there are for a request. What programs have a right to is read, and by its name alone: an app may
    /// take a query for another path.
    pub(super) fn exceptions_for<B>(&self, request: &Request<B>) -> &[Spelled] {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD)
            && !request.headers().contains_key(UPGRADE)
            && request.uri().query().is_none();
        let from = if reads { 0 } else { EXCEPT.len() };
        self.except.get(from..).unwrap_or_default()
    }
}

/// What programs ask for that are no browsers and have a right to it, and browsers without cookies.
const EXCEPT: [&str; 15] = [
    "/.well-known/",
    "/favicon.ico",
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/manifest.json",
    "/manifest.webmanifest",
    "/site.webmanifest",
    "/robots.txt",
    "/sitemap.xml",
    "/sitemap_index.xml",
    "/ads.txt",
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
];

/// Less takes a script no time at all.
const LITTLE_WORK: u8 = 12;

/// More takes minutes in a browser, and one is none.
const MOST_WORK: u8 = 24;

impl ChallengeConfig {
    /// Nobody is asked before somebody [says so](crate::Blocklist::begin_challenge).
    pub fn new() -> Self {
        Self::default()
    }

    /// Paths below which it is always asked; none by default.
    #[must_use]
    pub fn paths<T: Into<String>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Paths at which it is never asked, beside those that programs have a right to read, such as `/robots.txt` and all
    /// below `/.well-known/`, by GET or HEAD and without a query: one alone, or with a slash at its end all that lies below it. What is not spelled as it is here,
    /// or can be read in several ways, is none of them.
    #[must_use]
    pub fn except<T: Into<String>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.except = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Of whom it is never asked: addresses, networks, or the names `loopback`, `linklocal` and `uniquelocal`; nobody by
    /// default.
    #[must_use]
    pub fn exempt<T: Into<String>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        self.exempt = networks.into_iter().map(Into::into).collect();
        self
    }

    /// How many bits of a hash have to be zero, from 1 to 24, 17 by default: each doubles the hashes that are tried, of
    /// which there are 131,072 on average with 17.
    #[must_use]
    pub const fn work(mut self, bits: u8) -> Self {
        self.work = bits;
        self
    }

    /// How long a pass is good, 12 hours by default, a minute at least; one that is used is renewed.
    #[must_use]
    pub const fn pass(mut self, time: Duration) -> Self {
        self.pass = Time(time);
        self
    }

    /// The page of work, in HTML, in place of the one that there is. `{task}` stands in it once for the task, and
    /// `{request_id}` for the id that the log has. What is shown meanwhile may be in its own words, of which the script
    /// makes one visible at a time: elements that are `hidden` and have `data-panoply=` with `working`, `done`, `form`,
    /// `cookies`, `rounds` or `away`, beside a `<progress>` (`bar`), a button (`again`) and a `<noscript>`; those that
    /// are missing are added, in English. No other script runs in it.
    ///
    /// ```
    /// # use panoply_limits::ChallengeConfig;
    /// let page = "<!doctype html><html lang=de><title>Moment</title><h1>Einen Moment, bitte</h1>{task}";
    /// ChallengeConfig::new().page(page).validate()?;
    /// # Ok::<(), panoply_limits::Error>(())
    /// ```
    #[must_use]
    pub fn page(mut self, html: impl Into<String>) -> Self {
        self.page = Some(html.into());
        self
    }

    /// The paths below which it is always asked.
    pub fn always(&self) -> &[String] {
        &self.paths
    }

    /// The paths at which it is never asked, with those that programs have a right to.
    pub fn exceptions(&self) -> impl Iterator<Item = &str> {
        let own = self.except.iter().map(String::as_str);
        EXCEPT.into_iter().chain(own)
    }

    /// Of whom it is never asked.
    pub fn exempted(&self) -> &[String] {
        &self.exempt
    }

    /// How many bits have to be zero.
    pub const fn bits(&self) -> u8 {
        self.work
    }

    /// How long a pass is good.
    pub const fn lasts(&self) -> Duration {
        self.pass.0
    }

    /// What makes this weaker than it looks, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        let open = (!self.except.is_empty()).then(|| {
            let why = format!("no pass is asked for at {}", self.except.join(", "));
            ("except", why)
        });
        let easy = (self.work < LITTLE_WORK).then(|| {
            let why = format!("{} bits are no work to anybody", self.work);
            ("work", why)
        });
        open.into_iter().chain(easy).collect()
    }

    /// Checks the settings, as [`ChallengeLayer::new`](super::ChallengeLayer::new) does.
    ///
    /// # Errors
    ///
    /// When a path is none, everybody would be exempt, the work or the time is out of range, or the page has no task.
    pub fn validate(&self) -> Result<(), Error> {
        self.check().map(drop)
    }

    pub(super) fn check(&self) -> Result<Challenge, Error> {
        const PATHS: &str = "`paths = [\"/\"]`, which means all below it as well";
        let wrong = |key, problem, example| Error::Value {
            key,
            problem,
            example,
        };
        let below = |path: &str| {
            let below = is_path(path).then(|| Below::new(path)).flatten();
            let problem = || format!("has `{path}`, which is no path");
            below.ok_or_else(|| wrong("paths", problem(), PATHS))
        };
        let everywhere = below("/")?;
        let paths: Result<Vec<Below>, Error> = self.paths.iter().map(|path| below(path)).collect();
        let except: Result<Vec<Spelled>, Error> = { self.exceptions() }
            .map(|open| exception("/", &everywhere, open))
            .collect();
        if !(1..=MOST_WORK).contains(&self.work) {
            let problem = format!("is {} bits", self.work);
            let example = "1 to 24, of which each doubles the work: `work = 17`";
            return Err(wrong("work", problem, example));
        }
        if self.pass.0 < Duration::from_mins(1) || self.pass.0 > Duration::from_hours(24 * 30) {
            let problem = format!("is {}", TimeText(self.pass.0));
            return Err(wrong(
                "pass",
                problem,
                "a time from `1m` to `30d`: `pass = \"12h\"`",
            ));
        }
        Ok(Challenge {
            paths: paths?,
            except: except?,
            exempt: exempt(&self.exempt)?,
            everywhere,
            work: self.work,
            pass: self.pass.0,
            page: Page::new(self.page.as_deref())?,
        })
    }
}

impl fmt::Display for ChallengeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.paths {
            [] => f.write_str("nowhere, and everywhere after `panoply challenge on`")?,
            paths => write!(f, "below {}", paths.join(", "))?,
        }
        let pass = TimeText(self.pass.0);
        write!(f, ": {} bits of work, for a pass of {pass}", self.work)?;
        if !self.except.is_empty() {
            write!(f, "; never at {}", self.except.join(", "))?;
        }
        if !self.exempt.is_empty() {
            write!(f, "; never of {}", self.exempt.join(", "))?;
        }
        Ok(())
    }
}
