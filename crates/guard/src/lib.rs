#![doc = include_str!("../README.md")]

mod cookies;
mod cross_site;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hosts;
mod names;
#[cfg(test)]
mod said;

pub use cookies::{
    CookieFate, CookieFuture, CookieGuard, CookieGuardConfig, CookieGuardLayer, CookieGuardService,
    CookieRule, CookiesSeen, SameSiteWord, Unsealable,
};
pub use cross_site::{
    CrossSiteConfig, CrossSiteFuture, CrossSiteGuard, CrossSiteLayer, CrossSiteService,
    ReadableFuture, ReadableLayer, ReadableService, Verdict,
};
pub use error::Error;
pub use hosts::{HostsFuture, HostsLayer, HostsService, SiteHost};
pub use names::{Kind, kind_of};
