//! `tls/plain-http-server`.

use super::Rules;
use super::options::{Setting, first_or_nothing};
use super::session::is_express_session;
use crate::finding::Confidence;
use crate::js::facts::{Callee, Loc};
use crate::rules::tls::PLAIN_HTTP_SERVER;

/// Files that say what stands in front of an app.
const IN_FRONT: [&str; 26] = [
    "procfile",
    "vercel.json",
    "now.json",
    "fly.toml",
    "render.yaml",
    "app.yaml",
    "nginx.conf",
    "caddyfile",
    "haproxy.cfg",
    "netlify.toml",
    "railway.json",
    "railway.toml",
    "heroku.yml",
    "app.json",
    "serverless.yml",
    "serverless.yaml",
    "traefik.yml",
    "traefik.toml",
    "ingress.yaml",
    "ingress.yml",
    "panoply.toml",
    "apprunner.yaml",
    "dokku",
    "manifest.yml",
    "kamal",
    "cloudbuild.yaml",
];

impl Rules<'_> {
    pub(super) fn servers(&mut self) {
        let serves_tls = |path: &str| {
            let packages = ["https:", "http2:createSecure", "spdy:", "greenlock"];
            packages.iter().any(|package| path.starts_with(package)) && path.contains("erver")
        };
        let tls = self.calls_of(serves_tls).next().is_some();
        let trusts = self.apps.iter().any(|app| {
            app.settings
                .iter()
                .any(|(name, ..)| &**name == "trust proxy")
        });
        if tls || trusts || self.trusting_session() || self.has_front() {
            return;
        }
        let mut plain: Vec<Loc> = Vec::new();
        let servers =
            self.calls_of(|path| path == "express().listen" || path == "http:Server().listen");
        plain.extend(servers.map(|call| call.at));
        plain.sort();
        let Some(at) = plain
            .into_iter()
            .find(|at| self.finding(&PLAIN_HTTP_SERVER, *at, "").is_some())
        else {
            return;
        };
        let message = "the app listens on plain HTTP, and nothing in the project shows what ends TLS in front of it";
        let finding = self.finding(&PLAIN_HTTP_SERVER, at, message);
        self.push(finding.map(|finding| finding.confidence(Confidence::Likely)));
    }

    /// express-session's own `proxy: true`.
    fn trusting_session(&self) -> bool {
        self.calls_of(is_express_session).any(|call| {
            let options = first_or_nothing(&call.args, call.at);
            Setting::of(self.program, &options, &["proxy"]).all(|it| it.truthy() == Some(true))
        })
    }

    /// Whether a file, or the code, shows that something stands in front.
    fn has_front(&self) -> bool {
        let file = self.project.paths().any(|path| {
            let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
            IN_FRONT.contains(&name.as_str())
                || name.starts_with("nginx")
                || path.contains(".ebextensions")
                || name.contains("caddy")
        });
        let forwarded = self.program.calls.iter().any(|call| {
            matches!(call.callee, Callee::Request(_))
                && call
                    .args
                    .first()
                    .and_then(crate::js::facts::Val::text)
                    .is_some_and(|name| name.eq_ignore_ascii_case("x-forwarded-proto"))
        });
        let package = self.program.packages.iter().any(|(name, _)| {
            matches!(
                &**name,
                "express-sslify"
                    | "express-enforces-ssl"
                    | "heroku-ssl-redirect"
                    | "serverless-http"
                    | "aws-serverless-express"
                    | "@vendia/serverless-express"
                    | "firebase-functions"
                    | "express-force-ssl"
                    | "@codegenie/serverless-express"
            )
        });
        file || forwarded || package
    }
}
