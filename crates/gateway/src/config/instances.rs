//! How many instances the app has, where, and which of them a client comes to.

use std::fmt;
use std::num::NonZero;

use serde::{Deserialize, Deserializer, de};

use super::app::Upstream;

/// The most instances that an app may have.
pub(crate) const MOST: usize = 64;

/// How many of a name's addresses are followed, if nobody says how many there may be.
const OF_A_NAME: usize = 16;

/// `app.instances`: how many times the command is started; once by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instances {
    /// Once for each processor that the gateway may use; of a name in `app.upstream` up to 16 addresses.
    Auto,
    /// So many times, up to 64.
    Number(NonZero<usize>),
}

impl Instances {
    /// So many may be found by a name that has an address for each.
    pub(crate) const fn of_a_name(self) -> usize {
        match self {
            Self::Auto => OF_A_NAME,
            Self::Number(number) => number.get(),
        }
    }

    /// So many are started.
    pub(crate) fn get(self) -> usize {
        match self {
            Self::Auto => std::thread::available_parallelism().map_or(1, |all| all.get().min(MOST)),
            Self::Number(number) => number.get(),
        }
    }
}

impl Default for Instances {
    fn default() -> Self {
        Self::Number(NonZero::<usize>::MIN)
    }
}

impl fmt::Display for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(f, "{} (a processor each)", self.get()),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Instances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl de::Visitor<'_> for Either {
            type Value = Instances;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a number from 1 to {MOST}, or \"auto\" for one a processor"
                )
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Instances, E> {
                let read = usize::try_from(number)
                    .ok()
                    .filter(|number| *number <= MOST);
                { read.and_then(NonZero::new) }
                    .map(Instances::Number)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Instances, E> {
                match (text, text.parse()) {
                    // As PM2 has it.
                    ("auto" | "max", _) => Ok(Instances::Auto),
                    // A flag and a variable have text alone.
                    (_, Ok(number)) => self.visit_i64(number),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// `app.upstream`: where the instances of an app are that runs already; text for one, a list for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams(Vec<Upstream>);

impl Upstreams {
    /// At least one, each another one, and all by the same scheme.
    pub fn addresses(&self) -> &[Upstream] {
        &self.0
    }

    fn of(all: Vec<Upstream>) -> Result<Self, String> {
        let first = all.first().ok_or(
            "the list is empty: write where the app runs, as in `[\"http://127.0.0.1:3000\"]`",
        )?;
        if all.len() > MOST {
            return Err(format!("at most {MOST} instances are served"));
        }
        let twice =
            |(at, one): &(usize, &Upstream)| all.iter().take(*at).any(|other| other == *one);
        if let Some((_, one)) = all.iter().enumerate().find(twice) {
            return Err(format!("`{one}` is named twice: leave one of them out"));
        }
        if let Some(other) = all.iter().find(|one| one.is_tls() != first.is_tls()) {
            return Err(format!(
                "`{first}` and `{other}` are not spoken to alike: write `https://` for all instances, or for none"
            ));
        }
        Ok(Self(all))
    }
}

impl fmt::Display for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{one}")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Upstreams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> de::Visitor<'de> for Either {
            type Value = Upstreams;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the address of an app as text, such as \"http://127.0.0.1:3000\" or \"unix:/run/app.sock\", or a \
                     list of such addresses",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Upstreams, E> {
                let one = text.parse().map_err(E::custom)?;
                Upstreams::of(vec![one]).map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Upstreams, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Upstreams::of(all).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// `app.affinity`: which of several instances a client comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Affinity {
    /// The one that has the least to do.
    #[default]
    None,
    /// The same for all requests from an address, as long as that one is there; for an app that keeps in its memory
    /// what it knows of its clients.
    Client,
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Client => "client",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::AppConfig;

    fn read(toml: &str) -> Result<AppConfig, String> {
        toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_number_of_instances_or_one_a_processor() {
        let instances = |toml: &str| read(toml).map(|config| config.instances.get());
        assert_eq!(instances(""), Ok(1));
        assert_eq!(instances("instances = 4"), Ok(4));
        assert_eq!(instances("instances = \"4\""), Ok(4));
        let processors = std::thread::available_parallelism().unwrap().get();
        for auto in ["auto", "max"] {
            assert_eq!(instances(&format!("instances = {auto:?}")), Ok(processors));
        }
        for bad in ["0", "-1", "65", "1.5", "\"many\"", "true", "[2]"] {
            let error = instances(&format!("instances = {bad}")).unwrap_err();
            assert!(error.contains("a number from 1 to 64"), "{error}");
        }
    }

    #[test]
    fn one_address_or_a_list_of_them() {
        let upstream = |toml: &str| {
            let read = read(&format!("upstream = {toml}"));
            read.map(|config| config.upstream.unwrap().to_string())
        };
        assert_eq!(upstream("\"http://a:1\"").unwrap(), "http://a:1");
        assert_eq!(
            upstream("[\"http://a:1\", \"unix:/run/b.sock\"]").unwrap(),
            "http://a:1, unix:/run/b.sock"
        );
        let many = vec!["\"http://a:1\""; 65].join(",");
        for (bad, said) in [
            ("[]", "is empty"),
            ("[\"http://a\", \"http://a:80/\"]", "named twice"),
            ("[\"http://a\", \"http://A\"]", "named twice"),
            ("\"http://a:1,http://b:1\"", "write a list"),
            ("\"http://a:1 http://b:1\"", "write a list"),
            ("[\"http://a\", \"https://a\"]", "not spoken to alike"),
            ("[\"http://a\", \"b:80\"]", "write it as `http://"),
            ("[3000]", "as text"),
            ("3000", "a list of such addresses"),
            (&format!("[{many}]"), "at most 64"),
        ] {
            let error = upstream(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
