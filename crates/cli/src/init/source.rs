//! Hints in JavaScript and TypeScript sources: the port, proxies, helmet.
//!
//! A reader of source, not a parser: it looks for how these things are nearly always written, and
//! says nothing rather than something wrong.

use super::app::Port;

/// How many places that look alike are looked at: each may have all of the file looked through.
const MOST_PLACES: usize = 20;

/// The longest list of names that is taken for one.
const LONGEST_LIST: usize = 2000;

/// `text` without comments, so that what is commented out does not count.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        let mut skip = c.len_utf8();
        match (quote, c) {
            (None, '/') if rest.starts_with("//") => {
                skip = rest.find('\n').unwrap_or(rest.len());
            }
            (None, '/') if rest.starts_with("/*") => {
                skip = rest.find("*/").map_or(rest.len(), |end| end + 2);
                code.push(' ');
            }
            (None, '"' | '\'' | '`') => {
                quote = Some(c);
                code.push(c);
            }
            (Some(_), '\\') => {
                skip += rest
                    .get(1..)
                    .and_then(|r| r.chars().next())
                    .map_or(0, char::len_utf8);
                code.push_str(rest.get(..skip).unwrap_or_default());
            }
            (Some(open), _) => {
                // A quote in a regular expression must not swallow the rest of the file.
                if c == open || (c == '\n' && open != '`') {
                    quote = None;
                }
                code.push(c);
            }
            (None, _) => code.push(c),
        }
        rest = rest.get(skip..).unwrap_or_default();
    }
    code
}

/// Where the app listens.
pub(super) fn port(code: &str) -> Option<Port> {
    const TOLD: [&str; 5] = ["env.PORT", "['PORT']", "[\"PORT\"]", "('PORT'", "(\"PORT\""];
    let told = TOLD.iter().filter_map(|way| {
        let (_, after) = code.split_once(way)?;
        (!after.starts_with(is_word)).then_some(after)
    });
    if let Some(after) = told.min_by_key(|after| std::cmp::Reverse(after.len())) {
        let line = after.split(['\n', ';']).next().unwrap_or_default();
        let other = line.split_once("||").or_else(|| line.split_once("??"));
        return Some(Port::Told(other.and_then(|(_, other)| number(other))));
    }
    if let Some(told) = destructured(code) {
        return Some(told);
    }
    code.match_indices(".listen(")
        .take(MOST_PLACES)
        .filter_map(|(at, call)| code.get(at + call.len()..))
        .find_map(|argument| listened(code, argument))
        .map(Port::Fixed)
}

/// What an Express, Fastify or Koa app is told about proxies, as it is written.
pub(super) fn trust_proxy(code: &str) -> Option<String> {
    let set = ["'trust proxy'", "\"trust proxy\""]
        .iter()
        .find_map(|name| {
            let (before, after) = code.split_once(name)?;
            if before.trim_end().ends_with("disable(") {
                return Some("false".into());
            }
            match after.trim_start().strip_prefix(',') {
                Some(value) => until(value, &[')', '\n', ';']),
                None => before
                    .trim_end()
                    .ends_with("enable(")
                    .then(|| "true".into()),
            }
        });
    set.or_else(|| {
        let (_, after) = code.split_once("trustProxy")?;
        until(
            after.trim_start().strip_prefix(':')?,
            &[',', '}', '\n', ')'],
        )
    })
    .or_else(|| {
        let koa = code.contains("app.proxy = true") || code.contains("Koa({ proxy: true");
        koa.then(|| "true".into())
    })
}

/// `const { PORT = 3000 } = process.env`, with the default that stands there.
fn destructured(code: &str) -> Option<Port> {
    let assigned = code.match_indices("process.env").filter_map(|(at, _)| {
        let before = code
            .get(..at)?
            .trim_end()
            .strip_suffix('=')?
            .trim_end()
            .strip_suffix('}')?;
        let near = before.floor_char_boundary(before.len().saturating_sub(LONGEST_LIST));
        let before = before.get(near..)?;
        before.get(before.rfind('{')? + 1..)
    });
    assigned.take(MOST_PLACES).find_map(|names| {
        names.split(',').find_map(|name| {
            let after = name.trim().strip_prefix("PORT")?;
            let default = after
                .split_once('=')
                .and_then(|(_, default)| number(default));
            (!after.starts_with(is_word)).then_some(Port::Told(default))
        })
    })
}

/// The port in `listen(3000`, `listen({ port: 3000`, or `listen(port` after `port = 3000`.
fn listened(code: &str, argument: &str) -> Option<u16> {
    let argument = argument.trim_start();
    let argument = match argument.strip_prefix('{') {
        Some(options) => {
            let options = options.split('}').next()?;
            let at = options.find("port")?;
            let after = options.get(at + "port".len()..)?.trim_start();
            after.strip_prefix(':').unwrap_or("port")
        }
        None => argument,
    };
    number(argument).or_else(|| {
        let argument = argument.trim_start();
        let end = argument.find(|c| !is_word(c)).unwrap_or(argument.len());
        assigned(code, argument.get(..end)?)
    })
}

/// The number that is assigned to `name` somewhere.
fn assigned(code: &str, name: &str) -> Option<u16> {
    if name.is_empty() {
        return None;
    }
    code.match_indices(name).find_map(|(at, _)| {
        if code.get(..at)?.ends_with(is_word) {
            return None;
        }
        let after = code.get(at + name.len()..)?.trim_start();
        let after = after.strip_prefix(": number").unwrap_or(after).trim_start();
        number(after.strip_prefix('=')?)
    })
}

/// The port at the start of `text`, quoted or not, and nothing but digits.
fn number(text: &str) -> Option<u16> {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, after) = text.split_at(end);
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    (!after.starts_with(|c: char| is_word(c) || c == '.')).then_some(port)
}

fn until(text: &str, ends: &[char]) -> Option<String> {
    let value = text.split(ends).next()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Port::{Fixed, Told},
        *,
    };

    #[test]
    fn ports_and_proxies_are_read_from_sources() {
        let port = |code: &str| port(&code_only(code));
        assert_eq!(port("app.listen(process.env.PORT)"), Some(Told(None)));
        assert_eq!(
            port("const p = process.env.PORT ?? '3000';"),
            Some(Told(Some(3000)))
        );
        assert_eq!(
            port("Number(process.env[\"PORT\"]) || 8080"),
            Some(Told(Some(8080)))
        );
        assert_eq!(
            port("await app.listen(config.get('PORT'))"),
            Some(Told(None))
        );
        assert_eq!(
            port("const { A, PORT = 5000 } = process.env"),
            Some(Told(Some(5000)))
        );
        assert_eq!(
            port("const {PORTAL} = process.env; app.listen(80)"),
            Some(Fixed(80))
        );
        assert_eq!(
            port("env.PORTAL; const PORT: number = 3001\napp.listen(PORT)"),
            Some(Fixed(3001))
        );
        assert_eq!(
            port("app.listen({ port: 3002, host: 'x' })"),
            Some(Fixed(3002))
        );
        assert_eq!(
            port("const port = '3003'; app.listen({ port })"),
            Some(Fixed(3003))
        );
        assert_eq!(
            port("// app.listen(1)\n/* app.listen(2) */ 'http://x'; a.listen(3)"),
            Some(Fixed(3))
        );
        assert_eq!(port("/['\"]/; x\n.listen(3004) // it's"), Some(Fixed(3004)));
        assert_eq!(port("app.listen(99999); app.listen(0); x.listen(cb)"), None);

        assert_eq!(trust_proxy("app.set('trust proxy', 1);").unwrap(), "1");
        assert_eq!(
            trust_proxy("app.set(\"trust proxy\", ['a', 'b'])").unwrap(),
            "['a', 'b']"
        );
        assert_eq!(trust_proxy("app.enable('trust proxy')").unwrap(), "true");
        assert_eq!(trust_proxy("app.disable('trust proxy')").unwrap(), "false");
        assert_eq!(
            trust_proxy("fastify({ trustProxy: true, x })").unwrap(),
            "true"
        );
        assert_eq!(trust_proxy("app.get('trust proxy')"), None);
    }

    proptest! {
        #[test]
        fn any_source_is_read(code: String) {
            let code = code_only(&code);
            let _ = (port(&code), trust_proxy(&code));
        }

        #[test]
        fn hints_in_odd_places_are_read(
            parts in prop::collection::vec(prop::sample::select(vec![
                "process.env", "PORT", ".listen(", "{", "}", "port", ":", "=", "'", "\"", "\\", "é", "//",
                "/*", "*/", "\n", "3000", "'trust proxy'", ",", "trustProxy", "enable(", "`", "env.PORT", "||",
            ]), 0..30),
        ) {
            let code = code_only(&parts.concat());
            let _ = (port(&code), trust_proxy(&code));
        }
    }
}
