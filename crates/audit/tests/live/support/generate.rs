//! Servers by the hundred: each a different mixture of headers, cookies, redirects, scripts and policies,
//! the same ones at every run.

use super::site::{Asked, Reply};

/// A small generator of numbers (xorshift64*), so that every run has the same servers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(crate) fn one<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn often(&mut self, in_ten: usize) -> bool {
        self.below(10) < in_ten
    }
}

/// How plain HTTP and HTTPS stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    HttpOnly,
    HttpsOnly,
    /// The same over both.
    Both,
    ToHttps,
    /// By way of another address over plain HTTP.
    HttpThenHttps,
    /// To HTTPS at another host.
    OffHost,
    /// Around at plain HTTP.
    WithinHttp,
    /// Over HTTPS, and from there further on.
    HttpsFurther,
    /// From HTTPS back to plain HTTP.
    Down,
    /// Never to an end.
    Circle,
}

const WAYS: [Way; 10] = [
    Way::HttpOnly,
    Way::HttpsOnly,
    Way::Both,
    Way::ToHttps,
    Way::HttpThenHttps,
    Way::OffHost,
    Way::WithinHttp,
    Way::HttpsFurther,
    Way::Down,
    Way::Circle,
];

/// What the certificate of a server is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Good,
    Expired,
    SelfSigned,
    WrongName,
    Incomplete,
}

/// A server to be.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) host: &'static str,
    pub(crate) way: Way,
    pub(crate) shows: Shows,
    page: Reply,
    /// What the answer on the way sets.
    on_the_way: Vec<(String, String)>,
    robots: Option<Reply>,
    options: Reply,
    redirect: u16,
}

pub(crate) const HOSTS: [&str; 6] = [
    "localhost",
    "127.0.0.1",
    "www.shop.test",
    "shop.test",
    "a.known.test",
    "exact.test",
];

impl Plan {
    pub(crate) fn roll(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let host = if dice.often(4) {
            "localhost"
        } else {
            dice.one(&HOSTS)
        };
        // Most are good otherwise, so that one fault more or less is seen in the grade.
        let careful = dice.often(5);
        let way = if careful && dice.often(7) {
            Way::ToHttps
        } else {
            dice.one(&WAYS)
        };
        let shows = if dice.often(8) {
            Shows::Good
        } else {
            dice.one(&[
                Shows::Expired,
                Shows::SelfSigned,
                Shows::WrongName,
                Shows::Incomplete,
            ])
        };
        let on_the_way = if dice.often(2) {
            super::lists::cookies(dice)
        } else {
            Vec::new()
        };
        Self {
            host,
            way,
            shows,
            page: super::lists::page(dice, careful),
            on_the_way,
            robots: dice.often(3).then(|| {
                let mut robots = Reply::new(200).header("Content-Type", "text/plain");
                robots.headers.extend(super::lists::cookies(dice));
                robots
            }),
            options: super::lists::options(dice),
            redirect: dice.one(&[301, 302, 303, 307, 308]),
        }
    }

    /// Answers as this server.
    pub(crate) fn answer(&self, asked: &Asked, port: u16) -> Option<Reply> {
        match self.way {
            Way::HttpOnly if asked.secure => return None,
            Way::HttpsOnly if !asked.secure => return None,
            _ => {}
        }
        if asked.path == "/robots.txt" {
            return Some(self.robots.clone().unwrap_or_else(|| Reply::new(404)));
        }
        if asked.method == "OPTIONS" {
            return Some(self.options_for(asked));
        }
        let to = |url: String| {
            let mut reply = Reply::redirect(self.redirect, url);
            reply.headers.extend(self.on_the_way.clone());
            Some(reply)
        };
        let here = |scheme: &str, path: &str| format!("{scheme}://{}:{port}{path}", self.host);
        match (self.way, asked.secure, asked.path.as_str()) {
            (Way::HttpThenHttps, false, "/") => to(here("http", "/on")),
            (Way::ToHttps | Way::HttpsFurther | Way::HttpThenHttps, false, _) => {
                to(here("https", "/"))
            }
            (Way::OffHost, false, _) => to(format!("https://other.test:{port}/")),
            (Way::WithinHttp, false, "/") => to("/home".to_owned()),
            (Way::HttpsFurther, true, "/") => to("deep/home?a=b".to_owned()),
            (Way::Down, true, "/") => to(here("http", "/down")),
            (Way::Circle, _, _) => to("/again".to_owned()),
            _ => Some(self.page.clone()),
        }
    }

    fn options_for(&self, asked: &Asked) -> Reply {
        let mut reply = self.options.clone();
        let origin = asked.header("origin").unwrap_or_default();
        for (_, value) in &mut reply.headers {
            *value = value.replace("ORIGIN", origin);
        }
        reply
    }
}
