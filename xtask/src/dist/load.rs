//! The loads: wrk with a script of what visitors ask for, and h2load.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::root;

const VISITS: &str = "xtask/src/dist/visits.lua";

/// What came of a load.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) asked: u64,
    /// With 400 or more.
    pub(super) refused: u64,
}

/// How many were asked for; nearly all must have been answered, one in a hundred being not there.
pub(super) fn few(Count { asked, refused }: &Count) -> Result<u64> {
    ensure!(
        refused * 20 <= *asked,
        "{refused} of {asked} requests were refused"
    );
    Ok(*asked)
}

/// wrk with so many connections, for some seconds.
pub(super) fn visit(url: &str, connections: u32, seconds: u32, how: &[&str]) -> Result<Count> {
    let output = Command::new("wrk")
        .args(["-t2", "--timeout", "20s"])
        .args([format!("-c{connections}"), format!("-d{seconds}s")])
        .arg("-s")
        .arg(root().join(VISITS))
        .args([url, "--"])
        .args(how)
        .stdin(Stdio::null())
        .output()
        .context("wrk cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    read(&said).with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("wrk measured nothing: {said}{errors}")
    })
}

/// What wrk says.
fn read(said: &str) -> Option<Count> {
    let asked = said.lines().find(|line| line.contains(" requests in "))?;
    let asked = asked.split_whitespace().next()?.parse().ok()?;
    let refused = { said.lines() }.find_map(|line| {
        let (_, number) = line.split_once("Non-2xx or 3xx responses:")?;
        number.trim().parse().ok()
    });
    (asked > 0).then_some(Count {
        asked,
        refused: refused.unwrap_or(0),
    })
}

/// h2load, ten streams at once on each of 16 connections; how many were answered.
pub(super) fn http2(
    url: &str,
    pages: &[&str],
    cookies: &str,
    seconds: u32,
    more: &[&str],
) -> Result<u64> {
    let mut command = Command::new("h2load");
    command.args(["-t1", "-c16", "-m10", &format!("-D{seconds}")]);
    for header in [
        "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-language: en-GB,en;q=0.9,de;q=0.7",
        "accept-encoding: gzip, deflate, br, zstd",
        "content-type: application/x-www-form-urlencoded",
        "sec-fetch-dest: document",
        "sec-fetch-mode: navigate",
        "sec-fetch-site: same-origin",
        // Of the files alone; what else there is has no version.
        "if-none-match: \"v1\"",
        &format!("cookie: {cookies}"),
    ] {
        command.args(["-H", header]);
    }
    command.args(more);
    command.args(pages.iter().map(|page| format!("{url}{page}")));
    let output = command.stdin(Stdio::null()).output();
    let output = output.context("h2load cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let answered = answered(&said);
    answered.with_context(|| format!("{pages:?} by HTTP/2 are not all answered: {said}"))
}

/// What h2load says was answered, when nothing was refused.
fn answered(said: &str) -> Option<u64> {
    let codes = { said.lines() }.find_map(|line| line.strip_prefix("status codes:"))?;
    let (well, badly) = codes.split_once(" 3xx, ")?;
    let (well, known) = well.split_once(" 2xx, ")?;
    let well: u64 = well.trim().parse().ok()?;
    let known: u64 = known.parse().ok()?;
    (well > 0 && badly == "0 4xx, 0 5xx").then_some(well + known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 8s test @ http://127.0.0.1:1/\n  2 threads and 64 connections\n  \
            12034 requests in 8.01s, 61.22MB read\n  Non-2xx or 3xx responses: 130\n\
            Requests/sec:   1502.37\n";
        let count = read(said).unwrap();
        assert_eq!((count.asked, count.refused), (12_034, 130));
        few(&count).unwrap();
        let all_well = said.replace("  Non-2xx or 3xx responses: 130\n", "");
        assert_eq!(read(&all_well).unwrap().refused, 0);
        let many = read(&said.replace(": 130", ": 1300")).unwrap();
        assert!(few(&many).is_err());
        for nothing in [
            "",
            "unable to connect\n",
            "  0 requests in 8.01s, 0.00B read\n",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
    #[test]
    fn what_h2load_says_is_read() {
        let said = "finished in 2.00s, 7034.50 req/s, 8.11MB/s\nrequests: 14069 total, 14229 started\n\
            status codes: 12500 2xx, 1569 3xx, 0 4xx, 0 5xx\ntraffic: 16.2MB\n";
        assert_eq!(answered(said), Some(14_069));
        for wrong in [
            said.replace("0 4xx", "3 4xx"),
            said.replace("0 5xx", "10 5xx"),
            said.replace("12500 2xx", "0 2xx"),
            String::new(),
        ] {
            assert_eq!(answered(&wrong), None, "{wrong}");
        }
    }
}
