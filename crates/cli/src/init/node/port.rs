//! Where an app listens: the start script's word first, then the sources'.

use super::{Package, Sources};
use crate::init::{
    app::{App, Port},
    source,
};

impl Package<'_> {
    pub(super) fn port(
        &self,
        app: &mut App,
        script: Option<&str>,
        sources: &Sources,
    ) -> Option<Port> {
        if let Some(port) = script.and_then(script_port) {
            if let Port::Fixed(port) = port {
                app.saw(
                    "package.json",
                    format!("the start script sets the port {port} itself"),
                );
            }
            return Some(port);
        }
        let found = sources
            .iter()
            .find_map(|(file, code)| Some((file, source::port(code)?)));
        match found {
            Some((file, Port::Told(Some(default)))) => {
                app.saw(file, format!("listens on PORT, or {default}"));
            }
            Some((file, Port::Told(None))) => app.saw(file, "listens on PORT"),
            Some((file, Port::Fixed(port))) => {
                app.saw(file, format!("listens on {port}, whatever PORT says"));
                app.start_notes.push(format!(
                    "The app listens on {port} and does not read PORT, so Panoply cannot tell it \
                     where to listen: start it yourself. Better: write \
                     `process.env.PORT || {port}` in {file}, and then the command below instead."
                ));
            }
            // They read PORT by themselves.
            None if matches!(self.label, "Next.js" | "Nuxt") || self.takes_http() => {
                return Some(Port::Told(Some(3000)));
            }
            None => {}
        }
        found.map(|(_, port)| port)
    }
}

/// The port that a start script sets by itself: `PORT=4000 node …`, `next start -p 4000`.
fn script_port(script: &str) -> Option<Port> {
    if script.contains("$PORT") || script.contains("${PORT") {
        return Some(Port::Told(None));
    }
    let mut words = script.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word {
            "-p" | "--port" => words.next(),
            _ => word
                .strip_prefix("--port=")
                .or_else(|| word.strip_prefix("PORT=")),
        };
        if let Some(port) = value.and_then(|value| value.parse().ok()) {
            return Some(Port::Fixed(port));
        }
    }
    None
}
