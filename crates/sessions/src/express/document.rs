//! A session as express-session keeps it: one JSON object with the values and `cookie`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use panoply_core::{Moment, SessionDocument, SessionKey, SessionRecord, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ExpressCookie;
use crate::session::USER;
use crate::user_key;

/// Where the `cookie` stands among the values of a session.
pub(crate) const COOKIE: &str = "panoply.cookie";

/// Where Express has it.
const THEIRS: &str = "cookie";

/// Where what Express does not know stands, in a place of its own: it drops unknown fields of
/// `cookie`.
const OURS: &str = "panoply";

/// What Express does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Meta {
    /// Milliseconds since 1970, as JavaScript counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<u64>,
}

/// Beyond that an end is none: no browser keeps a cookie for longer.
const FAR: Duration = Duration::from_hours(400 * 24);

/// The session in a document that `key` leads to.
///
/// Its version is a hash of the text: Express changes it without counting.
pub(super) fn read(
    document: &SessionDocument,
    key: &SessionKey,
    now: Moment,
    otherwise: Duration,
) -> Result<SessionRecord, StoreError> {
    let fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(&document.text).map_err(|error| {
            StoreError::permanent("a session in the store is no JSON object").because(error)
        })?;
    let raw = |name: &str| fields.get(name).map(|raw| raw.get());
    let cookie = raw(THEIRS).and_then(|json| ExpressCookie::parse(json.as_bytes()));
    let cookie = cookie.unwrap_or_default();
    let meta: Meta = raw(OURS)
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    let mut record = SessionRecord::new(key, now);
    let idle = cookie.max_age().unwrap_or(otherwise);
    let left = document.left.unwrap_or(idle);
    let gone = idle.saturating_sub(left);
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let seen = Moment::from_micros(now.as_micros().saturating_sub(micros(gone)));
    let millis = |millis: u64| Moment::from_micros(millis.saturating_mul(1000));
    record.version = version(&document.text);
    record.seen = seen;
    // So that it ends when the store says.
    record.idle = Duration::from_micros(
        now.as_micros()
            .saturating_add(micros(left))
            .saturating_sub(seen.as_micros()),
    );
    record.created = meta.created.map_or(seen, millis);
    record.end = meta.ends.map_or_else(|| now.after(Some(FAR)), millis);
    record.values.set(COOKIE.into(), Bytes::from(cookie.json()));
    for (name, value) in &fields {
        // What lies where we keep the cookie is no value: it would take the cookie's place.
        if ![THEIRS, OURS, COOKIE].contains(&name.as_str()) {
            let value = Bytes::copy_from_slice(value.get().as_bytes());
            record.values.set(Arc::from(name.as_str()), value);
        }
    }
    if let Some(user) = record.values.get(USER)
        && let Ok(name) = serde_json::from_slice::<String>(user)
    {
        record.user = Some(user_key(&name));
        record.user_since = meta.login.map_or(record.created, millis);
    }
    Ok(record)
}

/// The document of a session, and how long a store is to keep it.
pub(super) fn write(
    record: &SessionRecord,
    max_age: Option<Duration>,
    now: Moment,
    otherwise: Duration,
) -> Result<(String, Duration), StoreError> {
    let time = timestamp(now);
    let cookie = record
        .values
        .get(COOKIE)
        .and_then(|json| ExpressCookie::parse(json));
    let mut cookie = cookie.unwrap_or_default();
    if let Some(max_age) = max_age {
        cookie.original_max_age = Some(i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX));
    }
    cookie.start_over(time);
    let end = record.end.since(now).filter(|left| *left < FAR);
    let millis = |moment: Moment| moment.as_micros() / 1000;
    let meta = Meta {
        ends: end.map(|_| millis(record.end)),
        login: record.user.map(|_| millis(record.user_since)),
        created: (end.is_some() || record.user.is_some()).then(|| millis(record.created)),
    };
    // Express writes it first, and people look for it there.
    let mut text = format!("{{\"{THEIRS}\":{}", String::from_utf8_lossy(&cookie.json()));
    for (name, value) in record.values.iter().filter(|(name, _)| &***name != COOKIE) {
        let value = std::str::from_utf8(value).ok();
        let raw = value.and_then(|value| serde_json::from_str::<&RawValue>(value).ok());
        let raw = raw.ok_or_else(|| StoreError::permanent("a value of the session is no JSON"))?;
        field(&mut text, name, raw.get());
    }
    if meta != Meta::default() {
        field(
            &mut text,
            OURS,
            &serde_json::to_string(&meta).unwrap_or_default(),
        );
    }
    text.push('}');
    let lasts = cookie.lasts(time, otherwise);
    Ok((text, end.map_or(lasts, |end| lasts.min(end))))
}

fn field(text: &mut String, name: &str, json: &str) {
    text.push(',');
    text.push_str(&serde_json::Value::from(name).to_string());
    text.push(':');
    text.push_str(json);
}

/// How long a document is kept when it is touched.
pub(super) fn lasts(record: &SessionRecord, now: Moment, otherwise: Duration) -> Duration {
    let cookie = record
        .values
        .get(COOKIE)
        .and_then(|json| ExpressCookie::parse(json));
    cookie.map_or(otherwise, |cookie| cookie.lasts(timestamp(now), otherwise))
}

pub(super) fn version(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn timestamp(moment: Moment) -> Timestamp {
    let micros = i64::try_from(moment.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}
