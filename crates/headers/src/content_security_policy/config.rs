//! What the configuration says of the policy: changes to a preset's, or one of its own.

use crate::Error;

use super::{ContentSecurityPolicy, Directive, Source};

mod read;

/// Changes to the policy that would hold otherwise: the preset's, or for a path that of the site.
///
/// `policy` comes first, then `remove`, `replace` and `append`.
///
/// ```
/// use panoply_headers::{CspConfig, Directive};
///
/// let policy = CspConfig::new()
///     .append(Directive::ScriptSrc, "https://js.stripe.com")
///     .build()?;
/// assert!(policy.to_string().contains("script-src 'self' https://js.stripe.com;"));
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CspConfig {
    policy: Option<ContentSecurityPolicy>,
    remove: Vec<Directive>,
    replace: Vec<(Directive, Vec<Source>)>,
    append: Vec<(Directive, Vec<Source>)>,
    report_only: Option<bool>,
    add_to_app: Option<bool>,
    lenient: bool,
}

impl CspConfig {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A policy in place of the preset's.
    #[must_use]
    pub fn policy(mut self, policy: ContentSecurityPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Adds sources, separated by white space, to a directive. If it is not there they are added to
    /// what holds in its place: `connect-src` begins as a copy of `default-src`.
    #[must_use]
    pub fn append(mut self, directive: Directive, sources: &str) -> Self {
        self.append
            .push((directive, Source::words(sources).collect()));
        self
    }

    /// Puts sources, separated by white space, in the place of a directive's own.
    #[must_use]
    pub fn replace(mut self, directive: Directive, sources: &str) -> Self {
        self.replace
            .push((directive, Source::words(sources).collect()));
        self
    }

    /// Takes a directive away.
    #[must_use]
    pub fn remove(mut self, directive: Directive) -> Self {
        self.remove.push(directive);
        self
    }

    /// Only reports what it would block. Off by default.
    #[must_use]
    pub fn report_only(mut self, on: bool) -> Self {
        self.report_only = Some(on);
        self
    }

    /// Adds, as a second header, what the application's own policy says nothing about. Off by
    /// default: an application that sends a policy is left alone.
    #[must_use]
    pub fn add_to_app(mut self, on: bool) -> Self {
        self.add_to_app = Some(on);
        self
    }

    /// The policy that these changes make of Helmet's.
    ///
    /// # Errors
    ///
    /// What [`ContentSecurityPolicy::check`] refuses.
    pub fn build(&self) -> Result<ContentSecurityPolicy, Error> {
        let base = Csp::of(crate::preset::helmet_csp());
        self.resolve(Some(&base)).map(|csp| csp.policy)
    }

    /// Takes whatever Helmet takes.
    pub(crate) fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// What these changes make of `base`.
    pub(crate) fn resolve(&self, base: Option<&Csp>) -> Result<Csp, Error> {
        let mut csp = base.cloned().unwrap_or_default();
        if let Some(policy) = &self.policy {
            csp.policy = policy.clone();
        }
        for directive in &self.remove {
            csp.policy.remove(&Name::Known(*directive));
        }
        for (directive, sources) in &self.replace {
            csp.policy.set(Name::Known(*directive), sources.clone());
        }
        for (directive, sources) in &self.append {
            csp.policy.append(*directive, sources);
        }
        csp.report_only = self.report_only.unwrap_or(csp.report_only);
        csp.add_to_app = self.add_to_app.unwrap_or(csp.add_to_app);
        csp.lenient = self.lenient || (csp.lenient && self.policy.is_none());
        if !csp.lenient {
            csp.policy.check().map_err(|error| {
                let table = self.table_of(error.key());
                error.at(table)
            })?;
        }
        Ok(csp)
    }

    /// The table in which `directive` was said last.
    fn table_of(&self, directive: &str) -> &'static str {
        let named = |list: &[(Directive, _)]| list.iter().any(|(one, _)| one.as_str() == directive);
        if named(&self.append) {
            "append"
        } else if named(&self.replace) {
            "replace"
        } else {
            ""
        }
    }
}

/// A policy that has been checked, and how it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Csp {
    pub(crate) policy: ContentSecurityPolicy,
    pub(crate) report_only: bool,
    pub(crate) add_to_app: bool,
    /// Taken over from a Helmet object as it stands.
    pub(crate) lenient: bool,
}

impl Csp {
    pub(crate) fn of(policy: ContentSecurityPolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }
}

/// The name of a directive; an unknown one comes from an application or a Helmet object only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    Known(Directive),
    Other(Box<str>),
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Known(directive) => directive.as_str(),
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        match Directive::ALL.iter().find(|known| known.as_str() == name) {
            Some(known) => Self::Known(*known),
            None => Self::Other(name.into()),
        }
    }
}
