//! Logins that are put together at random from what parsers look for.

use super::{FORM, JSON, Login};

/// Apps, what they read, and bodies to begin with.
type Group = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const GROUPS: [Group; 3] = [
    (
        &[
            "simple",
            "extended",
            "any-form",
            "entities",
            "latin",
            "text-form",
            "text-dots",
            "assigning",
            "override-body",
            "all",
        ],
        &[
            FORM,
            FORM,
            "application/x-www-form-urlencoded; charset=iso-8859-1",
        ],
        &[
            "username=alice",
            "username=bob&username=alice",
            "username[]=alice",
            "user[name]=alice",
            "user[name][]=alice",
            "user.name=alice",
            "[username]=alice",
            "username=%26%2397%3Blice&utf8=%26%2310003%3B",
            "{\"x\":\"&username=alice&\"}",
        ],
    ),
    (
        &[
            "simple",
            "loose",
            "any-json",
            "text-json",
            "raw-json",
            "assigning",
        ],
        &[JSON, JSON, "application/json; charset=utf-8"],
        &[
            "{\"username\":\"alice\"}",
            "{\"user\":{\"name\":[\"alice\"]}}",
            "{\"username\":\"bob\",\"username\":\"\\u0061lice\"}",
            "{\"x\":[1,{\"y\":\"&username=bob&\"}],\"username\":\"alice\"}",
        ],
    ),
    (
        &["multer", "multer-utf8"],
        &[
            "multipart/form-data; boundary=b",
            "multipart/form-data; boundary=\"b\"",
        ],
        &[
            "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice\r\n--b--\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"user[name]\"; x=\"y\"\r\n\r\nalice\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nbob\r\n\
             --b\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Disposition: form-data; name=\"username\"\r\n\r\nalice\r\n--b--\r\n",
        ],
    ),
];

const PIECES_OF_KINDS: [&str; 24] = [
    FORM,
    JSON,
    "text/plain",
    "multipart/form-data",
    "application/vnd.x+json",
    ";",
    "; ",
    "charset",
    "=",
    "utf-8",
    "utf-7",
    "iso-8859-1",
    "\"",
    "\\",
    "boundary",
    "b",
    "; boundary=b",
    "; charset=utf-8",
    "; charset=\"utf-8\"",
    "; charset=iso-8859-1",
    "; charset=utf-16le",
    "; x=",
    ",",
    "*",
];

const PIECES: [&str; 60] = [
    "username",
    "=",
    "&",
    "[",
    "]",
    "[]",
    "%5B",
    "%5d",
    "%",
    "alice",
    "bob",
    "%61lice",
    "{",
    "}",
    "\"",
    ":",
    ",",
    "\"username\"",
    "\"alice\"",
    ";",
    ".",
    "?",
    "+",
    " ",
    "\r\n",
    "--b",
    "--b--",
    "--b\r\n",
    "Content-Disposition: form-data; name=\"username\"",
    "\r\n\r\n",
    "\u{feff}",
    "\u{a0}",
    "&#97;lice",
    "%26%2397%3Blice",
    "utf8=%26%2310003%3B",
    "utf8=%E2%9C%93",
    "user",
    "name",
    "[name]",
    "__proto__",
    "[0]",
    "[99]",
    "%25",
    "%00",
    "\0",
    "\\u0061",
    "\\",
    "_method=POST",
    "%3D",
    "username=",
    "username=alice",
    "&username=alice",
    "[username]",
    "{\"username\":\"alice\"}",
    "{\"x\":\"",
    "\"}",
    "\n",
    "name=\"username\"",
    "filename=\"x\"",
    "Content-Type: text/plain; charset=utf-16le",
];

/// Numbers that look random and are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX, whose high bits are the better ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn some_of(&mut self, choices: &[&str], most: usize) -> String {
        (0..=self.below(most))
            .map(|_| self.one_of(choices))
            .collect()
    }

    fn body(&mut self, bodies: &[&str]) -> String {
        if self.below(12) == 0 {
            return self.some_of(&PIECES, 10);
        }
        let mut body = self.one_of(bodies).to_owned();
        for _ in 0..=self.below(3) {
            let places: Vec<usize> = body.char_indices().map(|(at, _)| at).collect();
            let at = places.get(self.below(places.len())).copied().unwrap_or(0);
            match self.below(4) {
                0 => body.insert_str(at, self.one_of(&PIECES)),
                1 => {
                    let end = body[at..].chars().next().map_or(at, |c| at + c.len_utf8());
                    body.replace_range(at..end, self.one_of(&PIECES));
                }
                2 => body.insert_str(0, self.one_of(&PIECES)),
                _ => body.push_str(self.one_of(&PIECES)),
            }
        }
        body
    }
}

/// Logins without end.
pub(crate) fn logins(seed: usize) -> impl Iterator<Item = Login> {
    let mut numbers = Numbers(u64::try_from(seed).unwrap());
    std::iter::repeat_with(move || {
        let (apps, kinds, bodies) = GROUPS[numbers.below(GROUPS.len())];
        // Now and then a body goes to an app that was not made for it, or under a wrong name.
        let other = GROUPS[numbers.below(GROUPS.len())];
        let apps = if numbers.below(8) == 0 { other.0 } else { apps };
        let app = apps[numbers.below(apps.len())];
        let kind = match numbers.below(8) {
            0 => numbers.some_of(&PIECES_OF_KINDS, 5),
            1 => numbers.one_of(kinds).to_owned() + numbers.one_of(&PIECES_OF_KINDS),
            2 => numbers.one_of(other.1).to_owned(),
            _ => numbers.one_of(kinds).to_owned(),
        };
        let login = Login::of(app, &kind, numbers.body(bodies));
        let method = ["POST", "GET", "PUT", "DELETE"][numbers.below(4)];
        match app {
            "override-body" | "all" => login.to(method, "/login"),
            _ if numbers.below(4) == 0 => login.chunked(),
            _ => login,
        }
    })
}
