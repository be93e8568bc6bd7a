//! `fingerprint/x-powered-by`.

use super::Rules;
use super::chain::App;
use super::helmet::{Header, Sets};
use super::options::Setting;
use crate::finding::{Confidence, Edit, Finding, Fix};
use crate::js::facts::{Loc, StackKind, Value};
use crate::rules::fingerprint::X_POWERED_BY;
use crate::source::Location;

impl Rules<'_> {
    pub(super) fn fingerprint(&mut self) {
        let mut found = Vec::new();
        // An app inside another sends the header for itself again.
        for app in &self.apps {
            found.extend(self.powered_by(app));
        }
        self.report.findings.extend(found);
    }

    fn powered_by(&self, app: &App) -> Option<Finding> {
        let is_nest = app.kind == StackKind::Nest;
        if !self.is_served(app) || is_nest && self.imports_helmet() {
            return None;
        }
        if let Some((val, _, cond)) = app.setting("x-powered-by") {
            let (on, _) = val.in_production().truth();
            if on == 0 || !cond.is_certain() {
                return None;
            }
        }
        for (_, layer) in app.in_production() {
            let hides = match self.sets(layer) {
                Sets::Helmet(helmet) => {
                    let option =
                        Setting::of(self.program, &helmet.options, Header::PoweredBy.options());
                    !option.all(|val| *val == Value::Bool(false))
                }
                Sets::Some(headers) => headers.contains(&Header::PoweredBy),
                Sets::Nothing => false,
            };
            if hides {
                return None;
            }
        }
        let message = "every answer says `X-Powered-By: Express`";
        let finding = self.finding(&X_POWERED_BY, app.at, message)?;
        let unknown = is_nest
            || app.escapes
            || app
                .in_production()
                .any(|(_, layer)| super::is_unknown(&layer.handler));
        let sure = if unknown {
            Confidence::Likely
        } else {
            Confidence::Certain
        };
        let finding = finding.confidence(sure);
        if is_nest {
            // `INestApplication` has no `disable`, and TypeScript would say so.
            let help = "`app.getHttpAdapter().getInstance().disable('x-powered-by')`, which Helmet does too.";
            return Some(finding.help(help));
        }
        Some(match self.disabling(app.at) {
            Some(fix) => finding.fix(fix),
            None => finding,
        })
    }

    /// `app.disable('x-powered-by')` below the line that makes the app, where that is a line of its own.
    fn disabling(&self, at: Loc) -> Option<Fix> {
        let place = self.program.location(at)?;
        let source = place.source();
        let span = place.span();
        let text = source.text();
        let before = text.get(..span.start)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let head = before.get(start..)?;
        let indent: String = head.chars().take_while(|it| it.is_whitespace()).collect();
        let head = head.trim_start();
        let rest = text.get(span.end..)?;
        let rest_of_line = rest.lines().next().unwrap_or_default();
        if !matches!(rest_of_line.trim(), "" | ";") {
            return None;
        }
        let name = declared_name(head)?;
        let end = span.end + rest_of_line.trim_end().len();
        let semicolon = if rest_of_line.trim() == ";" { ";" } else { "" };
        let statement = format!("{name}.disable('x-powered-by'){semicolon}");
        let edit = Edit::new(
            Location::new(source, end..end),
            format!("\n{indent}{statement}"),
        );
        Some(Fix::new(
            format!("add `{name}.disable('x-powered-by')`"),
            vec![edit],
        ))
    }
}

/// The name that `const app: Express =` gives.
fn declared_name(head: &str) -> Option<&str> {
    let head = head.strip_prefix("export ").unwrap_or(head);
    let left = head
        .strip_suffix('=')
        .or_else(|| head.trim_end().strip_suffix('='))?
        .trim();
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|it| it.is_alphanumeric() || matches!(it, '_' | '$' | '.'))
    };
    let declared = ["const ", "let ", "var "]
        .iter()
        .find_map(|keyword| left.strip_prefix(keyword));
    match declared {
        Some(left) => {
            let name = left.split(':').next()?.trim();
            (is_name(name) && !name.contains('.')).then_some(name)
        }
        None => (left.starts_with("this.") && is_name(left)).then_some(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_apps_are_read() {
        assert_eq!(declared_name("const app = "), Some("app"));
        assert_eq!(declared_name("export const app: Express ="), Some("app"));
        assert_eq!(declared_name("this.app = "), Some("this.app"));
        assert_eq!(declared_name("const a = 1, app = "), None);
        assert_eq!(declared_name("const app = module.exports = "), None);
        assert_eq!(declared_name("return "), None);
    }
}
