//! What a short answer says in words, as the first page of many a tutorial does:
//! `res.send('Wrong password')`, `<script>alert('Invalid login'); history.back()</script>`.

use serde_json::Value;

/// More text than this is a page, in which any word may stand for anything.
const SHORT: usize = 400;

/// Words, and their stems, in which apps tell that a name or a password is wrong. None of them is said to
/// somebody who is let in.
const NO: [&str; 31] = [
    "bad credentials",
    "denied",
    "did not match",
    "didn't match",
    "do not match",
    "does not exist",
    "does not match",
    "doesn't exist",
    "doesn't match",
    "don't match",
    "inválid",
    "incorrect",
    "mismatch",
    "no such",
    "not authorized",
    "not correct",
    "not exist",
    "not found",
    "not match",
    "not valid",
    "try again",
    "unauthorized",
    "unknown user",
    "wrong",
    // German, Russian, Chinese, Japanese.
    "falsch",
    "fehlgeschlagen",
    "ungültig",
    "неверн",
    "неправильн",
    "错误",
    "誤",
];

/// Stems of words in French and Italian. They begin a word: within one they are names, and Mr Perron and Ms
/// Serrato are welcomed by theirs.
const STEMS: [&str; 2] = ["erron", "errat"];

/// Ends of words that say it too, as they stand by themselves and in `LoginFailed`. Who fails over to another
/// server, and an app of which nothing has failed, lets people in.
const FAILS: [&str; 5] = ["fail", "fails", "failed", "failure", "failures"];

/// What makes another thing of `fail` behind it, in two words. `Back` and `open` do not: they are what stands
/// on the link below.
const OTHERWISE: [&str; 2] = ["over", "safe"];

/// Fields of JSON that hold what a person is told.
const TOLD: [&str; 6] = ["message", "msg", "detail", "reason", "text", "info"];

/// Whether a page or a text is short and says so.
pub(super) fn page_says_no(page: &[u8]) -> bool {
    let page = String::from_utf8_lossy(page).to_lowercase();
    says_no(&without_tags(&page, " "), &without_tags(&page, PARTED))
}

/// Whether JSON says so in what it has for a person.
pub(super) fn json_says_no(body: &[u8]) -> bool {
    let text = |value: &Value| {
        let text = value.as_str().map(str::to_lowercase);
        text.is_some_and(|text| says_no(&text, &text))
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(answer)) => {
            let told = |(name, value): (&String, &Value)| {
                TOLD.iter().any(|known| known.eq_ignore_ascii_case(name)) && text(value)
            };
            answer.iter().any(told)
        }
        Ok(value) => text(&value),
        Err(_) => false,
    }
}

/// Whether a text says so; `parted` is the same with what parts it where tags do.
fn says_no(text: &str, parted: &str) -> bool {
    if text.len() > SHORT {
        return false;
    }
    let mut words = text.split(|letter: char| !letter.is_alphabetic());
    let says = |word: &str| {
        let begins = STEMS.iter().any(|stem| word.starts_with(stem));
        // Sessions are invalidated, too, when somebody is let in.
        begins || (word.contains("invalid") && !word.contains("invalidat"))
    };
    NO.iter().any(|word| text.contains(word)) || words.any(says) || tells_of_a_failure(parted)
}

/// Whether something failed, and not nothing.
fn tells_of_a_failure(text: &str) -> bool {
    let within = |letter: char| letter.is_alphanumeric() || " -_/".contains(letter);
    let text = numbers_whole(text);
    let mut clauses = text
        .split_inclusive(|letter| !within(letter))
        .map(|clause| {
            let words = clause.split(|letter: char| !letter.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty()).collect::<Vec<_>>();
            (words, clause.ends_with(':'))
        })
        .filter(|(words, _)| !words.is_empty())
        .peekable();
    while let Some((words, is_label)) = clauses.next() {
        let behind = clauses.peek().map_or(&[][..], |(words, _)| words);
        if is_label && is_count_of_none(&words, behind) {
            continue;
        }
        for (at, word) in words.iter().enumerate() {
            let behind = words.get(at + 1).copied().unwrap_or_default();
            let fails = *word == "failing" || FAILS.iter().any(|end| word.ends_with(end));
            let otherwise = word.ends_with("fail") && OTHERWISE.contains(&behind);
            if fails && !otherwise && !is_of_none(words.get(..at).unwrap_or_default()) {
                return true;
            }
        }
    }
    false
}

/// What a count is of that has come to its end: of `failed attempts left: 0` somebody has.
const LEFT: [&str; 3] = ["left", "remaining", "remain"];

fn is_none(word: &str) -> bool {
    matches!(word, "0" | "no" | "none" | "zero" | "never")
}

/// Whether `label`, with what is behind its colon, counts none: `Failed logins: 0`. But why something failed
/// may begin like that, too: `Login failed: no account has that name`, `Login failed: 0 attempts left`.
fn is_count_of_none(label: &[&str], behind: &[&str]) -> bool {
    let Some((first, more)) = behind.split_first() else {
        return false;
    };
    let is_left = || label.iter().chain(behind).any(|word| LEFT.contains(word));
    let ends = |label: &&str| FAILS.iter().any(|end| label.ends_with(end)) && *label != "failures";
    let gives_reason = || *first == "no" || label.last().is_some_and(ends);
    is_none(first) && label.len() <= 4 && !is_left() && (more.is_empty() || !gives_reason())
}

/// Whether what stands before it in its clause says that none did: `0 jobs failed`, `no failures`.
fn is_of_none(before: &[&str]) -> bool {
    let mut before = before.iter().rev();
    match before.next() {
        Some(word) if is_none(word) || *word == "without" => true,
        // What is counted may stand between, of up to two words, and is many: of `OAuth 2.0 login failed` one
        // login did.
        Some(word) if word.ends_with('s') || *word == "of" || is_number(word) => {
            before.take(2).any(|word| matches!(*word, "0" | "zero"))
        }
        _ => false,
    }
}

/// What a text is with its numbers in one: `1.0` and `10:00` end in none.
fn numbers_whole(text: &str) -> String {
    let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let mut letters = text.chars().peekable();
    let (mut whole, mut before) = (String::with_capacity(text.len()), None);
    while let Some(letter) = letters.next() {
        let joins = ".:,".contains(letter) && digit(before) && digit(letters.peek().copied());
        before = Some(letter);
        whole.extend(before.filter(|_| !joins));
    }
    whole
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What parts a page where a tag does: what is counted in one paragraph is no count of what the next one says.
const PARTED: &str = " | ";

/// Tags that stand within a sentence.
const WITHIN: [&str; 8] = ["a", "b", "code", "em", "i", "small", "span", "strong"];

/// What is left of a page without its tags, with `between` in place of those that part it, without comments and
/// styles, spaces made one; scripts stay, as some tell it by `alert`.
fn without_tags(page: &str, between: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let name = tag.trim_start_matches('/');
        let name = name.split(|letter: char| !letter.is_ascii_alphanumeric());
        let is_within = name.take(1).any(|name| WITHIN.contains(&name));
        text.push_str(if is_within { " " } else { between });
        let (begins, ends) = match tag {
            _ if tag.starts_with("!--") => ("!--", "-->"),
            _ if tag.starts_with("style") => ("style", "</style"),
            _ => ("", ">"),
        };
        let within = tag.get(begins.len()..).unwrap_or_default();
        rest = within.split_once(ends).map_or("", |(_, rest)| rest);
        if begins == "style" {
            rest = rest.split_once('>').map_or("", |(_, rest)| rest);
        }
        if text.len() > 2 * SHORT {
            return text;
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pages_that_say_no() {
        for no in [
            "Wrong password",
            "Incorrect Username and/or Password!",
            "<h1>Login failed</h1><a href=/>Back</a>",
            "<script>alert('Invalid username or password'); location = 'login.php'</script>",
            "<!doctype html><style>p{color:red}</style><p class=x>Passwort falsch</p>",
            "<!-- ok --><p>User\n  not found",
            "Contraseña incorrecta",
            "ДАННЫЕ НЕВЕРНЫЕ",
            "パスワードに誤りがあります",
            "Identifiants erronés",
            "Password errata",
            "LoginFailed",
            "auth_fail",
            "AUTHENTICATION FAILURE",
            "Login failed, attempts left: 0",
            "Failed attempts left: 0",
            "3 failed attempts: your account is locked",
            "No. It failed.",
            "Error 0: login failed",
            "Anmeldung fehlgeschlagen",
            "InvalidCredentials",
            "Login failed: no account with that email",
            "Authentication failure: no user of that name",
            "Failed login: no account of that name",
            "Login failed: 0 attempts left",
            "Failed attempts: 0 left",
            "OAuth 2.0 login failed",
            "Zero Trust login failed",
            "<h1>Shop 1.0</h1><p>Failed to log in",
            "10:0 Failed to log in",
            "<a href=/cart>Cart 0</a><p>Failed to log in",
            "Login fail <a href=login.html>Back</a>",
            "<p>did<br>not match",
        ] {
            assert!(page_says_no(no.as_bytes()), "{no}");
        }
        let long = format!(
            "<p>{}</p>Do not give a wrong number.",
            "Welcome. ".repeat(60)
        );
        let styled = format!("<style>{}</style>Wrong", "a{b:c}".repeat(200));
        assert!(page_says_no(styled.as_bytes()));
        for yes in [
            "",
            "OK",
            "Welcome back, ada!",
            "Bonjour, Jean Perron",
            "Hola, Ana Serrato",
            "<p class='invalid-feedback' hidden></p><h1>Hello</h1>",
            "<!-- wrong --><h1>Hello</h1>",
            "<style>.wrong{}</style><h1>Hello</h1>",
            "Login successful",
            "<h1>Ada</h1><a href=/failover>Failover settings</a>",
            "Fail-over: ready. Failsafe: on. fail2ban runs",
            "0 failed jobs",
            "No failures since Monday",
            "0 of 12 failed",
            "0 login attempts failed",
            "Failed logins: 0",
            "Failed logins: 0 Last login: today",
            "Jobs failed: 0",
            "<td>Failed logins:</td><td>0</td>",
            "<b>0</b> <a href=/jobs>failed jobs</a>",
            "Failures: none",
            "Welcome to Shop 2.0, 0 jobs failed",
            "Last failed login: never",
            "Works without fail, by unfailing friends",
            "Your other sessions were invalidated",
            "<",
            "<!--wrong",
            "<stylewrong",
            long.as_str(),
        ] {
            assert!(!page_says_no(yes.as_bytes()), "{yes}");
        }
    }

    #[test]
    fn json_that_says_no_to_a_person() {
        for no in [
            r#"{"message":"Invalid credentials"}"#,
            r#"{"Msg":"User not found","data":null}"#,
            r#""Wrong password""#,
        ] {
            assert!(json_says_no(no.as_bytes()), "{no}");
        }
        for yes in [
            r#"{"message":"Login successful","token":"x"}"#,
            r#"{"user":{"message":"wrong"}}"#,
            r#"{"name":"Wrong"}"#,
            r#"["wrong"]"#,
            "wrong",
        ] {
            assert!(!json_says_no(yes.as_bytes()), "{yes}");
        }
    }
}
