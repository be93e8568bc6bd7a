//! The setters that a site and a path have in common.

/// Writes them into an `impl` of a type with a field `settings`.
macro_rules! policy_setters {
    () => {
        /// Changes the `Content-Security-Policy`.
        #[must_use]
        pub fn csp(mut self, change: impl FnOnce(CspConfig) -> CspConfig) -> Self {
            self.settings.csp(Header::ContentSecurityPolicy, change);
            self
        }

        /// Adds a second policy that only reports, made of the preset's by these changes.
        #[must_use]
        pub fn csp_report_only(mut self, change: impl FnOnce(CspConfig) -> CspConfig) -> Self {
            self.settings
                .csp(Header::ContentSecurityPolicyReportOnly, change);
            self
        }

        /// Changes `Strict-Transport-Security`.
        #[must_use]
        pub fn hsts(mut self, change: impl FnOnce(HstsConfig) -> HstsConfig) -> Self {
            self.settings.hsts(change);
            self
        }

        /// Sends `Cross-Origin-Embedder-Policy`, which no preset does.
        #[must_use]
        pub fn embedder_policy(self, policy: CrossOriginEmbedderPolicy) -> Self {
            self.send(Header::CrossOriginEmbedderPolicy, Value::Embedder(policy))
        }

        /// Sends `Cross-Origin-Embedder-Policy-Report-Only`.
        #[must_use]
        pub fn embedder_policy_report_only(self, policy: CrossOriginEmbedderPolicy) -> Self {
            self.send(
                Header::CrossOriginEmbedderPolicyReportOnly,
                Value::Embedder(policy),
            )
        }

        /// Sets `Cross-Origin-Opener-Policy`.
        #[must_use]
        pub fn opener_policy(self, policy: CrossOriginOpenerPolicy) -> Self {
            self.send(Header::CrossOriginOpenerPolicy, Value::Opener(policy))
        }

        /// Sends `Cross-Origin-Opener-Policy-Report-Only`.
        #[must_use]
        pub fn opener_policy_report_only(self, policy: CrossOriginOpenerPolicy) -> Self {
            self.send(
                Header::CrossOriginOpenerPolicyReportOnly,
                Value::Opener(policy),
            )
        }

        /// Sets `Cross-Origin-Resource-Policy`.
        #[must_use]
        pub fn resource_policy(self, policy: CrossOriginResourcePolicy) -> Self {
            self.send(Header::CrossOriginResourcePolicy, Value::Resource(policy))
        }

        /// Sets `Origin-Agent-Cluster`.
        #[must_use]
        pub fn agent_cluster(self, cluster: OriginAgentCluster) -> Self {
            self.send(Header::OriginAgentCluster, Value::AgentCluster(cluster))
        }

        /// Sets `Referrer-Policy`.
        #[must_use]
        pub fn referrer_policy(self, policy: impl Into<ReferrerPolicy>) -> Self {
            self.send(Header::ReferrerPolicy, Value::Referrer(policy.into()))
        }

        /// Sets `X-DNS-Prefetch-Control`.
        #[must_use]
        pub fn dns_prefetch(self, control: XDnsPrefetchControl) -> Self {
            self.send(Header::XDnsPrefetchControl, Value::DnsPrefetch(control))
        }

        /// Sets `X-Frame-Options`.
        #[must_use]
        pub fn frame_options(self, options: XFrameOptions) -> Self {
            self.send(Header::XFrameOptions, Value::Frame(options))
        }

        /// Sets `X-Permitted-Cross-Domain-Policies`.
        #[must_use]
        pub fn cross_domain_policies(self, policies: XPermittedCrossDomainPolicies) -> Self {
            self.send(
                Header::XPermittedCrossDomainPolicies,
                Value::CrossDomain(policies),
            )
        }

        /// Sets `X-XSS-Protection`.
        #[must_use]
        pub fn xss_protection(self, protection: XXssProtection) -> Self {
            self.send(Header::XXssProtection, Value::Xss(protection))
        }

        /// Sends `Permissions-Policy`; what it says goes before what the preset says.
        #[must_use]
        pub fn permissions_policy(self, policy: PermissionsPolicy) -> Self {
            self.send(Header::PermissionsPolicy, Value::Permissions(policy))
        }

        /// Sends `Reporting-Endpoints`.
        #[must_use]
        pub fn reporting_endpoints(self, endpoints: ReportingEndpoints) -> Self {
            self.send(Header::ReportingEndpoints, Value::Reporting(endpoints))
        }

        /// Sends `Cache-Control` with every answer that has no stricter one.
        #[must_use]
        pub fn cache_control(self, control: CacheControl) -> Self {
            self.send(Header::CacheControl, Value::Cache(control))
        }

        /// Sends `Integrity-Policy`.
        #[must_use]
        pub fn integrity_policy(self, policy: IntegrityPolicy) -> Self {
            self.send(Header::IntegrityPolicy, Value::Integrity(policy))
        }

        /// Sends `Public-Key-Pins`, which no browser of today reads.
        #[must_use]
        pub fn public_key_pins(mut self, pins: PublicKeyPinsConfig) -> Self {
            self.settings
                .set(Header::PublicKeyPins, Setting::Pins(pins));
            self
        }

        /// Does not send `header`. The application's own stays.
        #[must_use]
        pub fn without(mut self, header: Header) -> Self {
            self.settings.set(header, Setting::Off);
            self
        }

        fn send(mut self, header: Header, value: Value) -> Self {
            self.settings.set(header, Setting::Value(value));
            self
        }
    };
}

pub(super) use policy_setters;
