//! What an app's code says about proxies and headers, and what to do about it.

use super::frameworks::writes_scripts;
use super::{Package, Sources, version};
use crate::init::{app::App, source};

impl Package<'_> {
    pub(super) fn proxies(&self, app: &mut App, sources: &Sources) {
        let found = sources
            .iter()
            .find_map(|(file, code)| Some((file, source::trust_proxy(code)?)));
        let (name, write) = match self.label {
            "Express" | "NestJS" => ("trust proxy", "app.set('trust proxy', 1)"),
            "Fastify" => ("trustProxy", "Fastify({ trustProxy: 1 })"),
            "Koa" => ("proxy", "app.proxy = true"),
            "Astro" => {
                app.client_notes.push(
                    "Astro takes forms of its own pages for another site's until it knows its name: in \
                     astro.config.mjs write `security: { allowedDomains: [{ protocol: 'https', hostname: \
                     'shop.example' }] }`, with the `port` too if that is not 443."
                        .into(),
                );
                return;
            }
            _ => return,
        };
        let Some((file, value)) = found else {
            app.client_notes.push(format!(
                "The app believes no proxy: behind Panoply it sees 127.0.0.1 as every client's \
                 address, and HTTP where the client has HTTPS (`secure` session cookies are then \
                 not set). Write `{write}` in the app."
            ));
            return;
        };
        app.saw(file, format!("{name} is {value}"));
        let advice = match value.as_str() {
            "1" | "'loopback'" | "\"loopback\"" => {
                "right behind Panoply, which says who the client is and drops what clients claim."
            }
            "true" if self.label == "Koa" => {
                "right behind Panoply, which drops what clients claim. Keep the app's own port \
                 closed to others."
            }
            "true" => {
                "everybody is believed. Behind Panoply that is right, since it drops what clients \
                 claim; but whoever reaches the app's own port passes for anybody. 1 is safer."
            }
            "false" | "0" => "no proxy is believed. Behind Panoply it should be 1.",
            _ => {
                "see that it fits: Panoply is the one proxy that the app sees. If more stand in \
                 front of Panoply, name them here and leave 1 in the app."
            }
        };
        app.client_notes
            .push(format!("In {file}, `{name}` is {value}: {advice}"));
    }

    pub(super) fn headers(&self, app: &mut App) {
        let helmet = ["helmet", "@fastify/helmet", "koa-helmet"]
            .into_iter()
            .find_map(|name| Some((name, version(self.json, name)?)));
        if let Some((name, version)) = helmet {
            app.saw("package.json", format!("uses {name} {version}"));
            app.header_notes.push(format!(
                "The app uses {name}. Both can stay: what the app sets more strictly is kept. Or \
                 take the package out, and write its options here as `helmet`."
            ));
        }
        if writes_scripts(self.label) {
            app.header_notes.push(format!(
                "{} writes inline scripts into its pages, and `script-src 'self'` refuses those: \
                 give them a nonce, as docs/guides/{} says, or look at the log after the first \
                 pages.",
                self.label,
                if self.label == "Next.js" {
                    "nextjs.md"
                } else {
                    "javascript.md"
                }
            ));
        }
    }
}
