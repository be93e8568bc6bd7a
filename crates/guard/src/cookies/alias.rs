//! The names that cookies have outside.

use std::collections::HashMap;

use panoply_core::CounterKeys;

/// Names inside and outside, both ways.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    outside: HashMap<Box<[u8]>, Box<[u8]>>,
    inside: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl Aliases {
    /// Other names for `names`, made under the site's secret.
    pub(super) fn new<'a>(secret: &CounterKeys, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut aliases = Self::default();
        for name in names {
            let alias = alias(secret, name);
            for end in ["", ".sig"] {
                let (inside, outside) = (format!("{name}{end}"), format!("{alias}{end}"));
                let (inside, outside) = (inside.into_bytes(), outside.into_bytes());
                // Where two would be called the same, which is next to impossible, the second keeps
                // its name.
                if aliases.inside.contains_key(outside.as_slice()) {
                    continue;
                }
                aliases
                    .inside
                    .insert(outside.clone().into(), inside.clone().into());
                aliases.outside.insert(inside.into(), outside.into());
            }
        }
        aliases
    }

    /// What a cookie is called outside, without a prefix.
    pub(super) fn outside(&self, name: &[u8]) -> Option<&[u8]> {
        self.outside.get(name).map(|alias| &**alias)
    }

    /// What the cookie of this name outside, with its prefix, is called inside.
    pub(super) fn inside(&self, name: &[u8]) -> Option<&[u8]> {
        let alias = [&b"__Host-"[..], b"__Secure-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(*prefix))?;
        self.inside.get(alias).map(|name| &**name)
    }
}

/// `id-` and five letters and digits: 25 bits.
fn alias(secret: &CounterKeys, name: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = secret.key("cookie name", &[name.as_bytes()]).to_bits();
    let mut alias = String::from("id-");
    for _ in 0..5 {
        let place = usize::try_from(bits & 31).unwrap_or(0);
        alias.push(LETTERS.get(place).copied().map_or('a', char::from));
        bits >>= 5;
    }
    alias
}
