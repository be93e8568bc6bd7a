//! Dates as browsers read them in `Expires` (RFC 6265bis §5.1.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The moment that a text says, in whatever order it says it; what is before 1970 is 1970.
pub(crate) fn moment(text: &[u8]) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| parts(*byte)) {
        if time.is_none() && clock(token).is_some() {
            time = clock(token);
        } else if day.is_none() && number(token, 1, 2).is_some() {
            day = number(token, 1, 2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let (time, day, month) = (time?, day?, month?);
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        year => year,
    };
    if year < 1601 {
        return None;
    }
    let (year, month, day) = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
    let date = Date::new(year.ok()?, month.ok()?, day.ok()?).ok()?;
    let seconds = date.duration_since(Date::constant(1970, 1, 1)).as_secs() + time;
    let since = u64::try_from(seconds).unwrap_or(0);
    UNIX_EPOCH.checked_add(Duration::from_secs(since))
}

fn parts(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// The number that a token begins with, if it has so many digits.
fn number(token: &[u8], least: usize, most: usize) -> Option<i64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit());
    let digits: Vec<i64> = digits.map(|byte| i64::from(byte - b'0')).collect();
    let fits = (least..=most).contains(&digits.len());
    fits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + digit))
}

/// Seconds of `hh:mm:ss`.
fn clock(token: &[u8]) -> Option<i64> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let whole = |part: &[u8]| number(part, part.len().clamp(1, 2), 2);
    let (hour, minute) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let second = number(parts.next()?, 1, 2)?;
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

fn month_of(token: &[u8]) -> Option<i64> {
    let begins = token.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| month.as_slice() == begins)?;
    i64::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_they_come() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 01-Jan-1970 00:00:01 GMT", 1),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Sun, 29 Feb 2032 23:59:59 GMT", 1_961_711_999),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Mon, 01 Jan 1601 00:00:00 GMT", 0),
            ("1 jan 00 0:0:0", 946_684_800),
        ] {
            let found = moment(text.as_bytes());
            let since = found.map(|found| found.duration_since(UNIX_EPOCH).unwrap().as_secs());
            assert_eq!(since, Some(seconds), "{text}");
        }
        for none in [
            "",
            "0",
            "-1",
            "session",
            "Thu, 01 Jan 1970",
            "Thu, 30 Feb 2030 00:00:00 GMT",
            "Thu, 01 Jan 2030 24:00:00 GMT",
            "Thu, 01 Jan 1600 00:00:00 GMT",
            "Thu, 00 Jan 2030 00:00:00 GMT",
            "00:00:00",
        ] {
            assert_eq!(moment(none.as_bytes()), None, "{none}");
        }
    }
}
