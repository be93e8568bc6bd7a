//! Who is kept out by hand: clients, networks, or everybody.

use clap::{Args, Subcommand};
use panoply_gateway::config::Span;

use super::Running;

pub(super) const MAINTENANCE_EXAMPLES: &str = "\
Examples:
  panoply maintenance on              until it is ended
  panoply maintenance on --for 30m    for so long at most; `Retry-After` says how long
  panoply maintenance off             everybody is let in again

`maintenance.allow` in panoply.toml names who is let in meanwhile, and `pages.html.503` a page of your own.";

#[derive(Debug, Args)]
pub(crate) struct MaintenanceArgs {
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(subcommand)]
    pub(crate) what: MaintenanceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceCommand {
    /// Answer everybody with 503
    #[command(aliases = ["begin", "start"])]
    On(On),
    /// Let everybody in again
    #[command(aliases = ["end", "stop"])]
    Off,
}

pub(super) const CHALLENGE_EXAMPLES: &str = "\
Examples:
  panoply challenge on              everywhere, until it is ended
  panoply challenge on --for 1h     for so long at most
  panoply challenge off             passes are asked for only below `challenge.paths`, if there are any
  panoply challenge show            where they are asked for, and how many were given

`challenge.except` and `challenge.exempt` in panoply.toml say which paths and networks are left out.";

#[derive(Debug, Args)]
pub(crate) struct ChallengeArgs {
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(subcommand)]
    pub(crate) what: ChallengeCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChallengeCommand {
    /// Give every browser a task first, and refuse whatever else asks
    #[command(aliases = ["begin", "start"])]
    On(On),
    /// Let in whoever was let in before
    #[command(aliases = ["end", "stop"])]
    Off,
    /// Print where passes are asked for
    #[command(alias = "status")]
    Show,
}

/// What holds for everybody, from now on.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// For how long, such as `10m` or `2h` [default: until it is ended]
    #[arg(long = "for", value_name = "TIME", value_parser = some_time)]
    pub(crate) time: Option<Span>,
}

pub(super) const BLOCKS_EXAMPLES: &str = "\
Examples:
  panoply blocks list                            who is blocked, by which rule, for how long
  panoply blocks release 203.0.113.9             all blocks of a client
  panoply blocks release 7f3a9c0b12d4e586        one block, by the id that the log has
  panoply blocks release --user ada              whatever keeps a user out
  panoply blocks add 203.0.113.9 --for 1d        every request of a client is refused for a day
  panoply blocks add 203.0.113.0/24              every request from a network, until it is released
  panoply blocks add $(cat list)                 of each client and network in a file
  panoply blocks release 203.0.113.0/24          the network; who is blocked in it by himself stays so";

#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(subcommand)]
    pub(crate) what: BlocksCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BlocksCommand {
    /// Print the blocks in force
    #[command(alias = "ls")]
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Lift a block and forget what was counted
    #[command(aliases = ["remove", "rm", "delete", "unblock"])]
    Release {
        /// The id of a block, the address of a client, or a network
        #[arg(value_name = "KEY", required_unless_present = "user")]
        key: Option<String>,
        /// The failed logins of a user, from wherever
        #[arg(long, value_name = "NAME", conflicts_with = "key")]
        user: Option<String>,
    },
    /// Refuse every request of clients, or of networks
    Add {
        /// A client's address (of IPv6 its /64 counts as one client), or a network, such as
        /// `203.0.113.0/24`; several, if you like
        #[arg(value_name = "ADDRESS", required = true, value_parser = crate::blocks::whom)]
        whom: Vec<crate::blocks::Whom>,
        /// For how long, such as `90s`, `1h` or `7d` [default: until it is released]
        #[arg(long = "for", value_name = "TIME", value_parser = some_time)]
        time: Option<Span>,
    },
}

/// How long a block, maintenance or the challenge lasts: a second at least.
fn some_time(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    if span.get().is_zero() {
        return Err(
            "that is no time at all: leave `--for` out, and it holds until somebody ends it"
                .to_owned(),
        );
    }
    if span.get().as_secs() == 0 {
        return Err("that is less than a second: write `1s` or more".to_owned());
    }
    Ok(span)
}
