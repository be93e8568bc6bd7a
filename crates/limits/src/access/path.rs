//! Whether a path lies below another, in any way in which some app reads it.

use std::borrow::Cow;

use panoply_core::spelling::{
    STREAM, fold, in_latin, is_canonical, is_taken_out, sent, without_sessions,
};
use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use crate::login::is_program;

/// A path with all that lies below it, by its segments.
#[derive(Debug)]
pub(crate) struct Below(Vec<String>);

/// A path as clients spell it, or all that lies below it: that which ends with a slash.
#[derive(Debug)]
pub(crate) struct Spelled {
    literal: Box<str>,
    segments: usize,
}

/// A path that was asked for.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// Decoded, without case, parameters, and what says nothing; split by single slashes.
    text: Cow<'a, str>,
    trust: Trust,
    /// What else some app reads in it.
    others: Vec<Reading<'static>>,
}

/// How far a reading says what every app reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// All apps read the same segments, or say that there is no such path.
    Plain,
    /// Each reads the same segments as others, or those that are left when ASP.NET's sessions are taken out.
    OneOf,
    /// Some take steps, cut parts off, or do neither: any of the segments may be left, in their order.
    Doubtful,
    /// What an app makes of it nobody can say.
    None,
}

/// No app undoes more percent-encodings than these.
const ROUNDS: usize = 4;

impl Below {
    /// Nothing if apps could read the path in more than one way.
    pub(crate) fn new(path: &str) -> Option<Self> {
        let latin = in_latin(path);
        let reading = Reading::of(latin.as_deref().unwrap_or(path));
        let segments = reading.segments().map(str::to_owned).collect();
        (reading.trust == Trust::Plain).then_some(Self(segments))
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many segments it has.
    pub(crate) const fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether the path, or some app's reading of it, is this one or lies below it.
    pub(crate) fn covers(&self, asked: &Reading<'_>) -> bool {
        asked.all().any(|one| self.covers_one(one))
    }

    fn covers_one(&self, asked: &Reading<'_>) -> bool {
        let segments: SmallVec<[&str; 16]> = asked.segments().collect();
        if !asked.is_told() {
            true
        } else if asked.may_leave_out(&segments) {
            self.is_left_of(&segments)
        } else {
            self.begins(&segments)
        }
    }

    fn begins(&self, segments: &[&str]) -> bool {
        let own = self.0.iter().enumerate();
        segments.len() >= self.0.len()
            && own
                .zip(segments)
                .all(|((at, own), segment)| self.is(at, own, segment))
    }

    /// Whether leaving some of the segments out makes it: whatever steps an app takes, it does no more.
    fn is_left_of(&self, segments: &[&str]) -> bool {
        let mut segments = segments.iter();
        { self.0.iter().enumerate() }
            .all(|(at, own)| segments.any(|segment| self.is(at, own, segment)))
    }

    /// Whether a segment is the own one at this place; the last may have a format (`/admin.json`), and to Windows
    /// dots at an end are nothing.
    fn is(&self, at: usize, own: &str, segment: &str) -> bool {
        let rest = segment.strip_prefix(own);
        rest.is_some_and(|rest| match rest.strip_prefix('.') {
            Some(format) => at + 1 == self.0.len() || format.bytes().all(|byte| byte == b'.'),
            None => rest.is_empty(),
        })
    }
}

impl Spelled {
    /// Nothing if apps could read the path in more than one way.
    pub(crate) fn new(path: &str) -> Option<Self> {
        let segments = Below::new(path)?.depth();
        let literal = sent(path).into();
        Some(Self { literal, segments })
    }

    /// Whether it is, or holds, a path of so many segments with all that lies below it.
    pub(super) fn is_whole_of(&self, segments: usize) -> bool {
        self.segments <= segments && self.literal.ends_with('/')
    }

    /// Whether `path` is this one or lies below it, to every app, and by every letter of it: what only some read so
    /// is another.
    pub(super) fn is(&self, path: &str, asked: &Reading<'_>) -> bool {
        let path = sent(path);
        let is_spelled = if self.literal.ends_with('/') {
            path.starts_with(&*self.literal)
        } else {
            *path == *self.literal
        };
        is_spelled && asked.is_plain() && !asked.runs_a_program()
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let mut reading = Self::in_utf8(path);
        // What some take for letters of Latin-1, nobody takes for anything but letters.
        if let Some(latin) = in_latin(path) {
            let Reading {
                text,
                trust,
                others,
            } = Reading::in_utf8(&latin);
            let text = text.into_owned().into();
            reading.others.push(Reading::new(text, trust));
            reading.others.extend(others);
        }
        reading
    }

    const fn new(text: Cow<'a, str>, trust: Trust) -> Self {
        Self {
            text,
            trust,
            others: Vec::new(),
        }
    }

    fn in_utf8(path: &'a str) -> Self {
        if is_canonical(path) {
            return Self::new(path.into(), Trust::Plain);
        }
        let Some((one, forms)) = Self::decoded(path) else {
            return Self::anywhere();
        };
        let mut joined = forms.iter().filter(|form| has_session(form)).peekable();
        if joined.peek().is_none() {
            return one;
        }
        // Whoever hides a session in something odd hides a path, too.
        let left = joined.map(|form| {
            let bare = without_sessions(form);
            let (left, forms) = Reading::decoded(&bare)?;
            let is_told = left.is_plain() && !forms.iter().any(|form| has_session(form));
            is_told.then_some(left)
        });
        match left.collect() {
            Some(others) if one.is_plain() => Self {
                trust: Trust::OneOf,
                others,
                ..one
            },
            _ => Self::anywhere(),
        }
    }

    /// What is read in a path if no session is taken out, and the forms that it comes in until then.
    fn decoded(path: &str) -> Option<(Reading<'static>, [Cow<'_, str>; 3])> {
        let (decoded, trust) = decoded(path);
        let folded = fold(&decoded);
        (trust != Trust::None).then(|| {
            let reading = Reading::split(&folded, trust);
            (reading, [path.into(), decoded.into(), folded.into()])
        })
    }

    /// The segments of a path that is decoded, without case.
    fn split(folded: &str, trust: Trust) -> Reading<'static> {
        // To Windows what stands at an end is nothing, in any order.
        let is_nothing = |c: char| c == '.' || c.is_whitespace();
        // And some drop what they cannot show or do not know, wherever it stands.
        let is_step = |segment: &str| {
            let mut chars = segment.chars();
            segment.matches('.').count() > 1 && chars.all(|c| c == '.' || !c.is_ascii_graphic())
        };
        let doubtful = trust == Trust::Doubtful
            || folded.contains(['\\', ';', '?', '#'])
            || folded.contains("//")
            || folded.contains(STREAM)
            || folded.split('/').any(is_step);
        let mut text = String::with_capacity(folded.len());
        for segment in folded.split(['/', '\\']) {
            let segment = segment.split([';', '?', '#']).next().unwrap_or("");
            // Before its streams, a folder's name is that of the folder.
            let segment = match segment.split_once(':') {
                Some((name, _)) if segment.contains(STREAM) => name.trim(),
                _ => segment.trim(),
            };
            // Nothing is left of a step.
            text.push('/');
            text.push_str(segment.trim_end_matches(is_nothing));
        }
        // What was cut off may have hidden a step.
        let trust = if doubtful {
            Trust::Doubtful
        } else {
            Trust::Plain
        };
        Reading::new(text.into(), trust)
    }

    /// One that some app may read as any path.
    pub(super) const fn anywhere() -> Self {
        Self::new(Cow::Borrowed(""), Trust::None)
    }

    /// The same, where it stands in something that apps do not all read alike.
    pub(super) fn doubted(mut self) -> Self {
        if self.trust == Trust::OneOf {
            return Self::anywhere();
        }
        let others = self.others.iter_mut().map(|other| &mut other.trust);
        for trust in std::iter::once(&mut self.trust).chain(others) {
            if matches!(trust, Trust::Plain | Trust::OneOf) {
                *trust = Trust::Doubtful;
            }
        }
        self
    }

    /// It, and what else some app reads.
    pub(super) fn all(&self) -> impl Iterator<Item = &Reading<'_>> {
        std::iter::once(self as &Reading<'_>).chain(&self.others)
    }

    /// Whether anybody can say what an app makes of it.
    pub(super) fn is_told(&self) -> bool {
        self.trust != Trust::None
    }

    /// Whether an app may leave out any of its segments, which these are.
    pub(super) fn may_leave_out(&self, segments: &[&str]) -> bool {
        // What follows a program (`/index.php/admin`) is a path as well, to the program.
        let has_program = { segments.split_last() }
            .is_some_and(|(_, before)| before.iter().any(|segment| is_program(segment)));
        has_program || self.trust == Trust::Doubtful
    }

    /// Whether all apps read the same segments, or say that there is no such path.
    pub(crate) fn is_plain(&self) -> bool {
        self.trust == Trust::Plain
    }

    /// Whether a program stands behind so many segments, and a path of its own behind that, even if it is empty.
    pub(crate) fn has_program_behind(&self, segments: usize) -> bool {
        let mut rest = self.segments().skip(segments).peekable();
        let has_slash = self.text.ends_with('/');
        std::iter::from_fn(|| rest.next().filter(|_| has_slash || rest.peek().is_some()))
            .any(is_program)
    }

    /// Whether a program stands before a slash: what follows is a path of its own to it, even if that is empty.
    pub(super) fn runs_a_program(&self) -> bool {
        let before = self.text.rsplit_once('/').map_or("", |(before, _)| before);
        before.split('/').any(is_program)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        let segments = self.text.split('/');
        segments.filter(|segment| !segment.is_empty())
    }
}

/// Whether some app may read steps in a path (`..`, in whatever spelling), or what may be one: to an app that is asked for
/// a part of it, it could mean what is not below that.
///
/// ```
/// use panoply_limits::may_take_steps;
///
/// assert!(may_take_steps("/api/x/%2e%2e/token") && may_take_steps("/api/..;/token"));
/// assert!(!may_take_steps("/api/v1.2//a%2Fb;c/.well-known/x..y"));
/// assert!(!may_take_steps("/api/\u{410}.\u{421}.\u{41f}\u{443}\u{448}/\u{65e5}.\u{672c}"));
/// ```
pub fn may_take_steps(path: &str) -> bool {
    if is_canonical(path) {
        return false;
    }
    let (decoded, trust) = decoded(path);
    // Some drop what nobody sees.
    let is_unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
            || matches!(c, '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
    };
    let is_step = |segment: &str| {
        let segment = segment.split([';', '?', '#', ':']).next().unwrap_or("");
        segment.contains('.') && segment.chars().all(|c| c == '.' || is_unseen(c))
    };
    // Who encodes so often wants something.
    let is_hidden = Cow::from(percent_decode_str(&decoded)) != decoded.as_bytes();
    // No browser sends a backslash, and to some apps it is a slash.
    path.contains('\\')
        || trust == Trust::None
        || is_hidden
        || has_session(path)
        || has_session(&decoded)
        || fold(&decoded).split(['/', '\\']).any(is_step)
}

/// A path without percent-encodings, however often it has them.
fn decoded(path: &str) -> (String, Trust) {
    let mut text = path.to_owned();
    let mut trust = Trust::Plain;
    for round in 0..ROUNDS {
        let bytes: Cow<'_, [u8]> = percent_decode_str(&text).into();
        let overlong = |pair: &[u8]| {
            matches!(
                pair,
                [0xC0 | 0xC1, 0x80..=0xBF] | [0xE0, 0x80..=0x9F] | [0xF0, 0x80..=0x8F]
            )
        };
        // Some cut at the zero, some take control characters out, some take `%c0%af` for a slash; and IIS takes
        // `%u002f` for one, or for what it holds to look like one.
        let is_odd = bytes.windows(2).any(overlong) || bytes.iter().any(u8::is_ascii_control);
        if is_odd || text.as_bytes().windows(6).any(is_wide) {
            return (String::new(), Trust::None);
        }
        let next = String::from_utf8_lossy(&bytes).into_owned();
        if next == text {
            break;
        }
        if round > 0 {
            // Decoded once more, a session that an app has taken out by then may not look like one.
            if has_session(&text) {
                return (String::new(), Trust::None);
            }
            trust = Trust::Doubtful;
        }
        text = next;
    }
    (text, trust)
}

/// Whether ASP.NET may take a part of a path for a session.
fn has_session(path: &str) -> bool {
    path.contains('(') && path.split(['/', '\\']).any(is_taken_out)
}

/// Whether it is a percent-encoding as browsers' `escape` makes it, and IIS undoes it: `%u0061`.
fn is_wide(encoded: &[u8]) -> bool {
    matches!(encoded, [b'%', b'u' | b'U', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit))
}
