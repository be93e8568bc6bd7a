//! Whether a password is sent, by the names of the fields.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What the names of fields for passwords have in them.
const WORDS: [&[u8]; 2] = [b"pass", b"pwd"];

/// How far a name is followed from such a word: further each time would take long of a body that is made of them.
const LONGEST: usize = 128;

/// Whether what is sent has a field for a password, by its name: `password=` in a form, `"password":` in JSON,
/// `name="password"` in parts, in whatever way the name is encoded. What stands in the field is not looked at.
///
/// ```
/// use panoply_limits::sends_a_password;
///
/// assert!(sends_a_password(b"user=ada&user_pass=secret"));
/// assert!(sends_a_password(br#"{"user":"ada","p\u0061ssword":"secret"}"#));
/// assert!(!sends_a_password(b"text=my+password+is+lost"));
/// ```
pub fn sends_a_password(body: &[u8]) -> bool {
    if has_field(body) {
        return true;
    }
    let decoded = Cow::from(percent_decode(body));
    let plain = unescaped(&decoded);
    // Whatever is encoded is longer than what it stands for.
    plain.len() < body.len() && has_field(&plain)
}

/// The same of a form as it is sent. Only what stands between `&` or `;` is the name of a field: what an identity provider
/// sends in one may by chance look like a name with its `=` once all of it is decoded, as base64 in lines does.
pub(super) fn form_sends_a_password(form: &[u8]) -> bool {
    let is_password = |field: &[u8]| {
        let name = field.split(|byte| *byte == b'=').next().unwrap_or(field);
        let name = Cow::from(percent_decode(name)).to_ascii_lowercase();
        let has = |word: &&[u8]| memchr::memmem::find(&name, word).is_some();
        WORDS.iter().any(has)
    };
    has_field(&unescaped(form)) || form.split(|byte| b"&;".contains(byte)).any(is_password)
}

/// JSON's escapes of ASCII as what they stand for.
fn unescaped(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memmem::find(body, b"\\u") else {
        return body.into();
    };
    let (begin, mut rest) = body.split_at(first);
    let mut whole = begin.to_vec();
    while let Some((byte, behind)) = rest.split_first() {
        let digits = rest.strip_prefix(b"\\u").and_then(|digits| digits.get(..4));
        let escaped = digits
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (letter, taken) = match escaped {
            Some(letter) => (letter, rest.get(6..).unwrap_or_default()),
            None => (*byte, behind),
        };
        whole.push(letter);
        rest = taken;
    }
    whole.into()
}

fn has_field(body: &[u8]) -> bool {
    let begins = |rest: &[u8]| {
        let starts = |word: &&[u8]| {
            rest.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        WORDS.iter().any(starts)
    };
    // Few letters of what is sent are the one that both begin with.
    memchr::memchr2_iter(b'p', b'P', body).any(|at| {
        let (before, rest) = body.split_at(at);
        begins(rest) && is_name(before, rest)
    })
}

/// Whether `rest` goes on with the name of a field that began `before`.
fn is_name(before: &[u8], rest: &[u8]) -> bool {
    let near = before.get(before.len().saturating_sub(LONGEST)..);
    let near = near.unwrap_or_default();
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    // In a form a name stands between the end of another field, or the beginning, and its own `=`.
    let ends = rest.iter().position(|byte| b"=&;\"\n".contains(byte));
    let begins = near.iter().rposition(|byte| b"=&;\"\n{".contains(byte));
    let whole = near.len() == before.len();
    let is_first = begins.map_or(whole, |at| {
        near.get(at).is_some_and(|byte| b"&;\n".contains(byte))
    });
    let end = ends.and_then(|at| rest.get(at..)).unwrap_or_default();
    if is_first && end.starts_with(b"=") {
        return true;
    }
    // In JSON it is followed by a quote and a colon.
    if let [b'"', more @ ..] = end
        && more.trim_ascii_start().starts_with(b":")
    {
        return true;
    }
    // Of a part it stands in the line that names it.
    let line = near
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = near.get(line..).unwrap_or_default().to_ascii_lowercase();
    memchr::memmem::rfind(&line, b"name").is_some_and(|at| {
        let between = line.get(at + 4..).unwrap_or_default().trim_ascii_start();
        between.starts_with(b"=") || between.starts_with(b"*")
    }) && !line.contains(&b'&')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_told_by_the_name_of_its_field() {
        for body in [
            "user=ada&password=x",
            "_user=ada&_pass=x",
            "passwd=x",
            "login%5Bpassword%5D=x",
            "user%5Bpassword%5D=x&y=z",
            "user=ada&p%61ssword=x",
            "user=ada;pass=x",
            "user=ada&user pass=x",
            "user=ada&user+pass=x",
            "{\"user\":\"ada\",\"Password\" : \"x\"}",
            "{\"user\":\"ada\",\"p\\u0061ss\\u0077ord\":\"x\"}",
            "{\"data\":{\"wpPassword\":\"x\"}}",
            "--x\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\nx\r\n--x--",
            "--x\r\nContent-Disposition: form-data;\r\n NAME = userpass\r\n\r\nx\r\n--x--",
            "--x\r\nContent-Disposition: form-data; name*=utf-8''p%61ss\r\n\r\nx\r\n--x--",
        ] {
            assert!(sends_a_password(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "text=my+pass=word+pass",
            "text=pass",
            "a=1&b=the%20password%20is",
            "{\"title\":\"password\",\"n\":1}",
            "{\"text\":\"the password is: x\"}",
            "compass",
            "pass",
            "\\u0070",
            "\\u00",
        ] {
            assert!(!sends_a_password(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn what_is_made_of_the_word_is_looked_at_once() {
        // Each of them is the beginning of a name that has no end.
        assert!(!sends_a_password(&b"pass".repeat(16 << 10)));
        assert!(!sends_a_password(&b"\\u0070ass".repeat(7 << 10)));
    }
}
