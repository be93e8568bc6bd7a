//! The project's own tasks: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to whoever runs it"
)]

mod bench;
mod budget;
mod check;
mod conformance;
mod dist;
mod docs;
mod fuzz;
mod install;
mod redis_server;
mod siege;
mod soak;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The gateway's own, so that what is measured beside it has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs everything that must hold before a change lands, and installs what it needs.
    Test(check::Options),
    /// Runs the fuzz targets, each for a while.
    Fuzz(fuzz::Options),
    /// Counts the instructions of the hot paths and holds them to budget.toml.
    Budget(budget::Options),
    /// Builds the program that is distributed, optimised by its profile: target/dist/panoply.
    Dist(dist::Options),
    /// Measures beside named peers, in one run; writes docs/benchmarks.md.
    Bench(bench::Options),
    /// Besieges a gateway with all hostile clients of the tests; writes docs/hostile.md.
    Siege(siege::Options),
    /// Loads a gateway with everything at once and looks for leaks; writes docs/hostile.md.
    Soak(soak::Options),
    /// The memory that a key takes, which `bench` measures.
    #[command(hide = true)]
    BytesAKey {
        /// Whose.
        store: bench::limits::Store,
    },
    /// A proxy of hyper alone, which `bench` measures.
    #[command(hide = true)]
    BareProxy(bench::bare::Options),
    /// Answers the recorded cases of other projects and compares.
    Conformance {
        /// The folder with the cases; the project's own by default.
        dir: Option<PathBuf>,
        /// Names each adapted case and what we do instead.
        #[arg(long)]
        list_adapted: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(options) => check::run(&root(), options),
        Task::Fuzz(options) => fuzz::run(&root(), &options),
        Task::Budget(options) => budget::run(&root(), &options),
        Task::Dist(options) => dist::run(options),
        Task::Bench(options) => bench::run(options),
        Task::Siege(options) => siege::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::BytesAKey { store } => bench::limits::bytes_a_key(store),
        Task::BareProxy(options) => bench::bare::run(options),
        Task::Conformance { dir, list_adapted } => {
            let dir = dir.unwrap_or_else(|| root().join("conformance"));
            conformance::run(&dir, list_adapted)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
