//! How long each target has run in all, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

/// One run of one target: a line of `fuzz/account.tsv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    date: String,
    target: String,
    /// Seconds of a processor: a clock goes on while others are served.
    worked: u64,
    executions: u64,
    /// What libFuzzer calls `cov`: edges and blocks of the code that were reached.
    reached: u64,
    found: bool,
}

impl Row {
    /// What a run of libFuzzer's says of itself.
    pub(super) fn of(target: &str, worked: u64, log: &str, found: bool) -> Self {
        let number = |after: &str| {
            let (_, rest) = log.rsplit_once(after)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Self {
            date: today(),
            target: target.to_owned(),
            worked,
            executions: number("stat::number_of_executed_units:").unwrap_or(0),
            reached: number(" cov: ").unwrap_or(0),
            found,
        }
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Self {
            date: next()?.to_owned(),
            target: next()?.to_owned(),
            worked: next()?.parse().ok()?,
            executions: next()?.parse().ok()?,
            reached: next()?.parse().ok()?,
            found: next()? == "1",
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            date,
            target,
            worked,
            executions,
            reached,
            found,
        } = self;
        let found = u8::from(*found);
        write!(
            f,
            "{date}\t{target}\t{worked}\t{executions}\t{reached}\t{found}"
        )
    }
}

/// Adds a run.
pub(super) fn add(fuzz: &Path, row: &Row) -> Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .append(true)
        .create(true)
        .open(fuzz.join("account.tsv"))?;
    Ok(writeln!(file, "{row}")?)
}

const BEGIN: &str = "<!-- account -->\n";
const END: &str = "<!-- end -->";

/// Writes the table of all runs into `fuzz/README.md`.
///
/// # Errors
///
/// When one of the files cannot be read, or the table has no place.
pub(super) fn write(fuzz: &Path, targets: &[String]) -> Result<()> {
    let rows = fs::read_to_string(fuzz.join("account.tsv")).unwrap_or_default();
    let rows: Vec<Row> = rows.lines().filter_map(Row::read).collect();
    let readme = fuzz.join("README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).context("no place for the table")?;
    let (_, after) = rest.split_once(END).context("the table has no end")?;
    let table = table(&rows, targets, |target| kept(fuzz, target));
    fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}

fn table(rows: &[Row], targets: &[String], kept: impl Fn(&str) -> (usize, u64)) -> String {
    let mut sums: BTreeMap<&str, (u64, u64, u64, usize, &str)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(&row.target).or_default();
        sum.0 += row.worked;
        sum.1 += row.executions;
        sum.2 = sum.2.max(row.reached);
        sum.3 += usize::from(row.found);
        sum.4 = sum.4.max(&row.date);
    }
    let mut table = "| target | processor time | executions | reached | kept inputs | runs that \
                     found something | last |\n|---|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for target in targets {
        let (worked, executions, reached, found, last) =
            sums.get(target.as_str()).copied().unwrap_or_default();
        let (files, bytes) = kept(target);
        let (minutes, seconds) = (worked / 60, worked % 60);
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| `{target}` | {minutes}:{seconds:02} | {} | {reached} | {files} ({} KB) | {found} | \
             {last} |",
            grouped(executions),
            bytes.div_ceil(1000)
        );
    }
    table
}

/// The files of a corpus that belong to the repository, and their bytes.
fn kept(fuzz: &Path, target: &str) -> (usize, u64) {
    let folder = fs::read_dir(fuzz.join("corpus").join(target));
    let files = folder.into_iter().flatten().flatten();
    let files = files.filter(|file| !super::corpus::is_found(&file.file_name()));
    files.fold((0, 0), |(count, bytes), file| {
        (
            count + 1,
            bytes + file.metadata().map_or(0, |about| about.len()),
        )
    })
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The day of the calendar in UTC (Howard Hinnant's `civil_from_days`).
fn today() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    date(since.as_secs() / (24 * 60 * 60))
}

fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_a_row_and_rows_a_table() {
        let log = "#2 INITED cov: 7 ft: 8 corp: 1/1b\n#9 DONE   cov: 12 ft: 40 corp: 3/9b lim: 4\n\
                   stat::number_of_executed_units: 1234567\n";
        let row = Row::of("path", 61, log, false);
        assert_eq!((row.executions, row.reached), (1_234_567, 12));
        assert_eq!(Row::read(&row.to_string()), Some(row.clone()));
        let found = Row {
            found: true,
            reached: 11,
            ..row.clone()
        };
        let table = table(&[row, found], &["path".to_owned()], |_| (3, 1500));
        let line = table.lines().last().unwrap();
        assert!(
            line.starts_with("| `path` | 2:02 | 2,469,134 | 12 | 3 (2 KB) | 1 | "),
            "{line}"
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(20_819), "2027-01-01");
    }
}
