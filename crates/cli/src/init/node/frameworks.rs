//! The frameworks that are known, and how what they build is started where no script says it.

use super::Package;

/// A framework: the package that tells it, and how it is called.
pub(super) type Framework = (&'static str, &'static str);

/// Frameworks by package, those that stand on others first.
pub(super) const FRAMEWORKS: [Framework; 13] = [
    ("next", "Next.js"),
    ("nuxt", "Nuxt"),
    ("@nestjs/core", "NestJS"),
    ("@sveltejs/kit", "SvelteKit"),
    ("@react-router/node", "React Router"),
    ("@remix-run/node", "Remix"),
    ("astro", "Astro"),
    ("fastify", "Fastify"),
    ("koa", "Koa"),
    ("@hapi/hapi", "hapi"),
    ("hono", "Hono"),
    ("restify", "restify"),
    ("express", "Express"),
];

/// Those that are needed to build alone, and so among what is needed to develop.
pub(super) const TO_BUILD: [Framework; 2] = [("@sveltejs/kit", "SvelteKit"), ("vite", "Vite")];

/// Whether it writes scripts into its pages, which a policy without a nonce or a hash refuses.
pub(super) fn writes_scripts(label: &str) -> bool {
    matches!(
        label,
        "Next.js" | "Nuxt" | "SvelteKit" | "React Router" | "Remix" | "Astro" | "Vite"
    )
}

impl Package<'_> {
    /// The command that starts what the framework builds, and what is to be known of it.
    pub(super) fn built(&self) -> Option<(Vec<String>, &'static str)> {
        let node = |path: &str| vec!["node".to_owned(), path.to_owned()];
        let after_build = "What its `build` script writes; run that first.";
        match self.label {
            "Nuxt" => Some((node(".output/server/index.mjs"), after_build)),
            "SvelteKit" if self.needs("@sveltejs/adapter-node") => {
                Some((node("build"), after_build))
            }
            "Astro" if self.needs("@astrojs/node") => {
                Some((node("dist/server/entry.mjs"), after_build))
            }
            "Vite" | "SvelteKit" => {
                let server = "exec npx vite --host 127.0.0.1 --port $PORT";
                let command = ["sh", "-c", server].map(str::to_owned).to_vec();
                Some((
                    command,
                    "This is Vite's server to develop with. What it builds is served by a server of files, or \
                     by an adapter for Node.",
                ))
            }
            _ => None,
        }
    }

    /// Whether it compares the origin of a form with the scheme by which it is asked, and takes no proxy's
    /// word: a server of its own may do so.
    pub(super) fn takes_http(&self) -> bool {
        let serves = |script: &str| script.contains("react-router-serve");
        self.label == "React Router" && self.script("start").is_some_and(serves)
    }

    /// Whether a package is needed, to run or to build.
    fn needs(&self, name: &str) -> bool {
        ["dependencies", "devDependencies"].iter().any(|list| {
            self.json
                .get(*list)
                .is_some_and(|list| list.get(name).is_some())
        })
    }
}
