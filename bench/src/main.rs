//! What `cargo xtask` measures, each in a process of its own: `path NAME CALLS` for instructions and
//! nanoseconds, `serve NAME` for requests a second, `grow NAME SIZE` for how a cost grows.

#![expect(clippy::print_stdout, reason = "it is read by who started it")]

mod grow;
mod paths;
mod serve;
mod services;

use anyhow::{Context as _, Result, bail};

/// The gateway's own; and one that is the same whatever the system's is.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["paths"] => {
            paths::list();
            Ok(())
        }
        ["path", name, calls] => paths::run(name, number(calls)?),
        ["serve", name] => serve::run(name),
        ["grow", name, size] => grow::run(name, number(size)?),
        _ => bail!("one of: paths, path NAME CALLS, serve NAME, grow NAME SIZE"),
    }
}

fn number(text: &str) -> Result<u32> {
    text.parse().with_context(|| format!("{text} is no number"))
}
