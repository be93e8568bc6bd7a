//! `secrets/…`.

use std::collections::HashSet;

use super::Rules;
use super::keys::is_placeholder;
use super::options::{Setting, first_or_nothing, nth_or_nothing, texts};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Callee, Loc, Val, Value};
use crate::rules::secrets::{HARDCODED, SAMPLE_ENV};

impl Rules<'_> {
    pub(super) fn secrets(&mut self) {
        let mut found = Vec::new();
        let mut seen: HashSet<Loc> = HashSet::new();
        for call in &self.program.calls {
            let Callee::External(path) = &call.callee else {
                continue;
            };
            if !call.cond.in_production() {
                continue;
            }
            for (what, val) in self.secrets_of(path, call) {
                self.hardcoded(&what, &val, call, &mut seen, &mut found);
            }
            found.extend(self.sample_env(path, call));
        }
        self.report.findings.extend(found);
        self.sample_in_scripts();
    }

    /// The arguments of a call that must not stand in the source, and what they are.
    fn secrets_of(&self, path: &str, call: &Call) -> Vec<(String, Val)> {
        let options = self.options_of(call);
        let last = call.args.last().cloned().unwrap_or_else(|| options.clone());
        let option = |of: &Val, names: &[&str]| Setting::of(self.program, of, names).val().cloned();
        let nth = |number: usize| Some(nth_or_nothing(&call.args, number, call.at));
        let (package, name) = path.split_once(':').unwrap_or((path, ""));
        let (what, val) = match (package, name) {
            ("express-session", "") => ("the session secret", option(&options, &["secret"])),
            ("cookie-session" | "keygrip" | "client-sessions", "") => {
                let keys = option(&options, &["keys", "secret"]);
                (
                    "the key of the session cookie",
                    keys.or_else(|| (package == "keygrip").then(|| options.clone())),
                )
            }
            ("cookie-parser", "") => ("the secret of signed cookies", nth(0)),
            (
                "jsonwebtoken" | "jwt-simple" | "jwt-then",
                "sign" | "verify" | "encode" | "decode",
            ) if name != "decode" || package == "jwt-simple" => ("the key of the tokens", nth(1)),
            ("passport-jwt", "Strategy") => (
                "the key of the tokens",
                option(&options, &["secretOrKey", "secretOrKeyProvider"]),
            ),
            ("express-jwt", "" | "expressjwt" | "jwt") => {
                ("the key of the tokens", option(&options, &["secret"]))
            }
            ("@nestjs/jwt", "JwtModule.register") => (
                "the key of the tokens",
                option(&options, &["secret", "privateKey"]),
            ),
            ("@nestjs/jwt", name) if name.ends_with(".sign") || name.ends_with(".signAsync") => {
                ("the key of the tokens", option(&last, &["secret"]))
            }
            // Nobody can know what it is made of, whatever the key.
            ("crypto", "createHmac") if self.takes_chance(call) => return Vec::new(),
            ("crypto", "createHmac") => ("the key of the HMAC", nth(1)),
            (
                "crypto",
                "createCipheriv" | "createDecipheriv" | "createCipher" | "createDecipher",
            ) => ("the key of the cipher", nth(1)),
            ("iron-session", _) => ("the password of the session", option(&last, &["password"])),
            ("csrf-csrf", "doubleCsrf") => return self.secret_given(&options),
            (package, _)
                if call.is_new && package.starts_with("passport") && package != "passport-jwt" =>
            {
                (
                    "the client secret",
                    option(&options, &["clientSecret", "consumerSecret", "appSecret"]),
                )
            }
            _ => return Vec::new(),
        };
        let Some(val) = val else { return Vec::new() };
        vec![(what.to_owned(), val)]
    }

    /// `hmac.update(randomBytes(32))`: a way to make a key, and no signature.
    fn takes_chance(&self, hmac: &Call) -> bool {
        let chance = |val: &Val| {
            let path = self.program.external(val);
            path.is_some_and(|path| path.starts_with("crypto:random"))
        };
        let mut updates = self.calls_of(|path| path == "crypto:createHmac().update");
        updates.any(|call| {
            let of = call
                .this
                .as_ref()
                .and_then(|this| self.program.as_call(this));
            of.is_some_and(|of| of.at == hmac.at) && call.args.first().is_some_and(chance)
        })
    }

    /// `getSecret: () => 'literal'`.
    fn secret_given(&self, options: &Val) -> Vec<(String, Val)> {
        let getter = Setting::of(self.program, options, &["getSecret"]);
        let literal = getter.val().and_then(|val| {
            let closure = self.program.closure(val)?;
            let body = closure.function.body.as_slice();
            match body {
                [
                    crate::js::ir::Stmt {
                        kind: crate::js::ir::StmtKind::Return(Some(value)),
                        ..
                    },
                ] => match &value.kind {
                    crate::js::ir::ExprKind::Text(text) => {
                        let at = Loc {
                            file: closure.file,
                            span: value.at,
                        };
                        Some(Val::new(Value::text(text), at))
                    }
                    _ => None,
                },
                _ => None,
            }
        });
        literal
            .map(|val| ("the secret of the CSRF tokens".to_owned(), val))
            .into_iter()
            .collect()
    }

    fn hardcoded(
        &self,
        what: &str,
        val: &Val,
        call: &Call,
        seen: &mut HashSet<Loc>,
        found: &mut Vec<Finding>,
    ) {
        // Of `given || { secret: 'x' }` the source says what is used where nothing is given.
        let known = match call.args.first() {
            Some(options) if self.where_nothing_is_given(options).1 => Confidence::Likely,
            _ => Confidence::Certain,
        };
        let val = val.in_production();
        let mut all: Vec<(Val, bool)> = Vec::new();
        let mut add = |val: &Val| {
            let known = val.alternatives();
            let falls_back = known.len() > 1;
            all.extend(
                texts(val)
                    .into_iter()
                    .map(|(_, text)| (text.clone(), falls_back)),
            );
        };
        add(&val);
        for (_, list) in val.alternatives() {
            // `keys: ['a', 'b']`, and `{ key: 'a', passphrase: 'b' }`.
            self.program
                .items(list)
                .into_iter()
                .flatten()
                .for_each(&mut add);
        }
        for (literal, falls_back) in all {
            let text = literal.text().unwrap_or_default();
            if text.trim().is_empty()
                || text.starts_with("-----BEGIN PUBLIC")
                || text.starts_with("-----BEGIN CERT")
            {
                continue;
            }
            // Of a client of somebody else's server, it signs nothing; that it is meant to be put there is told.
            if what == "the client secret" && is_placeholder(text) {
                continue;
            }
            if !self.is_written(&literal) || !seen.insert(literal.at) {
                continue;
            }
            let message = if falls_back {
                format!("{what} falls back to a text in the source")
            } else {
                format!("{what} stands in the source")
            };
            let finding = self.finding(&HARDCODED, literal.at, message);
            let sure = if falls_back {
                Confidence::Likely
            } else {
                Confidence::Certain
            };
            found.extend(finding.map(|finding| {
                let finding = match self.program.location(call.at) {
                    Some(place) if call.at.file != literal.at.file => {
                        finding.related(place, "is used here")
                    }
                    _ => finding,
                };
                finding.confidence(sure.min(known))
            }));
        }
    }

    /// Whether a text stands in the source as such, not only as a part of an expression that made it.
    fn is_written(&self, literal: &Val) -> bool {
        let text = self.text(literal.at);
        text.starts_with(['\'', '"', '`']) || text.contains(['\'', '"', '`'])
    }

    /// `dotenv.config({ path: '.env.example' })`.
    fn sample_env(&self, path: &str, call: &Call) -> Option<Finding> {
        let package = path.split(':').next()?;
        if !matches!(
            package,
            "dotenv"
                | "dotenv-flow"
                | "dotenv-expand"
                | "dotenv-safe"
                | "dotenv-extended"
                | "env-cmd"
        ) {
            return None;
        }
        let options = first_or_nothing(&call.args, call.at);
        let path = Setting::of(self.program, &options, &["path"]);
        let paths = path.val()?;
        let listed = self.program.items(paths).map(<[Val]>::to_vec);
        let paths = listed.unwrap_or_else(|| vec![paths.clone()]);
        let sample = paths
            .iter()
            .flat_map(texts)
            .map(|(_, val)| val)
            .find(|val| val.text().is_some_and(is_sample_env))?;
        let message = format!(
            "`{}` is loaded, whose values are in the repository",
            sample.text()?
        );
        let finding = self.finding(&SAMPLE_ENV, call.at, message)?;
        Some(finding.confidence(self.sureness_of(call)))
    }

    /// `node --env-file=.env.example` in `package.json`.
    fn sample_in_scripts(&mut self) {
        let mut found = Vec::new();
        for package in &self.files.packages {
            let script = package
                .json
                .get("scripts")
                .and_then(|scripts| scripts.get("start"));
            let Some(script) = script.and_then(serde_json::Value::as_str) else {
                continue;
            };
            let Some(file) = script.split("--env-file").nth(1) else {
                continue;
            };
            let file = file
                .trim_start_matches(['=', ' '])
                .split_whitespace()
                .next()
                .unwrap_or_default();
            if !is_sample_env(file) {
                continue;
            }
            let path = if package.dir.is_empty() {
                "package.json".to_owned()
            } else {
                format!("{}/package.json", package.dir)
            };
            let Some(number) = self.files.by_path(&path) else {
                continue;
            };
            let source = self
                .files
                .get(number)
                .map(|file| file.source.text())
                .unwrap_or_default();
            let start = source.find("--env-file").unwrap_or(0);
            let span = |at: usize| u32::try_from(at).unwrap_or(0);
            let at = Loc {
                file: number,
                span: crate::js::ir::Span {
                    start: span(start),
                    end: span(start + 10),
                },
            };
            let message =
                format!("`{file}` is loaded at start, whose values are in the repository");
            found.extend(self.finding(&SAMPLE_ENV, at, message));
        }
        self.report.findings.extend(found);
    }
}

/// Whether a file of settings is the sample of one.
fn is_sample_env(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.contains("env")
        && ["example", "sample", "template", "dist", "default"]
            .iter()
            .any(|word| name.split(['.', '-', '_']).any(|part| part == *word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_settings_are_told() {
        assert!(is_sample_env(".env.example"));
        assert!(is_sample_env("config/sample.env"));
        assert!(is_sample_env(".env-sample"));
        assert!(!is_sample_env(".env"));
        assert!(!is_sample_env(".env.production"));
    }
}
