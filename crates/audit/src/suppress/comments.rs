//! The comments of a file that may say something to the audit.

use std::ops::Range;

use crate::js;
use crate::source::Source;

/// The bytes of each comment that has the word in it.
pub(super) fn of(source: &Source, word: &str) -> Vec<Range<usize>> {
    let text = source.text();
    if !text.contains(word) {
        return Vec::new();
    }
    let found = match Language::of(source) {
        None => return Vec::new(),
        Some(Language::Script) => js::comments(source).unwrap_or_else(|| lines(text, &SLASHES)),
        Some(Language::Slashes) => lines(text, &SLASHES),
        Some(Language::Hash) => lines(text, &HASH),
        Some(Language::Markup) => lines(text, &MARKUP),
    };
    let has = |range: &Range<usize>| text.get(range.clone()).is_some_and(|it| it.contains(word));
    found.into_iter().filter(has).collect()
}

/// How a language writes comments.
enum Language {
    /// As the parser of scripts finds them.
    Script,
    /// `//` and `/*`.
    Slashes,
    /// `#`.
    Hash,
    /// `<!--`.
    Markup,
}

const SLASHES: [&str; 2] = ["//", "/*"];
const HASH: [&str; 1] = ["#"];
const MARKUP: [&str; 1] = ["<!--"];

impl Language {
    fn of(source: &Source) -> Option<Self> {
        let path = source.path();
        let name = path.rsplit('/').next().unwrap_or(path);
        match source.extension().unwrap_or_default() {
            "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" => Some(Self::Script),
            "rs" => Some(Self::Slashes),
            "toml" | "yaml" | "yml" | "sh" | "lock" => Some(Self::Hash),
            "html" | "vue" | "svelte" => Some(Self::Markup),
            _ => {
                let hash = name.contains("Dockerfile")
                    || name.starts_with(".env")
                    || matches!(
                        name,
                        "Containerfile" | "Procfile" | ".nvmrc" | ".node-version"
                    );
                hash.then_some(Self::Hash)
            }
        }
    }
}

/// From a mark outside of quotes to the end of its line.
fn lines(text: &str, marks: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut quote = None;
        let mut escaped = false;
        for (at, c) in line.char_indices() {
            let rest = line.get(at..).unwrap_or_default();
            match quote {
                Some(_) if escaped => escaped = false,
                Some(_) if c == '\\' => escaped = true,
                Some(open) if c == open => quote = None,
                None if marks.iter().any(|mark| rest.starts_with(mark)) => {
                    found.push(start + at..start + line.trim_end().len());
                    break;
                }
                // In prose, and in Rust's lifetimes, an apostrophe opens nothing.
                None if c == '"'
                    || (c == '\'' && rest.get(1..).is_some_and(|r| r.contains('\''))) =>
                {
                    quote = Some(c);
                }
                Some(_) | None => {}
            }
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(path, text);
        let found = of(&source, "panoply-ignore");
        found
            .into_iter()
            .map(|range| text[range].to_owned())
            .collect()
    }

    #[test]
    fn only_comments_are_found() {
        let text = "const a = '// panoply-ignore x'; // panoply-ignore a\n\
            const b = `\n// panoply-ignore y\n`, c = /['\"]/; /* panoply-ignore b */ d()\n";
        let found = ["// panoply-ignore a", "/* panoply-ignore b */"];
        assert_eq!(comments("a.js", text), found);
        assert_eq!(comments("a.ts", text), found);
        assert_eq!(
            comments("a.jsx", "a = <p>{/* panoply-ignore x */}</p>"),
            ["/* panoply-ignore x */"]
        );
        // Not JavaScript at all, and still read as well as can be.
        assert_eq!(
            comments("a.js", "let let = ( // panoply-ignore a\n"),
            found[..1]
        );
        assert!(comments("notes.md", "// panoply-ignore a").is_empty());
    }

    #[test]
    fn other_languages_have_other_marks() {
        assert_eq!(
            comments(
                "src/main.rs",
                "fn f<'a>() { g(\"// panoply-ignore\") } // panoply-ignore a"
            ),
            ["// panoply-ignore a"]
        );
        for path in [
            "Cargo.toml",
            "Dockerfile",
            "api/Dockerfile.prod",
            ".env",
            "c.yml",
        ] {
            let found = comments(path, "a = \"# panoply-ignore\" # panoply-ignore a\n");
            assert_eq!(found, ["# panoply-ignore a"], "{path}");
        }
    }
}
