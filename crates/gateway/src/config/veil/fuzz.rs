//! What must hold for what is shown of a configuration beside an error, whatever is wrong with it.

use super::super::veil::{hides, veil as shown};

/// What is secret in every input; it stands nowhere else.
const LETTER: char = 'Z';

/// How many forms a secret has here, and the one of which there is no telling where it ends.
const FORMS: usize = 25;
const UNESCAPED: usize = 7;

/// What nobody has to hide.
const PLAIN: &str = "[log]\nlevel = \"debug\"\n\n[[route]]\npath = \"/api\" # `api` is another\n";

/// A letter for the form of a secret, what it is made of, and what stands before it and behind it, apart by NULs:
/// nothing of it is shown, whatever that is, and where that is nothing, what is around it is.
pub fn veil(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    keeps_its_form(text);
    let mut parts = text.splitn(4, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (form, secret, before, after) = (part(), part(), part(), part());
    let form = form.bytes().fold(0, |all: usize, byte| {
        all.wrapping_mul(31).wrapping_add(byte.into())
    });
    check(form, secret, before, after);
}

/// The same of the parts.
fn check(form: usize, secret: &str, before: &str, after: &str) {
    let [before, after] = [before, after].map(|part| part.replace(LETTER, "z"));
    let line = written(form, secret);

    let around = format!("{before}\n{line}\n{after}");
    let veiled = keeps_its_form(&around);
    assert!(!veiled.contains(LETTER), "{around}\n\n{veiled}");
    for (at, _) in around.match_indices(LETTER) {
        assert!(hides(&around, &(at..at + 1)));
    }

    if form % FORMS == UNESCAPED {
        return;
    }
    let alone = format!("{PLAIN}{line}\n{PLAIN}");
    let veiled = keeps_its_form(&alone);
    assert!(!veiled.contains(LETTER), "{alone}\n\n{veiled}");
    assert!(
        veiled.starts_with(PLAIN) && veiled.ends_with(PLAIN),
        "{alone}\n\n{veiled}"
    );
}

/// Nothing moves, since the places of errors are those of the text as it is.
fn keeps_its_form(text: &str) -> String {
    let veiled = shown(text);
    assert_eq!(veiled.len(), text.len());
    for (at, c) in text.char_indices() {
        let stands = veiled.get(at..at + c.len_utf8());
        let is_hidden = stands.is_some_and(|stands| stands.bytes().all(|byte| byte == b'*'));
        let is_kept = stands == Some(c.encode_utf8(&mut [0; 4]));
        assert!(is_kept || is_hidden, "{text}\n\n{veiled}");
        assert!(!c.is_whitespace() || is_kept, "{text}\n\n{veiled}");
    }
    veiled
}

/// A secret in one of the places where one stands, by mistake or not.
pub(super) fn written(form: usize, secret: &str) -> String {
    let letters = |c: char| if c.is_alphanumeric() { LETTER } else { c };
    let secret: String = { secret.chars() }
        .filter(|c| !c.is_control())
        .map(letters)
        .take(40)
        .collect();
    // It begins and ends with what can be told from all else.
    let secret = format!("{LETTER}{secret}{LETTER}");
    let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let literal = secret.replace('\'', "");
    let in_url = literal.replace(['"', '@', '\\'], "");
    let bare: String = secret.chars().filter(|c| *c == LETTER).collect();
    let keys = [
        "secret",
        "password",
        "Token",
        "hmac_key",
        "\"secret\"",
        "store.secret",
        "secrte",
    ];
    let key = { keys.into_iter().cycle() }
        .nth(form / 32 % keys.len())
        .unwrap_or_default();
    match form % FORMS {
        0 => format!("{key} = \"{quoted}\""),
        1 => format!("{key} = '{literal}'"),
        2 => format!("{key} = \"\"\"\n{quoted}\n\"\"\""),
        3 => format!("{key} = '''\n{literal}\n'''"),
        4 => format!("{key} = [\n  \"{quoted}\",\n]"),
        5 => format!("{key} =\n\n  \"{quoted}\""),
        6 => format!("{key} = {bare}"),
        UNESCAPED => format!("{key} = \"{secret}\""),
        8 => format!("store = {{ nodes = 2, {key} = \"{quoted}\" }}"),
        9 => format!("# {key} = \"{quoted}\""),
        10 => format!("url = \"redis://:{in_url}@store:6379/1\""),
        11 => format!("url = \"postgres://panoply:{in_url}@store/panoply\""),
        12 => format!("users = \"{quoted}\""),
        13 => format!("[[access]]\npath = \"/\"\nusers = {{ ada = \"{quoted}\" }}"),
        14 => format!("[access.users]\nada = \"{quoted}\""),
        15 => format!("[[access]]\nsatisfy = \"{quoted}\""),
        16 => format!("[[acess]]\n\"{quoted}\""),
        17 => format!("[[access]]\nallow = [\n  \"{quoted}\",\n]"),
        18 => format!("[[access]]\npath = \"/\"\nallowed = '''\n{literal}\n'''"),
        19 => format!("[acme.external_account]\nid = \"a\"\nkey = \"{quoted}\""),
        20 => format!("x = \"$2y$05${bare}\""),
        21 => format!("{key}: {bare}"),
        22 => format!("export PANOPLY_STORE_SECRET={bare}"),
        23 => format!("{{\"store\":{{\"secret\":\"{quoted}\"}}}}"),
        _ => format!("set {key} -> \"{quoted}\""),
    }
}
