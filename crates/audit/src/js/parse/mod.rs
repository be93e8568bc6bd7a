//! From text to the interpreter's tree; the only place that knows the parser.

mod class;
mod expr;
mod pattern;
mod stmt;

use std::sync::Arc;

use oxc_allocator::Allocator;
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use super::ir::{Expr, ExprKind, Module, Name, Span};
use crate::source::Source;

/// Deeper nesting than any person writes; a parser that recurses would run out of stack.
const MAX_BRACKETS: usize = 400;
/// The same for what nests without brackets.
const MAX_DEPTH: u32 = 1_500;

/// Reads a file.
///
/// # Errors
///
/// What the parser could not read, in a line.
pub(crate) fn parse(source: &Source) -> Result<Module, String> {
    if nests_too_deeply(source.text()) {
        return Err("it nests too deeply".to_owned());
    }
    let given = SourceType::from_path(source.path()).unwrap_or_default();
    let tries = if given.is_typescript() {
        [given, given.with_jsx(true)]
    } else {
        // Flow's types are close enough to TypeScript's to be skipped over as such.
        let script = SourceType::unambiguous().with_jsx(true);
        [script, SourceType::tsx()]
    };
    let mut reason = None;
    for source_type in tries {
        match parse_as(source, source_type) {
            Ok(module) => return Ok(module),
            Err(why) => reason = reason.or(Some(why)),
        }
    }
    Err(reason.unwrap_or_default())
}

/// The bytes of a file's comments; nothing when the parser makes no sense of it.
pub(crate) fn comments(source: &Source) -> Option<Vec<std::ops::Range<usize>>> {
    if nests_too_deeply(source.text()) {
        return None;
    }
    let given = SourceType::from_path(source.path()).unwrap_or_default();
    let given = if given.is_typescript() {
        given
    } else {
        SourceType::unambiguous().with_jsx(true)
    };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source.text(), given).parse();
    if parsed.panicked {
        return None;
    }
    let range = |span: oxc_span::Span| span.start as usize..span.end as usize;
    let comments = parsed.program.comments.iter();
    Some(comments.map(|comment| range(comment.span)).collect())
}

fn parse_as(source: &Source, source_type: SourceType) -> Result<Module, String> {
    let allocator = Allocator::default();
    let options = ParseOptions {
        allow_return_outside_function: true,
        preserve_parens: false,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(&allocator, source.text(), source_type)
        .with_options(options)
        .parse();
    if parsed.panicked || (parsed.program.body.is_empty() && parsed.diagnostics.has_errors()) {
        let first = parsed.diagnostics.first().map(|it| it.message.to_string());
        return Err(first.unwrap_or_else(|| "it is not JavaScript".to_owned()));
    }
    let mut lower = Lower::default();
    let body = lower.stmts(&parsed.program.body);
    Ok(Module {
        body,
        is_esm: lower.is_esm,
    })
}

/// Whether brackets, prefix operators or arrows pile up beyond what a person writes.
fn nests_too_deeply(text: &str) -> bool {
    let (mut depth, mut deepest, mut run, mut longest) = (0_usize, 0, 0_usize, 0);
    let (mut arrows, mut most_arrows, mut last) = (0_usize, 0, 0_u8);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'>' if last == b'=' => arrows += 1,
            b'>' => depth = depth.saturating_sub(1),
            b';' => arrows = 0,
            _ => {}
        }
        match byte {
            b'!' | b'~' | b'+' | b'-' => run += 1,
            b' ' | b'\t' => {}
            _ => run = 0,
        }
        deepest = deepest.max(depth);
        longest = longest.max(run);
        most_arrows = most_arrows.max(arrows);
        last = byte;
    }
    // `<` is also an operator, and brackets stand in texts: only what is far beyond is refused.
    deepest > MAX_BRACKETS * 10 || longest > MAX_BRACKETS * 10 || most_arrows > MAX_BRACKETS * 50
}

/// What is counted while a tree is turned into ours.
#[derive(Debug, Default)]
struct Lower {
    functions: u32,
    is_esm: bool,
    depth: u32,
}

impl Lower {
    /// The next function's number.
    fn next_function(&mut self) -> u32 {
        let id = self.functions;
        self.functions += 1;
        id
    }

    /// Whether one may go a step deeper; what is beyond is not looked at.
    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let out = work(self);
        self.depth -= 1;
        Some(out)
    }
}

fn span(at: oxc_span::Span) -> Span {
    Span {
        start: at.start,
        end: at.end,
    }
}

fn name(text: &str) -> Name {
    Arc::from(text)
}

fn opaque(at: Span, parts: Vec<Expr>) -> Expr {
    Expr {
        at,
        kind: ExprKind::Opaque(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_modules_and_types_are_read() {
        for (path, text, esm) in [
            ("a.js", "const x = require('x'); with (x) { y }", false),
            ("a.js", "return 1", false),
            ("a.mjs", "import x from 'x'; await x", true),
            ("a.ts", "const x = <any>y; export = x", true),
            ("a.tsx", "const x = <b>{y as any}</b>", false),
            ("a.js", "const f = (x: number): string => x", false),
        ] {
            let module = parse(&Source::new(path, text)).unwrap();
            assert_eq!(module.is_esm, esm, "{text}");
            assert!(!module.body.is_empty(), "{text}");
        }
        assert!(parse(&Source::new("a.js", "const = ;")).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let thread = std::thread::Builder::new().stack_size(128 << 20);
        thread.spawn(deep).unwrap().join().unwrap();
    }

    fn deep() {
        let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(parse(&Source::new("a.js", deep)).is_err());
        assert!(parse(&Source::new("a.js", format!("{}1", "!".repeat(9_000)))).is_err());
        let long = (0..5_000).map(|_| "'a'").collect::<Vec<_>>().join("+");
        assert!(parse(&Source::new("a.js", long)).is_ok());
    }
}
