//! What is shown of a file, and what is not.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[test]
fn secrets_have_stars_and_nothing_moves() {
    for (line, shown) in [
        ("secret = \"hunter2\"\n", "secret = \"*******\"\n"),
        ("secrte = \"hunter2\"", "secrte = \"*******\""),
        ("store.secret = 'hunter2'", "store.secret = '*******'"),
        ("secret = \"schön\"", "secret = \"******\""),
        (
            "url = \"reddis://:hunter2@h:1/2\"",
            "url = \"reddis://********@h:1/2\"",
        ),
        ("url = \"rediss:hunter2@h\"", "url = \"rediss:*******@h\""),
        (
            "external_account = { id = \"a\", key = \"b\" }",
            "external_account = * ** * \"*\"* *** * \"*\" *",
        ),
        (
            "contact = \"ops@shop.example\"",
            "contact = \"ops@shop.example\"",
        ),
        ("preset = \"strict\"", "preset = \"strict\""),
        ("key = \"/etc/key.pem\"", "key = \"/etc/key.pem\""),
    ] {
        assert_eq!(veil(line), shown);
        assert_eq!(veil(line).len(), line.len());
    }
    let account = "[acme.external_account]\nid = \"a\"\nkye = \"b\"\n[tls]\nkey = \"c\"\n";
    let shown = "[acme.external_account]\nid = \"a\"\nkye = \"*\"\n[tls]\nkey = \"c\"\n";
    assert_eq!(veil(account), shown);
    for (users, shown) in [
        ("users = \"ada:hunter2\"", "users = \"***********\""),
        (
            "[[access]]\nuser = \"ada:hunter2\"\nuser_header = \"X-User\"",
            "[[access]]\nuser = \"***********\"\nuser_header = \"X-User\"",
        ),
        (
            "users = [\n  \"ada:hunter2\", # [\n]\nx = \"1\"\n",
            "users = *\n  \"***********\"* * *\n*\nx = \"1\"\n",
        ),
        (
            "users = [[\"ada\", \"}]]\"],\n\"hunter2\"]\nx = \"1\"\n",
            "users = **\"***\"* \"***\"**\n\"*******\"*\nx = \"1\"\n",
        ),
        (
            "users = \"\"\"\nada:hun\\\"\"\"ter2\n\"\"\"\nx = \"1\"\n",
            "users = \"\"\"\n********\"\"\"****\n\"\"\"\nx = \"1\"\n",
        ),
        (
            "secret = '''\nhunter2\n'''\nx = \"1\"\n",
            "secret = '''\n*******\n'''\nx = \"1\"\n",
        ),
        (
            "access = [\n { path = \"/\", users = { ada = \"hunter2\" } },\n]\n",
            "access = [\n { path = \"/\", users = * *** * \"*******\" * **\n]\n",
        ),
        (
            "store = { nodes = 2, secret = \"hunter2\" }",
            "store = { nodes = 2, secret = \"*******\" *",
        ),
        (
            "[[access.users]]\nname = \"ada\"\npassword = 5",
            "[[access.users]]\nname = \"***\"\npassword = *",
        ),
        ("# users = \"ada:hunter2\"", "# users = \"***********\""),
        (
            "users = { ada = \"hunter2\" }",
            "users = * *** * \"*******\" *",
        ),
        ("users.ada = \"hunter2\"", "users.ada = \"*******\""),
        (
            "[[access]]\npath = \"/\"\n[access.users]\nada = \"hunter2\"\n[log]\nlevel = \"x\"\n",
            "[[access]]\npath = \"/\"\n[access.users]\nada = \"*******\"\n[log]\nlevel = \"x\"\n",
        ),
        ("[run]\nuser = \"www\"", "[run]\nuser = \"www\""),
        (
            "[access.\"users\"] # who\nada = \"hunter2\"",
            "[access.\"users\"] # who\nada = \"*******\"",
        ),
        (
            "usres = { ada = \"hunter2\" }",
            "usres = * *** * \"*******\" *",
        ),
        (
            "user = { ada = \"hunter2\" }",
            "user = * *** * \"*******\" *",
        ),
        (
            "users = {\n  ada = \"hunter2\",\n}\nx = \"1\"\n",
            "users = *\n  *** * \"*******\"*\n*\nx = \"1\"\n",
        ),
    ] {
        assert_eq!(veil(users), shown);
    }
}

#[test]
fn what_lacks_its_end_or_stands_below_its_key_is_hidden() {
    for (text, shown) in [
        // A value stands below its key.
        (
            "secret =\n\n  \"hunter2\"\nx = \"1\"\n",
            "secret =\n\n  \"*******\"\nx = \"1\"\n",
        ),
        ("password =\nhunter2\n", "password =\n*******\n"),
        (
            "secret = # which?\n[log]\nx = \"1\"\n",
            "secret = * ******\n[log]\nx = \"1\"\n",
        ),
        // What a password may hold ends no address.
        (
            "url = \"redis://:hun,ter [2@h:1/2\"",
            "url = \"redis://******** **@h:1/2\"",
        ),
        (
            "url = \"redis://:hun\"ter2@h\"",
            "url = \"redis://****\"****@h\"",
        ),
        (
            "a = \"http://h\" # or ask ops@shop.example",
            "a = \"http://h\" # or ask ops@shop.example",
        ),
        // The text that lacks its end has that of the next.
        (
            "secret = \"\"\"\nx\npassword = \"\"\"\nhunter2\n\"\"\"\nx = \"1\"\n",
            "secret = \"\"\"\n*\n******** * \"\"\"\n*******\n\"\"\"\n* * \"*\"\n",
        ),
        (
            "note = '''\n[[access]]\nrealm = '''\nhunter2\n[log]\nx = \"1\"\n",
            "note = '''\n**********\n***** * '''\n*******\n[log]\nx = \"1\"\n",
        ),
        // A comment ends with its last line.
        (
            "# users = [\n#  \"ada:hunter2\",\nx = \"1\"\n",
            "# users = *\n*  \"***********\"*\nx = \"1\"\n",
        ),
        // The header above is that, whatever a list has.
        (
            "[acme.external_account]\nsecret = [\n[1]\n]\nkey = \"hunter2\"\n",
            "[acme.external_account]\nsecret = *\n***\n*\nkey = \"*******\"\n",
        ),
    ] {
        assert_eq!(veil(text), shown, "{text}");
    }
}

/// What means something to whoever reads the file.
const PIECES: [&str; 40] = [
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "#",
    "\\",
    "\n",
    "\n",
    " ",
    "\t",
    "\r",
    "@",
    ":",
    "://",
    "/",
    ".",
    "x",
    "5",
    "é",
    "\u{a0}",
    "access",
    "[[access]]",
    "[access.users]",
    "[log]\n",
    "users",
    "secret",
    "password",
    "path = \"/\"\n",
    "allow = [",
    "note = \"\"\"",
    "external_account",
    "$2y$05$",
    "[[",
    "true",
];

fn pieces(most: usize) -> impl Strategy<Value = String> {
    vec(prop::sample::select(PIECES.as_slice()), 0..most).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The seed of a form, a secret, and what stands before it and behind it.
    #[test]
    fn no_secret_comes_out_whatever_surrounds_it(
        (form, secret, before, after) in ("[ -~]{2}", pieces(6), pieces(14), pieces(10))
    ) {
        let all = format!("{form}\0{secret}\0{before}\0{after}");
        fuzz::veil(all.as_bytes());
    }
}
