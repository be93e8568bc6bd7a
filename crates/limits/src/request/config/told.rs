//! What is told people of a `[[limit]]`.

use std::fmt;

use panoply_core::TimeText;

use super::{Algorithm, Keys, LimitConfig};

impl LimitConfig {
    /// What makes this weaker than it looks, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        let mut weak = Vec::new();
        if self.dry_run {
            let why = "requests beyond it are only logged, none is refused";
            weak.push(("dry_run", why.to_owned()));
        }
        let header = self.words().iter().find(|word| word.starts_with("header:"));
        if let Some(header) = header {
            let why = format!(
                "what stands in `{header}` is the client's to write, and whoever writes another value each time is \
                 not limited: have another limit by `client` beside it"
            );
            weak.push(("key", why));
        }
        weak
    }
}

impl fmt::Display for LimitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = TimeText(self.window.0);
        let keys = match &self.key {
            Keys::One(key) => key.clone(),
            Keys::More(keys) => keys.join(" and "),
        };
        let methods = self.methods.join(", ");
        let below = if self.path.ends_with('/') { "…" } else { "" };
        if !methods.is_empty() {
            write!(f, "{methods} ")?;
        }
        f.write_str(&self.domain_names().join(", "))?;
        if self.counts_answers() {
            write!(f, "{}{below}: ", self.path)?;
            return self.tell_of_answers(f);
        }
        let Self { path, points, .. } = self;
        write!(
            f,
            "{path}{below}: {points} points in {window} for each {keys}"
        )?;
        if self.cost > 1 {
            write!(f, ", {} a request", self.cost)?;
        }
        if self.algorithm == Algorithm::Gcra {
            f.write_str(", spread evenly")?;
        }
        if !self.exempt.is_empty() {
            write!(f, ", but not {}", self.exempt.join(", "))?;
        }
        Ok(())
    }
}
