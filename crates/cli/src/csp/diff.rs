//! What would change in a file, line by line.

use std::fmt::Write as _;

/// Lines around a change.
const AROUND: usize = 2;

/// Beyond as many lines in the changed part, one part is shown in place of the other.
const LONGEST: usize = 2000;

/// The changed lines with a few around them, `-` before what goes and `+` before what comes.
pub(super) fn diff(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = |lines: &[&str]| lines.get(head..).unwrap_or_default().len();
    let tail = old.iter().rev().zip(new.iter().rev());
    let tail = tail.take_while(|(a, b)| a == b).count();
    let tail = tail.min(rest(&old)).min(rest(&new));
    let part = |lines: &[&'_ str]| -> Vec<String> {
        let end = lines.len() - tail;
        let part = lines.get(head..end).unwrap_or_default();
        part.iter().map(|line| (*line).to_owned()).collect()
    };
    let (gone, come) = (part(&old), part(&new));
    let mut text = String::new();
    // Writing to a string does not fail.
    let mut line = |mark: char, line: &str| {
        let _ = writeln!(text, "{mark} {line}");
    };
    for one in old
        .get(head.saturating_sub(AROUND)..head)
        .unwrap_or_default()
    {
        line(' ', one);
    }
    for (mark, one) in changes(&gone, &come) {
        line(mark, one);
    }
    let end = old.len() - tail;
    let until = (end + AROUND).min(old.len());
    for one in old.get(end..until).unwrap_or_default() {
        line(' ', one);
    }
    text
}

/// By the longest lines in common.
fn changes<'a>(gone: &'a [String], come: &'a [String]) -> Vec<(char, &'a str)> {
    let all = |mark, lines: &'a [String]| lines.iter().map(move |line| (mark, line.as_str()));
    if gone.len() > LONGEST || come.len() > LONGEST {
        return all('-', gone).chain(all('+', come)).collect();
    }
    let columns = come.len() + 1;
    let mut common = vec![0_u32; (gone.len() + 1) * columns];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * columns + j).copied().unwrap_or(0);
    for (i, a) in gone.iter().enumerate().rev() {
        for (j, b) in come.iter().enumerate().rev() {
            let length = if a == b {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(place) = common.get_mut(i * columns + j) {
                *place = length;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut changes = Vec::new();
    loop {
        match (gone.get(i), come.get(j)) {
            (Some(a), Some(b)) if a == b => {
                changes.push((' ', a.as_str()));
                i += 1;
                j += 1;
            }
            (Some(a), Some(_)) if at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                changes.push(('-', a.as_str()));
                i += 1;
            }
            (_, Some(b)) => {
                changes.push(('+', b.as_str()));
                j += 1;
            }
            (Some(a), None) => {
                changes.push(('-', a.as_str()));
                i += 1;
            }
            (None, None) => return changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_shown() {
        let before = "a\nb\nc\nd\ne\nf\n";
        assert_eq!(
            diff(before, "a\nb\nc\nX\ne\nf\n"),
            "  b\n  c\n- d\n+ X\n  e\n  f\n"
        );
        assert_eq!(diff("", "x\ny\n"), "+ x\n+ y\n");
        assert_eq!(
            diff("a\nb\nc\n", "a\nX\nb\nY\nc\n"),
            "  a\n+ X\n  b\n+ Y\n  c\n"
        );
        assert_eq!(diff("a\na\n", "a\na\na\n"), "  a\n  a\n+ a\n");
        assert_eq!(diff("x\n", "x\n"), "  x\n");
    }
}
