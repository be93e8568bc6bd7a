//! Any text is a configuration or an error that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_gateway::config::Source;

fuzz_target!(|text: &str| {
    match Source::new().text("panoply.toml", text).load() {
        Ok(loaded) => {
            let _ = loaded
                .config
                .headers
                .build()
                .map_err(|error| error.to_string());
            let _ = loaded
                .config
                .client
                .clone()
                .build()
                .map_err(|error| error.to_string());
            let paths: Vec<String> = loaded.set().map(|(path, _)| path.to_owned()).collect();
            for path in paths {
                let _ = loaded.error(&path, "shown").to_string();
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
