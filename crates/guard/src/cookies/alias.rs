//! The names that cookies have outside.

use hashbrown::HashMap;
use panoply_core::CounterKeys;

/// Names inside and outside, both ways. All of them are the site's own, so that nobody else can choose
/// ones that collide.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    outside: HashMap<Box<[u8]>, Outside>,
    inside: HashMap<Box<[u8]>, Inside>,
}

/// What a cookie is called outside.
///
/// The two are told apart by more than the prefix: a neighbouring host can set a `__Secure-` cookie
/// for the whole domain, but not know its name from the `__Host-` one that everybody is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outside {
    /// Where there is no domain, and the path is `/`.
    pub(super) host: Box<[u8]>,
    /// Else.
    pub(super) secure: Box<[u8]>,
}

#[derive(Debug, Clone)]
struct Inside {
    name: Box<[u8]>,
    host: bool,
}

impl Aliases {
    /// Other names for `names`, made under the site's secret.
    pub(super) fn new<'a>(secret: &CounterKeys, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut aliases = Self::default();
        for name in names {
            for end in ["", ".sig"] {
                let outside =
                    |prefix: &str| format!("{prefix}{}{end}", alias(secret, prefix, name));
                let [host, secure] = ["__Host-", "__Secure-"]
                    .map(outside)
                    .map(|name| name.into_bytes().into_boxed_slice());
                // Where two would be called the same, which is next to impossible, the second keeps
                // its name.
                if aliases.inside.contains_key(&host) || aliases.inside.contains_key(&secure) {
                    continue;
                }
                let name = format!("{name}{end}").into_bytes().into_boxed_slice();
                for (outside, host) in [(&host, true), (&secure, false)] {
                    let name = name.clone();
                    aliases
                        .inside
                        .insert(outside.clone(), Inside { name, host });
                }
                aliases.outside.insert(name, Outside { host, secure });
            }
        }
        aliases
    }

    /// What a cookie is called outside.
    pub(super) fn outside(&self, name: &[u8]) -> Option<&Outside> {
        self.outside.get(name)
    }

    /// What the cookie of this name outside is called inside, and whether only the very host can
    /// have set it.
    pub(super) fn inside(&self, name: &[u8]) -> Option<(&[u8], bool)> {
        let inside = self.inside.get(name)?;
        Some((&inside.name, inside.host))
    }
}

/// `id-` and five letters and digits: 25 bits.
fn alias(secret: &CounterKeys, prefix: &str, name: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let key = secret.key("cookie name", &[prefix.as_bytes(), name.as_bytes()]);
    let mut bits = key.to_bits();
    let mut alias = String::from("id-");
    for _ in 0..5 {
        let place = usize::try_from(bits & 31).unwrap_or(0);
        alias.push(LETTERS.get(place).copied().map_or('a', char::from));
        bits >>= 5;
    }
    alias
}
