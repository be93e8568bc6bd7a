#![doc = include_str!("../README.md")]

mod alike;
#[cfg(feature = "axum")]
mod axum;
mod cache_control;
mod clear_site_data;
mod config;
mod content_security_policy;
mod cross_origin_embedder_policy;
mod cross_origin_opener_policy;
mod cross_origin_resource_policy;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod headers;
mod helmet;
mod integrity_policy;
mod keyword;
mod middleware;
mod origin_agent_cluster;
mod parts;
mod permissions_policy;
mod preset;
mod public_key_pins;
mod referrer_policy;
mod removal;
mod render;
mod reporting_endpoints;
mod scope;
mod setting;
mod strict_transport_security;
mod stricter;
mod text;
mod weakening;
mod x_content_type_options;
mod x_dns_prefetch_control;
mod x_download_options;
mod x_frame_options;
mod x_permitted_cross_domain_policies;
mod x_xss_protection;

#[cfg(feature = "axum")]
pub use self::axum::{CspNonce, NoNonce};
pub use self::cache_control::CacheControl;
pub use self::clear_site_data::ClearSiteData;
pub use self::config::{HeadersConfig, Override, PathConfig};
pub use self::content_security_policy::{
    ContentSecurityPolicy, CspConfig, Directive, Keyword, Source,
};
pub use self::cross_origin_embedder_policy::CrossOriginEmbedderPolicy;
pub use self::cross_origin_opener_policy::CrossOriginOpenerPolicy;
pub use self::cross_origin_resource_policy::CrossOriginResourcePolicy;
pub use self::error::Error;
pub use self::header::Header;
pub use self::headers::{HeaderInForce, Headers};
pub use self::integrity_policy::{IntegrityDestination, IntegrityPolicy};
pub use self::middleware::{HeadersLayer, HeadersService, ResponseFuture};
pub use self::origin_agent_cluster::OriginAgentCluster;
pub use self::permissions_policy::PermissionsPolicy;
pub use self::preset::Preset;
pub use self::public_key_pins::{PublicKeyPins, PublicKeyPinsConfig};
pub use self::referrer_policy::{Referrer, ReferrerPolicy};
pub use self::render::Apart;
pub use self::reporting_endpoints::ReportingEndpoints;
pub use self::strict_transport_security::{Hsts, HstsConfig};
pub use self::weakening::Weakening;
pub use self::x_content_type_options::XContentTypeOptions;
pub use self::x_dns_prefetch_control::XDnsPrefetchControl;
pub use self::x_download_options::XDownloadOptions;
pub use self::x_frame_options::XFrameOptions;
pub use self::x_permitted_cross_domain_policies::XPermittedCrossDomainPolicies;
pub use self::x_xss_protection::XXssProtection;
