//! Which requests a limit is for.

use http::{Method, Request};
use panoply_core::spelling::{named, sent};
use panoply_core::{HostNames, Networks, said_methods};

use super::config::LimitConfig;
use super::key::sign;
use crate::Error;
use crate::exempt::exempt;
use crate::names::{names, sign_of};

/// A path, what may lie below it, methods, and names.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The names under which it is there; all of the site's without any.
    pub(super) names: Option<HostNames>,
    pub(super) path: String,
    pub(super) below: bool,
    pub(super) methods: Vec<Method>,
}

impl Place {
    /// Whether a request to its path (`whole`) or below it is meant.
    pub(crate) fn covers<B>(&self, request: &Request<B>, whole: bool) -> bool {
        (whole || self.below) && have(&self.methods, request)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) const fn names(&self) -> Option<&HostNames> {
        self.names.as_ref()
    }

    pub(crate) const fn is_for_all_methods(&self) -> bool {
        self.methods.is_empty()
    }
}

/// Whether a limit of these methods, or of all if there are none, is one of a request, by its own or by one that it says
/// it means in its place.
pub(super) fn have<B>(methods: &[Method], request: &Request<B>) -> bool {
    let has = |method: &Method| {
        // An app does for a HEAD what it does for a GET (RFC 9110 §9.3.2).
        let is = |own: &Method| own == method || *own == Method::GET && *method == Method::HEAD;
        methods.iter().any(is)
    };
    methods.is_empty() || has(request.method()) || said_methods(request).any(|said| has(&said))
}

/// What every limit has, checked.
pub(crate) struct Common {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) exempt: Networks,
    /// What tells it from limits of the same path in other layers, unless it has a name and is for all of the site's.
    pub(crate) sign: u64,
}

impl LimitConfig {
    pub(crate) fn common(&self) -> Result<Common, Error> {
        let wrong = |key, problem: String, example| Error::Value {
            key,
            problem,
            example,
        };
        if self.points < 1 {
            let problem = format!("is {}, which lets nobody through", self.points);
            return Err(wrong("points", problem, "`points = 100`"));
        }
        if self.window.0 < std::time::Duration::from_millis(1) {
            let problem = "is no time at all".to_owned();
            return Err(wrong("window", problem, "`window = \"1m\"`"));
        }
        if self.cost == 0 || i64::from(self.cost) > self.points {
            let problem = format!("is {} of {} points", self.cost, self.points);
            return Err(wrong("cost", problem, "`cost = 1`, or at most the points"));
        }
        if !self.path.starts_with('/') {
            let problem = format!("is `{}`, which is no path", self.path);
            return Err(wrong(
                "path",
                problem,
                "a path from the root, such as `/api/`",
            ));
        }
        let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let of_path = || match &self.path {
            path if path.chars().all(plain) => path.clone(),
            path => sent(path).into_owned(),
        };
        let name = self.name.clone().unwrap_or_else(of_path);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let form = "one to 64 printable characters of ASCII, without quotes";
            let problem = match &self.name {
                Some(_) => format!("must be {form}"),
                None => format!("is missing, and `{name}`, which it is without one, is not {form}"),
            };
            return Err(wrong("name", problem, "`name = \"api\"`"));
        }
        let method = |name: &String| {
            Method::from_bytes(name.to_ascii_uppercase().as_bytes()).map_err(|_| {
                wrong(
                    "methods",
                    format!("has `{name}`, which is none"),
                    "`[\"POST\"]`",
                )
            })
        };
        let methods: Result<Vec<Method>, Error> = self.methods.iter().map(method).collect();
        let methods = methods?;
        let names = names(self.domains.as_deref())?;
        let settings = || sign(self.points, self.window.0, &methods);
        let sign = self.name.is_none().then(settings).unwrap_or_default();
        Ok(Common {
            sign: names.as_ref().map_or(sign, |names| sign_of(names, sign)),
            name,
            exempt: exempt(&self.exempt)?,
            place: Place {
                below: self.path.ends_with('/'),
                path: named(&self.path),
                methods,
                names,
            },
        })
    }
}
