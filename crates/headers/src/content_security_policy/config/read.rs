//! Reading the table `[headers.content-security-policy]`.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::CspConfig;
use crate::content_security_policy::{ContentSecurityPolicy, Directive, Source};

impl<'de> Deserialize<'de> for CspConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ConfigVisitor)
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = CspConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy as text, a table with `append`, `replace` or `remove`, or false")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CspConfig, E> {
        let policy = ContentSecurityPolicy::parse(text).map_err(E::custom)?;
        Ok(CspConfig::new().policy(policy))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CspConfig, A::Error> {
        let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let policy = table.policy.as_deref().map(ContentSecurityPolicy::parse);
        Ok(CspConfig {
            policy: policy.transpose().map_err(de::Error::custom)?,
            remove: table.remove,
            replace: table.replace.0,
            append: table.append.0,
            report_only: table.report_only,
            add_to_app: table.add_to_app,
            lenient: false,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Table {
    policy: Option<String>,
    remove: Vec<Directive>,
    replace: Lists,
    append: Lists,
    report_only: Option<bool>,
    add_to_app: Option<bool>,
}

/// `{ script-src = ["https://cdn.example"], img-src = "data:" }`
#[derive(Default)]
struct Lists(Vec<(Directive, Vec<Source>)>);

impl<'de> Deserialize<'de> for Lists {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ListsVisitor;

        impl<'de> Visitor<'de> for ListsVisitor {
            type Value = Lists;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of directives with their sources")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lists, A::Error> {
                let mut lists = Vec::new();
                while let Some(directive) = map.next_key()? {
                    let Words(words) = map.next_value()?;
                    lists.push((directive, words));
                }
                Ok(Lists(lists))
            }
        }

        from.deserialize_map(ListsVisitor)
    }
}

/// `"'self' data:"` or `["'self'", "data:"]`; `true` for a directive that takes no value.
struct Words(Vec<Source>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WordsVisitor;

        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sources such as [\"'self'\", \"https://cdn.example\"]")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Words, E> {
                if on {
                    return Ok(Words(Vec::new()));
                }
                Err(E::custom("name the directive in `remove` to take it away"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
                let mut words = Vec::new();
                add(&mut words, text)?;
                Ok(Words(words))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    add(&mut words, &text)?;
                }
                Ok(Words(words))
            }
        }

        from.deserialize_any(WordsVisitor)
    }
}

/// A `;` or `,` would end the directive or the policy in the middle of a source.
fn add<E: de::Error>(words: &mut Vec<Source>, text: &str) -> Result<(), E> {
    crate::error::check_characters(text, &[';', ',']).map_err(E::custom)?;
    words.extend(Source::words(text));
    Ok(())
}
