//! What of Helmet a handler is, or does by hand.

use super::Rules;
use super::chain::{Layer, made_by};
use super::options::{Setting, first_or_nothing};
use crate::js::facts::{Call, Callee, Loc, Val};

/// A header of Helmet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Header {
    Csp,
    Hsts,
    Frame,
    NoSniff,
    Referrer,
    Coop,
    Corp,
    PoweredBy,
}

impl Header {
    /// Those that an app must not do without.
    pub(super) const NEEDED: [Self; 4] = [Self::Csp, Self::Hsts, Self::Frame, Self::NoSniff];

    /// The names of Helmet's options and functions for it.
    pub(super) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Csp => &["contentSecurityPolicy", "csp"],
            Self::Hsts => &["strictTransportSecurity", "hsts"],
            Self::Frame => &["xFrameOptions", "frameguard", "xframe"],
            Self::NoSniff => &["xContentTypeOptions", "noSniff", "nosniff"],
            Self::Referrer => &["referrerPolicy"],
            Self::Coop => &["crossOriginOpenerPolicy"],
            Self::Corp => &["crossOriginResourcePolicy"],
            Self::PoweredBy => &["xPoweredBy", "hidePoweredBy"],
        }
    }

    /// The header's own name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Csp => "Content-Security-Policy",
            Self::Hsts => "Strict-Transport-Security",
            Self::Frame => "X-Frame-Options",
            Self::NoSniff => "X-Content-Type-Options",
            Self::Referrer => "Referrer-Policy",
            Self::Coop => "Cross-Origin-Opener-Policy",
            Self::Corp => "Cross-Origin-Resource-Policy",
            Self::PoweredBy => "X-Powered-By",
        }
    }

    const ALL: [Self; 8] = [
        Self::Csp,
        Self::Hsts,
        Self::Frame,
        Self::NoSniff,
        Self::Referrer,
        Self::Coop,
        Self::Corp,
        Self::PoweredBy,
    ];

    fn by_option(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|header| header.options().contains(&name))
    }

    /// The header that a package's function sets by the options that Helmet has for it.
    pub(super) fn of_part(path: &str) -> Option<Self> {
        match path {
            "helmet-csp" => Some(Self::Csp),
            "hsts" => Some(Self::Hsts),
            path => Self::by_option(path.strip_prefix("helmet:")?),
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        let same = |header: &Self| header.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same).or_else(|| {
            name.eq_ignore_ascii_case("Content-Security-Policy-Report-Only")
                .then_some(Self::Csp)
        })
    }
}

/// What a handler sets.
#[derive(Debug, Clone)]
pub(super) enum Sets {
    /// All that Helmet sets, less what its options say.
    Helmet(Helmet),
    /// These headers alone.
    Some(Vec<Header>),
    /// Nothing of the kind.
    Nothing,
}

/// A use of all of Helmet.
#[derive(Debug, Clone)]
pub(super) struct Helmet {
    pub(super) options: Val,
}

impl Rules<'_> {
    /// What a layer sets.
    pub(super) fn sets(&self, layer: &Layer) -> Sets {
        if let Some(path) = made_by(self.program, &layer.handler) {
            let call = self.program.as_call(&layer.handler);
            if let Some(sets) = self.of_package(path, call, layer.at) {
                return sets;
            }
        }
        self.set_by_hand(&layer.handler)
    }

    fn of_package(&self, path: &str, call: Option<&Call>, at: Loc) -> Option<Sets> {
        let options = call.map_or_else(
            || first_or_nothing(&[], at),
            |call| first_or_nothing(&call.args, at),
        );
        let (package, name) = path.split_once(':').unwrap_or((path, ""));
        let package = package.strip_suffix("()").unwrap_or(package);
        Some(match (package, name) {
            ("helmet", "" | "default" | "helmet") => Sets::Helmet(Helmet { options }),
            ("helmet", name) => {
                let header = Header::by_option(name);
                Sets::Some(header.into_iter().collect())
            }
            ("lusca", "") => {
                let on = |header: &Header| {
                    let option = Setting::of(self.program, &options, header.options());
                    !option.is_off()
                };
                Sets::Some(Header::ALL.into_iter().filter(on).collect())
            }
            ("lusca", name) => Sets::Some(Header::by_option(name).into_iter().collect()),
            (
                "helmet-csp" | "content-security-policy" | "express-csp-header" | "express-csp",
                _,
            ) => Sets::Some(vec![Header::Csp]),
            ("hsts", _) => Sets::Some(vec![Header::Hsts]),
            ("frameguard" | "x-frame-options", _) => Sets::Some(vec![Header::Frame]),
            ("dont-sniff-mimetype" | "nosniff", _) => Sets::Some(vec![Header::NoSniff]),
            ("referrer-policy", _) => Sets::Some(vec![Header::Referrer]),
            ("hide-powered-by", _) => Sets::Some(vec![Header::PoweredBy]),
            _ => return None,
        })
    }

    /// What one of the app's own handlers sets.
    fn set_by_hand(&self, handler: &Val) -> Sets {
        // What only this route answers with is not what an app sends.
        if self
            .handler(handler)
            .is_some_and(|handler| !handler.calls_next)
        {
            return Sets::Nothing;
        }
        let mut set = Vec::new();
        let calls = self.calls_in(handler).iter().copied();
        for call in calls.filter(|call| call.cond.in_production()) {
            match &call.callee {
                Callee::Response(name) if is_setting(name) => {
                    let headers = self.headers_set(&call.args);
                    set.extend(headers.into_iter().map(|(header, ..)| header));
                }
                // Of the others, that it is not there is what is wanted.
                Callee::Response(name) if &**name == "removeHeader" => {
                    let headers = self.headers_set(&call.args);
                    let headers = headers.into_iter().map(|(header, ..)| header);
                    set.extend(headers.filter(|header| *header == Header::PoweredBy));
                }
                Callee::External(path) => {
                    // `helmet()(req, res, next)`: the options stand where the middleware is made.
                    let made = call.this.as_ref().filter(|_| path.ends_with("()"));
                    let made = made.and_then(|made| self.program.as_call(made));
                    match self.of_package(path, made.or(Some(call)), call.at) {
                        Some(Sets::Some(more)) => set.extend(more),
                        Some(sets @ Sets::Helmet(_)) => return sets,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        set.sort_unstable();
        set.dedup();
        if set.is_empty() {
            Sets::Nothing
        } else {
            Sets::Some(set)
        }
    }

    /// `set('Name', value)`, and `set({ Name: value })`.
    pub(super) fn headers_set(&self, args: &[Val]) -> Vec<(Header, Option<Val>, Loc)> {
        let Some(first) = args.first() else {
            return Vec::new();
        };
        if let Some(name) = first.text() {
            let header = Header::by_name(name);
            return { header.into_iter() }
                .map(|header| (header, args.get(1).cloned(), first.at))
                .collect();
        }
        let props = first.object().and_then(|id| self.program.obj(id));
        let props = props.into_iter().flat_map(|obj| &obj.props);
        props
            .filter_map(|(name, prop)| {
                Some((Header::by_name(name)?, Some(prop.val.clone()), prop.at))
            })
            .collect()
    }
}

/// Whether a method of the response sets headers.
pub(super) fn is_setting(name: &str) -> bool {
    matches!(name, "set" | "setHeader" | "header" | "append")
}
