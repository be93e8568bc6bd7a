//! Reading the table `[headers]`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{HeadersConfig, Override, Setting, Settings, Value};
use crate::{CspConfig, Error, Header, HstsConfig, Preset, PublicKeyPinsConfig};

/// The keys of the table besides the headers' names.
const OPTIONS: [&str; 14] = [
    "preset",
    "override",
    "helmet",
    "remove",
    "keep",
    "path",
    "clear_site_data_on",
    "clear_site_data",
    "no_store_with_cookie",
    "nonce_placeholder",
    "reports_to",
    "domain",
    "prefix",
    "domains",
];

impl<'de> Deserialize<'de> for HeadersConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ConfigVisitor)
    }
}

/// A key of the table.
enum Key {
    Header(Header),
    Option(&'static str),
}

/// Reads a key and refuses an unknown one there and then, so that the error points at the key.
#[derive(Clone, Copy)]
enum KeySeed {
    Site,
    Path,
    Domain,
}

impl KeySeed {
    /// Whether this is an option of its table.
    fn has(self, option: &str) -> bool {
        match self {
            Self::Site => !["prefix", "domains"].contains(&option),
            Self::Path => option == "prefix",
            Self::Domain => option == "domains",
        }
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's name in small letters, or an option")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
        let options = OPTIONS.iter().copied();
        let options = options.filter(|option| self.has(option));
        if let Some(option) = options.clone().find(|option| *option == key) {
            return Ok(Key::Option(option));
        }
        let headers = Header::ALL.iter().copied();
        if let Some(header) = headers.clone().find(|header| header.as_str() == key) {
            return Ok(Key::Header(header));
        }
        let words = headers.map(Header::as_str).chain(options);
        let what = "a header or an option of this table";
        let mut error = Error::unknown(what, key, words);
        if let Error::Unknown { instead, .. } = &mut error {
            if let Some(header) = crate::helmet::header_called(key) {
                *instead = match self {
                    Self::Site => format!("write `{header}`, or `helmet = {{ {key} = … }}`"),
                    Self::Path | Self::Domain => format!("write `{header}`"),
                };
            } else if instead.is_empty() {
                "write a header's name in small letters, such as `x-frame-options`"
                    .clone_into(instead);
            }
        }
        Err(E::custom(error))
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = HeadersConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the table `[headers]`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadersConfig, A::Error> {
        let mut config = HeadersConfig::default();
        let mut preset: Option<Preset> = None;
        let mut helmet: Option<HeadersConfig> = None;
        while let Some(key) = map.next_key_seed(KeySeed::Site)? {
            match key {
                Key::Header(header) => {
                    let setting = map.next_value_seed(SettingSeed(header))?;
                    config.settings.set(header, setting);
                }
                Key::Option("preset") => preset = Some(map.next_value()?),
                Key::Option("override") => config.over = map.next_value::<Override>()?,
                Key::Option("helmet") => helmet = Some(map.next_value::<HelmetObject>()?.0),
                Key::Option("remove") => config.remove = map.next_value()?,
                Key::Option("keep") => config.keep = map.next_value()?,
                Key::Option("path") => {
                    let paths: Vec<PathTable> = map.next_value()?;
                    config.paths = paths.into_iter().map(|path| path.0).collect();
                }
                Key::Option("domain") => {
                    let domains: Vec<DomainTable> = map.next_value()?;
                    config.domains = domains.into_iter().map(|domain| domain.0).collect();
                }
                Key::Option("clear_site_data_on") => {
                    config.clear_site_data_on = map.next_value()?;
                }
                Key::Option("clear_site_data") => {
                    config.clear_site_data = Some(map.next_value()?);
                }
                Key::Option("no_store_with_cookie") => {
                    config.no_store_with_cookie = Some(map.next_value()?);
                }
                Key::Option("nonce_placeholder") => {
                    config.nonce_placeholder = Some(map.next_value()?);
                }
                Key::Option(_) => config.reports_to = Some(map.next_value()?),
            }
        }
        if let Some(helmet) = helmet {
            if preset.is_some_and(|preset| preset != Preset::Helmet) {
                let error = Error::form("the preset `helmet` beside a Helmet object", "another");
                return Err(de::Error::custom(error.at("preset")));
            }
            for (header, setting) in helmet.settings.iter() {
                if config.settings.get(header).is_none() {
                    config.settings.set(header, setting.clone());
                }
            }
            config.stripped = helmet.stripped;
        }
        config.preset = preset.unwrap_or_default();
        Ok(config)
    }
}

/// A Helmet object within our own file is held to our own rules.
struct HelmetObject(HeadersConfig);

impl<'de> Deserialize<'de> for HelmetObject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let options = serde_json::Value::deserialize(from)?;
        crate::helmet::read_strictly(&options)
            .map(Self)
            .map_err(|error| de::Error::custom(error.at("helmet")))
    }
}

/// `[[headers.path]]`
struct PathTable((String, Settings));

impl<'de> Deserialize<'de> for PathTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = "a table `[[headers.path]]` with a `prefix`";
        let read = from.deserialize_map(PartVisitor::new(KeySeed::Path, "prefix", table));
        read.map(Self)
    }
}

/// `[[headers.domain]]`
struct DomainTable((Vec<String>, Settings));

impl<'de> Deserialize<'de> for DomainTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = "a table `[[headers.domain]]` with `domains`";
        let read = from.deserialize_map(PartVisitor::new(KeySeed::Domain, "domains", table));
        read.map(Self)
    }
}

/// What is different for a part of the site, and which that is.
struct PartVisitor<T> {
    keys: KeySeed,
    part: &'static str,
    table: &'static str,
    kind: std::marker::PhantomData<T>,
}

impl<T> PartVisitor<T> {
    const fn new(keys: KeySeed, part: &'static str, table: &'static str) -> Self {
        Self {
            keys,
            part,
            table,
            kind: std::marker::PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for PartVisitor<T> {
    type Value = (T, Settings);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut part = None;
        let mut settings = Settings::default();
        while let Some(key) = map.next_key_seed(self.keys)? {
            match key {
                Key::Header(header) => {
                    settings.set(header, map.next_value_seed(SettingSeed(header))?);
                }
                Key::Option(_) => part = Some(map.next_value()?),
            }
        }
        let part = part.ok_or_else(|| de::Error::missing_field(self.part))?;
        Ok((part, settings))
    }
}

/// Reads the value of a header's key.
struct SettingSeed(Header);

impl<'de> DeserializeSeed<'de> for SettingSeed {
    type Value = Setting;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Setting, D::Error> {
        fn read<'de, T, D>(from: D, wrap: impl FnOnce(T) -> Setting) -> Result<Setting, D::Error>
        where
            T: Deserialize<'de> + Default,
            D: Deserializer<'de>,
        {
            let value = from.deserialize_any(SwitchVisitor(std::marker::PhantomData))?;
            Ok(value.map_or(Setting::Off, wrap))
        }

        macro_rules! value {
            ($variant:ident) => {
                read(from, |value| Setting::Value(Value::$variant(value)))
            };
        }

        match self.0 {
            Header::ContentSecurityPolicy | Header::ContentSecurityPolicyReportOnly => {
                read(from, |config: CspConfig| Setting::Csp(config))
            }
            Header::StrictTransportSecurity => read(from, |c: HstsConfig| Setting::Hsts(c)),
            Header::PublicKeyPins => read(from, |c: PublicKeyPinsConfig| Setting::Pins(c)),
            Header::CrossOriginEmbedderPolicy | Header::CrossOriginEmbedderPolicyReportOnly => {
                value!(Embedder)
            }
            Header::CrossOriginOpenerPolicy | Header::CrossOriginOpenerPolicyReportOnly => {
                value!(Opener)
            }
            Header::CrossOriginResourcePolicy => value!(Resource),
            Header::OriginAgentCluster => value!(AgentCluster),
            Header::ReferrerPolicy => value!(Referrer),
            Header::XContentTypeOptions => value!(ContentType),
            Header::XDnsPrefetchControl => value!(DnsPrefetch),
            Header::XDownloadOptions => value!(Download),
            Header::XFrameOptions => value!(Frame),
            Header::XPermittedCrossDomainPolicies => value!(CrossDomain),
            Header::XXssProtection => value!(Xss),
            Header::PermissionsPolicy => value!(Permissions),
            Header::ReportingEndpoints => value!(Reporting),
            Header::CacheControl => value!(Cache),
            Header::IntegrityPolicy | Header::IntegrityPolicyReportOnly => value!(Integrity),
        }
    }
}

/// `false`, `true` for what is recommended, or a value.
struct SwitchVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SwitchVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy (text or a table), or false")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<Option<T>, E> {
        Ok(on.then(T::default))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<T>, E> {
        T::deserialize(StrDeserializer::new(text)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}
