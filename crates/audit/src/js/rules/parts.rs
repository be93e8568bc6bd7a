//! Parts of Helmet that are there and let through what they are for.

use super::Rules;
use super::helmet::Header;
use super::options::Setting;
use crate::js::facts::{Loc, Val, Value};

/// Half a year: what browsers' preload lists once asked for, and scanners still do.
const SHORT_HSTS: f64 = 15_552_000.0;

/// Where, what is wrong, and what to write.
type Weakness = (Loc, String, &'static str);

impl Rules<'_> {
    /// What the options of a part weaken.
    pub(super) fn weak_part(&self, header: Header, options: &Val) -> Vec<Weakness> {
        let mut found = Vec::new();
        match header {
            Header::Csp => {
                if let Some((at, what)) = self.weak_policy(options) {
                    let message = format!("the Content-Security-Policy allows {what}");
                    let help = "Name the hosts, or use a nonce for each script.";
                    found.push((at, message, help));
                }
                let report_only = Setting::of(self.program, options, &["reportOnly"]);
                let is_on = report_only.all(|it| *it == Value::Bool(true));
                if let (Some(at), true) = (report_only.at(), is_on) {
                    let message = "the Content-Security-Policy is only reported, not enforced";
                    let help = "Leave `reportOnly` out once the reports are quiet.";
                    found.push((at, message.to_owned(), help));
                }
            }
            Header::Hsts => {
                let age = Setting::of(self.program, options, &["maxAge"]);
                let short = age.all(|it| matches!(it, Value::Number(age) if *age < SHORT_HSTS));
                if let (Some(at), true) = (age.at(), short) {
                    let message = "Strict-Transport-Security lasts less than half a year";
                    found.push((at, message.to_owned(), "`maxAge: 31536000`"));
                }
            }
            _ => {}
        }
        found
    }

    /// What a policy allows that it should not.
    fn weak_policy(&self, csp: &Val) -> Option<(Loc, String)> {
        let directives = Setting::of(self.program, csp, &["directives"]);
        let directives = directives.val()?.clone();
        let scripts = Setting::of(self.program, &directives, &["scriptSrc", "script-src"]);
        let scripts = match scripts {
            Setting::Absent => {
                Setting::of(self.program, &directives, &["defaultSrc", "default-src"])
            }
            other => other,
        };
        let (val, at) = (scripts.val()?, scripts.at()?);
        let sources: Vec<(Option<String>, Loc)> = match self.program.items(val) {
            Some(items) => items
                .iter()
                .map(|item| (item.text().map(str::to_owned), item.at))
                .collect(),
            None => {
                let text = val.text()?;
                text.split_whitespace()
                    .map(|word| (Some(word.to_owned()), at))
                    .collect()
            }
        };
        // A nonce or a hash makes browsers ignore `'unsafe-inline'`; one made per request is a function.
        let strict = sources.iter().any(|(text, _)| match text.as_deref() {
            None => true,
            Some(text) => {
                text.starts_with("'nonce-")
                    || text.starts_with("'sha")
                    || text == "'strict-dynamic'"
            }
        });
        for (text, at) in &sources {
            match text.as_deref() {
                Some("'unsafe-inline'") if !strict => {
                    return Some((
                        *at,
                        "scripts written into the page (`'unsafe-inline'`)".to_owned(),
                    ));
                }
                Some(wide @ ("*" | "http:" | "https:" | "data:" | "https://*" | "http://*"))
                    if !strict =>
                {
                    return Some((*at, format!("scripts from everywhere (`{wide}`)")));
                }
                _ => {}
            }
        }
        None
    }
}
