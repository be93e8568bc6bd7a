//! The headers that a configuration can speak of.

use http::HeaderName;

use crate::keyword::keywords;

keywords! {
    /// A header that a policy is sent in; each has a key of its own below `[headers]`, its name in
    /// small letters. In the order in which they are sent.
    pub enum Header, "a header or a key of this table" {
        /// See [`CspConfig`](crate::CspConfig).
        ContentSecurityPolicy = "content-security-policy",
        /// A second policy that only reports.
        ContentSecurityPolicyReportOnly = "content-security-policy-report-only",
        /// See [`CrossOriginEmbedderPolicy`](crate::CrossOriginEmbedderPolicy).
        CrossOriginEmbedderPolicy = "cross-origin-embedder-policy",
        /// The same, only reported.
        CrossOriginEmbedderPolicyReportOnly = "cross-origin-embedder-policy-report-only",
        /// See [`CrossOriginOpenerPolicy`](crate::CrossOriginOpenerPolicy).
        CrossOriginOpenerPolicy = "cross-origin-opener-policy",
        /// The same, only reported.
        CrossOriginOpenerPolicyReportOnly = "cross-origin-opener-policy-report-only",
        /// See [`CrossOriginResourcePolicy`](crate::CrossOriginResourcePolicy).
        CrossOriginResourcePolicy = "cross-origin-resource-policy",
        /// See [`OriginAgentCluster`](crate::OriginAgentCluster).
        OriginAgentCluster = "origin-agent-cluster",
        /// See [`ReferrerPolicy`](crate::ReferrerPolicy).
        ReferrerPolicy = "referrer-policy",
        /// See [`HstsConfig`](crate::HstsConfig).
        StrictTransportSecurity = "strict-transport-security",
        /// See [`XContentTypeOptions`](crate::XContentTypeOptions).
        XContentTypeOptions = "x-content-type-options",
        /// See [`XDnsPrefetchControl`](crate::XDnsPrefetchControl).
        XDnsPrefetchControl = "x-dns-prefetch-control",
        /// See [`XDownloadOptions`](crate::XDownloadOptions).
        XDownloadOptions = "x-download-options",
        /// See [`XFrameOptions`](crate::XFrameOptions).
        XFrameOptions = "x-frame-options",
        /// See [`XPermittedCrossDomainPolicies`](crate::XPermittedCrossDomainPolicies).
        XPermittedCrossDomainPolicies = "x-permitted-cross-domain-policies",
        /// See [`XXssProtection`](crate::XXssProtection).
        XXssProtection = "x-xss-protection",
        /// See [`PermissionsPolicy`](crate::PermissionsPolicy).
        PermissionsPolicy = "permissions-policy",
        /// See [`ReportingEndpoints`](crate::ReportingEndpoints).
        ReportingEndpoints = "reporting-endpoints",
        /// See [`CacheControl`](crate::CacheControl).
        CacheControl = "cache-control",
        /// See [`IntegrityPolicy`](crate::IntegrityPolicy).
        IntegrityPolicy = "integrity-policy",
        /// The same, only reported.
        IntegrityPolicyReportOnly = "integrity-policy-report-only",
        /// See [`PublicKeyPinsConfig`](crate::PublicKeyPinsConfig).
        PublicKeyPins = "public-key-pins",
    }
}

impl Header {
    /// The name as it is sent.
    pub(crate) const fn name(self) -> HeaderName {
        use http::header as standard;
        match self {
            Self::ContentSecurityPolicy => standard::CONTENT_SECURITY_POLICY,
            Self::ContentSecurityPolicyReportOnly => standard::CONTENT_SECURITY_POLICY_REPORT_ONLY,
            Self::ReferrerPolicy => standard::REFERRER_POLICY,
            Self::StrictTransportSecurity => standard::STRICT_TRANSPORT_SECURITY,
            Self::XContentTypeOptions => standard::X_CONTENT_TYPE_OPTIONS,
            Self::XDnsPrefetchControl => standard::X_DNS_PREFETCH_CONTROL,
            Self::XFrameOptions => standard::X_FRAME_OPTIONS,
            Self::XXssProtection => standard::X_XSS_PROTECTION,
            Self::CacheControl => standard::CACHE_CONTROL,
            other => HeaderName::from_static(other.as_str()),
        }
    }
}
