//! The cookies of cookie-session.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use panoply_cookies::ExpressSecrets;
use serde_json::{Map, Value};

use crate::config::{CookieConfig, SameSite};
use crate::sealed::MOST;
use crate::{Error, find_cookie};

/// Reads and writes the sessions that cookie-session keeps in a cookie and its signature, so that a
/// service and an Express app share them.
///
/// Its user can read everything in such a session, and a copy of it is good until the secrets
/// change; sessions of one's own are better [sealed](crate::SessionConfig::build_sealed).
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
/// use panoply_cookies::{ExpressSecret, ExpressSecrets};
/// use panoply_sessions::{CookieConfig, CookieSession};
///
/// let secrets = ExpressSecrets::new([ExpressSecret::danger_of_any_length("key1")]);
/// let sessions = CookieSession::new("session", secrets, CookieConfig::express())?;
///
/// let mut headers = HeaderMap::new();
/// let sent = "session=eyJ2aWV3cyI6MX0=; session.sig=DJaPtrG-tmTnVr33fOWXqWGnVlw";
/// headers.insert(COOKIE, HeaderValue::from_static(sent));
/// let found = sessions.read(&headers).unwrap();
/// assert_eq!(found.values["views"], 1);
///
/// let lines = sessions.write(&found.values, false)?;
/// assert_eq!(lines[0], "session=eyJ2aWV3cyI6MX0=; path=/; httponly");
/// assert_eq!(lines[1], "session.sig=DJaPtrG-tmTnVr33fOWXqWGnVlw; path=/; httponly");
/// # Ok::<(), panoply_sessions::Error>(())
/// ```
#[derive(Clone)]
pub struct CookieSession {
    name: String,
    signature: String,
    secrets: ExpressSecrets,
    cookie: CookieConfig,
}

/// A session that a client sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CookieSessionRead {
    /// The values.
    pub values: Map<String, Value>,
    /// Whether an older secret than the first has signed it, so that it is to be
    /// [written](CookieSession::write) again.
    pub stale: bool,
}

impl CookieSession {
    /// Sessions in the cookie `name` and `name.sig`.
    ///
    /// # Errors
    ///
    /// When the cookie could not be.
    pub fn new(
        name: impl Into<String>,
        secrets: ExpressSecrets,
        cookie: CookieConfig,
    ) -> Result<Self, Error> {
        let name = name.into();
        cookie.clone().check(name.clone())?;
        Ok(Self {
            signature: format!("{name}.sig"),
            name,
            secrets,
            cookie,
        })
    }

    /// The session that a request came with; none where there is none, or nobody who knows a secret
    /// has made it.
    pub fn read(&self, headers: &HeaderMap) -> Option<CookieSessionRead> {
        let value = find_cookie(headers, &self.name)?;
        let signature = find_cookie(headers, &self.signature)?;
        let signed = self.secrets.verify_cookie(&self.name, value, signature)?;
        let json = STANDARD.decode(value).ok()?;
        let Ok(Value::Object(values)) = serde_json::from_slice(&json) else {
            return None;
        };
        let stale = signed.key > 0;
        Some(CookieSessionRead { values, stale })
    }

    /// The two `Set-Cookie` lines of a session, for a client that came by `https` or not.
    ///
    /// # Errors
    ///
    /// When it is larger than browsers keep, which cookie-session does not notice.
    pub fn write(&self, values: &Map<String, Value>, https: bool) -> Result<[String; 2], Error> {
        let json = serde_json::to_vec(values).unwrap_or_default();
        let value = STANDARD.encode(json);
        let bytes = self.name.len() + value.len();
        if bytes > MOST {
            return Err(Error::CookieTooLarge { bytes, most: MOST });
        }
        Ok(self.lines(&value, None, https))
    }

    /// The lines by which a browser drops both.
    pub fn clear(&self, https: bool) -> [String; 2] {
        self.lines("", Some("; expires=Thu, 01 Jan 1970 00:00:00 GMT"), https)
    }

    fn lines(&self, value: &str, end: Option<&str>, https: bool) -> [String; 2] {
        let signature = self.secrets.sign_cookie(&self.name, value);
        let config = &self.cookie;
        let max_age = config
            .longest()
            .map(|age| format!("; max-age={}", age.as_secs()));
        let end = end.map(str::to_owned).or(max_age).unwrap_or_default();
        let domain = config
            .the_domain()
            .map(|domain| format!("; domain={domain}"));
        let same_site = match config.the_same_site() {
            SameSite::DangerAbsent => "",
            SameSite::Lax => "; samesite=lax",
            SameSite::Strict => "; samesite=strict",
            SameSite::None => "; samesite=none",
        };
        let secure = config.secure_over(https) == Some(true);
        let attributes = [
            "; path=",
            config.the_path(),
            &end,
            domain.as_deref().unwrap_or_default(),
            same_site,
            if secure { "; secure" } else { "" },
            if config.is_http_only() {
                "; httponly"
            } else {
                ""
            },
        ]
        .concat();
        [
            format!("{}={value}{attributes}", self.name),
            format!("{}={signature}{attributes}", self.signature),
        ]
    }
}

impl fmt::Debug for CookieSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieSession")
            .field("name", &self.name)
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}
