//! A `[[limit]]` table.

use http::HeaderName;
use panoply_core::Rule;
use serde::Deserialize;

use super::layer::{Key, Limit};
use super::place::Common;
use super::preflight::FOR_EACH_POINT;
use crate::Error;
use crate::answers::Count;
use crate::names::{FNV, fnv};
use crate::time::Time;
use crate::tried::Tried;

mod told;

/// A limit of requests, before it is checked.
///
/// ```
/// use panoply_limits::LimitConfig;
///
/// let limit: LimitConfig = toml::from_str(
///     r#"
///     path   = "/api/"
///     points = 100
///     window = "1m"
///     key    = ["client", "header:x-api-key"]
///     "#,
/// )?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitConfig {
    pub(crate) name: Option<String>,
    #[serde(default = "root")]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) domains: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    pub(crate) points: i64,
    pub(crate) window: Time,
    #[serde(default = "client")]
    key: Keys,
    #[serde(default = "one")]
    pub(crate) cost: u32,
    #[serde(default)]
    pub(crate) algorithm: Algorithm,
    #[serde(default)]
    pub(crate) headers: ShowHeaders,
    #[serde(default)]
    pub(crate) exempt: Vec<String>,
    #[serde(default)]
    pub(crate) dry_run: bool,
    #[serde(default)]
    pub(crate) answers: Vec<u16>,
    pub(crate) lock: Option<Time>,
    pub(crate) longest: Option<Time>,
    pub(crate) count: Option<Count>,
}

/// How points come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Algorithm {
    /// All at once, when the window that the first request opened is over; the default.
    #[default]
    Window,
    /// One after another, evenly: the generic cell rate algorithm.
    Gcra,
}

/// Which headers tell a client how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ShowHeaders {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers); the default.
    #[default]
    Standard,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the last in seconds from now.
    Legacy,
    /// Both.
    Both,
    /// None, but `Retry-After` where a request is refused.
    None,
}

/// A kind of key or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "`client`, `user`, `path`, `header:NAME`, or a list of them"
)]
enum Keys {
    One(String),
    More(Vec<String>),
}

fn root() -> String {
    "/".to_owned()
}

fn client() -> Keys {
    Keys::One("client".to_owned())
}

const fn one() -> u32 {
    1
}

impl LimitConfig {
    /// `points` in a `window` for each client, for every path.
    pub fn new(points: u32, window: std::time::Duration) -> Self {
        Self {
            name: None,
            path: root(),
            domains: None,
            methods: Vec::new(),
            points: points.into(),
            window: Time(window),
            key: client(),
            cost: one(),
            algorithm: Algorithm::default(),
            headers: ShowHeaders::default(),
            exempt: Vec::new(),
            dry_run: false,
            answers: Vec::new(),
            lock: None,
            longest: None,
            count: None,
        }
    }

    /// The name in the headers and the log; the path by default.
    ///
    /// It is also what the limit counts under, together with its [`domains`](Self::domains). Without one that is its path,
    /// methods, points and window: two layers whose limits are alike in all of these, as one on each of two routes, count
    /// together where they share a store. With names of their own they do not. In one layer a name is one limit's; those
    /// without that are alike are told apart by key, cost and algorithm, and by their order alone where they are the same
    /// in these as well.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The path, and what lies below it if it ends with a slash.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The names under which it holds, such as `api.shop.example` or `*.shop.example`; by default all of the site's.
    /// Under all of them together a client has these points, and limits for other names count apart.
    ///
    /// A request is held to it if any name that it carries is one of them: its `Host`, the host of its target, or what
    /// a trusted proxy says. So is one that names no host, or an address alone. A host is the client's to write: where
    /// an app answers under whatever name, let [`HostsLayer`] stand around it, or leave this out.
    ///
    /// [`HostsLayer`]: https://docs.rs/panoply-guard/latest/panoply_guard/struct.HostsLayer.html
    ///
    /// ```
    /// use std::time::Duration;
    /// use panoply_limits::LimitConfig;
    ///
    /// let api = LimitConfig::new(100, Duration::from_secs(60)).domains(["api.shop.example"]);
    /// assert_eq!(api.to_string(), "api.shop.example/…: 100 points in 1m for each client");
    /// api.validate()?;
    /// # Ok::<(), panoply_limits::Error>(())
    /// ```
    #[must_use]
    pub fn domains<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.domains = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The names that are written, in any case.
    pub fn domain_names(&self) -> &[String] {
        self.domains.as_deref().unwrap_or_default()
    }

    /// The methods that count; all by default, but for a browser's preflights: an OPTIONS with `Origin` and
    /// `Access-Control-Request-Method` costs no point. Of those ten times as many pass as there are points, counted
    /// by themselves. A limit that names OPTIONS counts them like any request, and one that names other methods never.
    ///
    /// One that says by a header or its query that it means another ([`said_methods`](panoply_core::said_methods)) counts
    /// as either.
    #[must_use]
    pub fn methods<T: Into<String>>(mut self, methods: impl IntoIterator<Item = T>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Whose points these are, in one word or several together: `client` (the default), `user` (see
    /// [`LimitedUser`](super::LimitedUser)), `path`, `header:NAME`. Where there is no user or no
    /// such header, the client counts in its place.
    ///
    /// What a header says is the client's to choose: whoever writes another value each time has the points of
    /// each. Check it first, in a layer around this one, and hand on whose it is as `user`.
    #[must_use]
    pub fn key<T: Into<String>>(mut self, key: impl IntoIterator<Item = T>) -> Self {
        self.key = Keys::More(key.into_iter().map(Into::into).collect());
        self
    }

    /// How many points a request takes; one by default.
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// How points come back.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Which headers tell a client how it stands.
    #[must_use]
    pub const fn headers(mut self, headers: ShowHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Clients that are not limited, by their addresses and networks ([`Networks`](panoply_core::Networks)), as what
    /// watches over the service.
    #[must_use]
    pub fn exempt<T: Into<String>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        self.exempt = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Only logs what would have been refused.
    #[must_use]
    pub const fn danger_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Whether it counts by who is logged in, which only a layer around it can know ([`LimitedUser`]).
    ///
    /// [`LimitedUser`]: super::LimitedUser
    pub fn is_by_user(&self) -> bool {
        self.words().iter().any(|word| word == "user")
    }

    pub(crate) fn words(&self) -> &[String] {
        match &self.key {
            Keys::One(word) => std::slice::from_ref(word),
            Keys::More(words) => words,
        }
    }

    /// Checks the settings, as [`LimitLayer::new`](super::LimitLayer::new) does, or
    /// [`AnswerLayer::new`](crate::AnswerLayer::new).
    ///
    /// # Errors
    ///
    /// When a value would let nobody through, or everybody, or names nothing.
    pub fn validate(&self) -> Result<(), Error> {
        if self.counts_answers() {
            return self.validate_answers();
        }
        self.clone().check().map(drop)
    }

    pub(super) const fn is_named(&self) -> bool {
        self.name.is_some()
    }

    /// What a limit without a name, whose path, methods, points and window another may have as well, counts by; zero by
    /// default, and of one with a name.
    fn counts_by(&self) -> u64 {
        let words = self.words().join(" ");
        let usual = self.cost == 1 && self.algorithm == Algorithm::Window && words == "client";
        if usual || self.is_named() {
            return 0;
        }
        let written = format!("{words} {} {:?}", self.cost, self.algorithm);
        fnv(FNV, written.bytes())
    }

    pub(super) fn check(self) -> Result<Limit, Error> {
        if self.counts_answers() {
            return Err(Error::Value {
                key: "answers",
                problem: "are not seen by a limit of requests".to_owned(),
                example: "the limit into an `AnswerLayer`",
            });
        }
        self.without_what_needs_answers()?;
        let Common {
            place,
            name,
            exempt,
            sign,
        } = self.common()?;
        let alike = self.counts_by();
        let words = match self.key {
            Keys::One(word) => vec![word],
            Keys::More(words) => words,
        };
        let keys: Result<Vec<Key>, Error> = words.iter().map(|word| key(word)).collect();
        let keys = keys?;
        if keys.is_empty() {
            let problem = "names nothing".to_owned();
            return Err(Error::Value {
                key: "key",
                problem,
                example: "`client`, `user`, `path` or `header:NAME`",
            });
        }
        let preflights = Rule::new(
            format!("{name}/preflight"),
            self.points.saturating_mul(FOR_EACH_POINT),
            self.window.0,
        );
        let rule = Rule::new(name, self.points, self.window.0);
        Ok(Limit {
            below: place.below,
            path: place.path,
            methods: place.methods,
            names: place.names,
            sign,
            alike,
            policy: super::headers::policy_of(&rule),
            standing: super::headers::standing_of(&rule),
            rule,
            preflights,
            keys,
            cost: self.cost,
            algorithm: self.algorithm,
            headers: self.headers,
            exempt,
            dry_run: self.dry_run,
            tried: Tried::default(),
        })
    }
}

fn key(word: &str) -> Result<Key, Error> {
    let wrong = |hint: String| Error::Value {
        key: "key",
        problem: format!("has `{word}`, by which nothing is counted{hint}"),
        example: "`client`, `user`, `path` or `header:NAME`",
    };
    match word {
        "client" => Ok(Key::Client),
        "user" => Ok(Key::User),
        "path" => Ok(Key::Path),
        word => {
            if let Some(name) = word.strip_prefix("header:") {
                let name = HeaderName::try_from(name.trim());
                return name.map(Key::Header).map_err(|_| wrong(String::new()));
            }
            let nearness = |known: &str| strsim::jaro_winkler(known, word);
            let known = ["client", "user", "path", "header:"];
            let near = known
                .into_iter()
                .max_by(|one, other| nearness(one).total_cmp(&nearness(other)));
            let near = near.filter(|near| nearness(near) > 0.7);
            let hint = near.map(|near| format!(" (did you mean `{near}`?)"));
            Err(wrong(hint.unwrap_or_default()))
        }
    }
}
