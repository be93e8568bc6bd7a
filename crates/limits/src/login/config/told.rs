//! What is told people of a `[[login]]`.

use std::fmt;

use super::{LoginConfig, OnOutage};
use crate::time::Switch;

impl LoginConfig {
    /// What makes this weaker than the default, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        let mut weak = Vec::new();
        if self.dry_run {
            weak.push((
                "dry_run",
                "guesses are only logged, none is refused".to_owned(),
            ));
        }
        if self.on_outage == OnOutage::DangerPass {
            weak.push((
                "on_outage",
                "nobody is guarded while the store is away".to_owned(),
            ));
        }
        if !self.exempt.is_empty() {
            let from = self.exempt.join(", ");
            let why = format!("from {from} any number of users can be tried, each ten times");
            weak.push(("exempt", why));
        }
        for (key, switch) in [
            ("pair", self.pair),
            ("client", self.client),
            ("user", self.user),
        ] {
            if switch == Some(Switch(None)) {
                weak.push((key, "these failures are not counted".to_owned()));
            }
        }
        weak
    }
}

impl fmt::Display for LoginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "POST {}", self.paths().join(", "))?;
        if self.below {
            write!(f, ", …/{}", Self::USUAL_ENDS.join(", …/"))?;
        }
        if self.is_by_name() {
            write!(f, " under {}", self.domain_names().join(", "))?;
        }
        match &self.username {
            None => f.write_str("; the user name is whatever field is usually called so"),
            Some(fields) => write!(f, "; the user name is `{}`", fields.names().join("` or `")),
        }
    }
}
