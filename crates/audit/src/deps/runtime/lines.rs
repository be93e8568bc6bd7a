//! Lines of Node.js, by <https://github.com/nodejs/Release>, as of 2026-11.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use nodejs_semver::Range;
use panoply_core::Clock;

use crate::deps::{is_past, today};

/// A line of Node.js.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) major: u64,
    /// The name it has while it is supported for long, or none.
    name: &'static str,
    /// Its last day.
    pub(super) end: Date,
}

const fn ends(major: u64, name: &'static str, end: Date) -> Line {
    Line { major, name, end }
}

/// All from 4 on; what came before them ended in 2016.
pub(super) const LINES: [Line; 24] = [
    ends(0, "", date(2016, 12, 31)),
    ends(4, "argon", date(2018, 4, 30)),
    ends(5, "", date(2016, 6, 30)),
    ends(6, "boron", date(2019, 4, 30)),
    ends(7, "", date(2017, 6, 30)),
    ends(8, "carbon", date(2019, 12, 31)),
    ends(9, "", date(2018, 6, 30)),
    ends(10, "dubnium", date(2021, 4, 30)),
    ends(11, "", date(2019, 6, 1)),
    ends(12, "erbium", date(2022, 4, 30)),
    ends(13, "", date(2020, 6, 1)),
    ends(14, "fermium", date(2023, 4, 30)),
    ends(15, "", date(2021, 6, 1)),
    ends(16, "gallium", date(2023, 9, 11)),
    ends(17, "", date(2022, 6, 1)),
    ends(18, "hydrogen", date(2025, 4, 30)),
    ends(19, "", date(2023, 6, 1)),
    ends(20, "iron", date(2026, 4, 30)),
    ends(21, "", date(2024, 6, 1)),
    ends(22, "jod", date(2027, 4, 30)),
    ends(23, "", date(2025, 6, 1)),
    ends(24, "krypton", date(2028, 4, 30)),
    ends(25, "", date(2026, 6, 1)),
    ends(26, "", date(2029, 4, 30)),
];

impl Line {
    pub(super) fn has_ended(&self, clock: &dyn Clock) -> bool {
        is_past(self.end, clock)
    }

    pub(super) fn versions(&self) -> Option<Range> {
        Range::parse(format!("{}.x", self.major)).ok()
    }
}

/// The line of a version or of a name: `v18.20.1`, `18`, `18.x`, `hydrogen`, `lts/hydrogen`.
///
/// `lts`, `lts/*`, `node` and `latest` move by themselves, and are none.
pub(super) fn line(version: &str) -> Option<&'static Line> {
    let version = version.trim().to_ascii_lowercase();
    let version = version
        .strip_prefix("lts/")
        .or_else(|| version.strip_prefix("lts-"))
        .unwrap_or(&version);
    let version = version.strip_prefix('v').unwrap_or(version);
    let is_named = |line: &&Line| !line.name.is_empty() && line.name == version;
    if let Some(line) = LINES.iter().find(is_named) {
        return Some(line);
    }
    let rest = version.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let is_whole = rest.is_empty() || rest.starts_with(['.', '-']);
    let major: u64 = version
        .strip_suffix(rest)?
        .parse()
        .ok()
        .filter(|_| is_whole)?;
    LINES.iter().find(|line| line.major == major)
}

/// The line to move to: the newest one that is already supported for long.
pub(super) fn recommended(clock: &dyn Clock) -> u64 {
    let today = today(clock);
    // That begins two and a half years before the end.
    let settled = |line: &&Line| {
        let begin = line.end.checked_sub(30.months()).ok();
        line.major.is_multiple_of(2)
            && begin
                .zip(today)
                .is_some_and(|(begin, today)| begin <= today)
    };
    let supported = LINES.iter().filter(|line| !line.has_ended(clock));
    let best = supported
        .clone()
        .filter(settled)
        .max_by_key(|line| line.major);
    let best = best.or_else(|| supported.max_by_key(|line| line.major));
    best.or_else(|| LINES.last()).map_or(0, |line| line.major)
}
