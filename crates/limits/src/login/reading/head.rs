//! The head of a part as clients write it.
//!
//! Parsers of parts agree on little else: PHP folds lines within words, Werkzeug takes quotes into a name,
//! busboy passes over what it cannot read. So nothing else is let pass.

/// More parameters than browsers, curl and the HTTP libraries of languages write together.
const MOST_PARAMETERS: usize = 8;

/// Whether a head has lines that are whole, one disposition at most, and parameters that can be read in one
/// way alone.
pub(super) fn is_plain(head: &str) -> bool {
    let mut dispositions = 0;
    head.split("\r\n").all(|line| {
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        let is_control = |c: char| c.is_ascii_control() && c != '\t';
        if !is_word(name) || value.contains(is_control) {
            return false;
        }
        if !name.eq_ignore_ascii_case("content-disposition") {
            return true;
        }
        dispositions += 1;
        dispositions == 1 && is_disposition(value)
    })
}

/// `form-data; name="user"; filename="a.png"`, with each parameter once.
fn is_disposition(value: &str) -> bool {
    let value = value.trim_matches(SPACES);
    let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
    let (kind, mut rest) = value.split_at_checked(end).unwrap_or((value, ""));
    if !is_word(kind) {
        return false;
    }
    let mut keys: Vec<String> = Vec::new();
    loop {
        rest = rest.trim_start_matches(SPACES);
        if rest.is_empty() {
            return true;
        }
        let Some(after) = rest.strip_prefix(';') else {
            return false;
        };
        let Some((key, after)) = after.trim_start_matches(SPACES).split_once('=') else {
            // One may end in a semicolon.
            return after.trim_start_matches(SPACES).is_empty();
        };
        let key = key.to_ascii_lowercase();
        let bare = key.strip_suffix('*').unwrap_or(&key);
        // Some look for `name=` wherever a word begins, or within one.
        let is_clear = !bare.ends_with("name") || matches!(bare, "name" | "filename");
        let is_key =
            is_clear && !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_key || keys.contains(&key) || keys.len() == MOST_PARAMETERS {
            return false;
        }
        let Some(after) = after_value(after, key.ends_with('*')) else {
            return false;
        };
        keys.push(key);
        rest = after;
    }
}

/// What follows a value, if it is one that everybody ends at the same place.
fn after_value(text: &str, is_extended: bool) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, after) = quoted.split_once('"')?;
        // Whether a backslash is one, before a quote, is not agreed upon.
        return (!value.ends_with('\\') && !is_extended).then_some(after);
    }
    let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
    let (value, after) = text.split_at_checked(end)?;
    let is_letter = |byte: u8| is_token(byte) || b"[]@/:".contains(&byte);
    let begins = value.bytes().next()?;
    // Quotes of this kind are some to PHP alone.
    let is_value = value.bytes().all(is_letter) && begins != b'\'';
    is_value.then_some(after)
}

const SPACES: [char; 2] = [' ', '\t'];

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token)
}

/// A letter of a token (RFC 9110 §5.6.2).
const fn is_token(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    ) || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_as_clients_write_them() {
        for head in [
            // Browsers, curl, undici, requests, Go.
            "Content-Disposition: form-data; name=\"user\"",
            "Content-Disposition: form-data; name=\"user%22name%0D%0A\"",
            "Content-Disposition: form-data; name=\"josé\"; filename=\"\"\r\nContent-Type: application/octet-stream",
            "Content-Disposition: form-data; name=\"a\"; filename=\"C:\\pictures\\me.png\"",
            "content-disposition: form-data; name=\"user[0][name]\"\r\ncontent-length: 5",
            // .NET, and what urllib3 wrote.
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=user[name]",
            "Content-Disposition: form-data; name=a; filename=b.png; filename*=utf-8''b.png",
            "Content-Disposition: form-data; name*=utf-8''jos%C3%A9",
            "Content-Disposition:form-data;name=user;",
            "X-Custom: anything; goes=here, \"too",
        ] {
            let head: String = head.bytes().map(char::from).collect();
            assert!(is_plain(&head), "{head:?}");
        }
    }

    #[test]
    fn heads_that_some_read_otherwise() {
        let odd = [
            "",
            "name=\"user\"",
            "Content-Disposition : form-data; name=\"user\"",
            " Content-Disposition: form-data; name=\"user\"",
            "Content-Disposition: form-data; name=\"us\r\ner\"",
            "Content-Disposition: form-data;\r\n name=\"user\"",
            "Content-Disposition: form-data; name=\"user\"\r\nContent-Disposition: form-data; name=\"x\"",
            "Content-Disposition: form-data; name==\"user\"",
            "Content-Disposition: form-data; name =\"user\"",
            "Content-Disposition: form-data; name= \"user\"",
            "Content-Disposition: form-data; name=user\"",
            "Content-Disposition: form-data; name='user'",
            "Content-Disposition: form-data; name=\"user",
            "Content-Disposition: form-data; name=\"us\\\"er\"",
            "Content-Disposition: form-data; name=\"x\"; name=\"user\"",
            "Content-Disposition: form-data; name*0=\"us\"; name*1=\"er\"",
            "Content-Disposition: form-data; name*=\"user\"",
            "Content-Disposition: form-data; filename=\"x\"name=\"user\"",
            "Content-Disposition: form-data; =name=\"user\"",
            "Content-Disposition: form-data; --name=\"user\"",
            "Content-Disposition: form-data; xname=\"user\"",
            "Content-Disposition: form-data; \x1fname=\"user\"",
            "Content-Disposition: form-data; \u{85}name=\"user\"",
            "Content-Disposition: form-data, name=\"user\"",
            "Content-Disposition: form-data name=\"user\"",
            "Content-Disposition: form-data; name=\"user\0x\"",
            "Content-Disposition: ; name=\"user\"",
            "Content-Disposition: form-data; x; name=\"user\"",
        ];
        for head in odd {
            assert!(!is_plain(head), "{head:?}");
        }
        let many = "; a=1; b=1; c=1; d=1; e=1; f=1; g=1; h=1; i=1";
        assert!(!is_plain(&format!("Content-Disposition: form-data{many}")));
    }
}
