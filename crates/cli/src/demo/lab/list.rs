//! The attacks, as the page shows them.

/// One attack: what it is, who carries it out, and why it fails at the guarded door.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) struct Attack {
    /// Its name in addresses.
    pub(in crate::demo) id: &'static str,
    pub(in crate::demo) title: &'static str,
    pub(in crate::demo) lead: &'static str,
    /// The frames in which a browser takes part; without them the attacker is a program.
    stage: Option<Stage>,
    pub(in crate::demo) why: &'static str,
    /// What of `panoply.toml` decides it.
    pub(in crate::demo) key: &'static str,
}

/// What the frames of an attack are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The page as it is.
    Plain,
    /// With something that an attacker lays over it.
    Disguised,
    /// A frame at the naked door, a window at the guarded one.
    Window,
}

impl Stage {
    const fn html(self) -> &'static str {
        match self {
            Self::Plain => include_str!("../start/stage.html"),
            Self::Disguised => include_str!("../start/stage_disguised.html"),
            Self::Window => include_str!("../start/stage_window.html"),
        }
    }
}

impl Attack {
    /// The frames, if there are any.
    pub(in crate::demo) const fn stage(&self) -> &'static str {
        match self.stage {
            Some(stage) => stage.html(),
            None => "",
        }
    }

    /// Who carries it out.
    pub(in crate::demo) const fn by(&self) -> &'static str {
        match self.stage {
            None => "program",
            Some(Stage::Window) => "window",
            Some(_) => "frames",
        }
    }
}

/// In the order in which they are tried: the window first, while the click still lets one be opened.
pub(in crate::demo) const ATTACKS: [Attack; 11] = [
    Attack {
        id: "stolen",
        title: "Steal the session over a neighbouring path",
        lead: "The owner signs in, and then reads a blog that somebody else runs under another path of \
               the same name. Its script keeps whatever document.cookie gives it, and the thief tries \
               that as a cookie of his own.",
        stage: Some(Stage::Window),
        why: "The session goes out with HttpOnly, which no script can read past, and by a name that tells \
              nothing; the app still gets its own.",
        key: "[cookies], on by default; script_readable names what scripts may read",
    },
    Attack {
        id: "stored",
        title: "Leave a script in the guestbook",
        lead: "The shop prints comments as they come: stored XSS. What a stranger signs with runs in the \
               browser of everybody who reads it, and sends the cookies to the attacker, which is this \
               page.",
        stage: Some(Stage::Plain),
        why: "Content-Security-Policy says script-src 'self' and script-src-attr 'none': only the app's \
              own files run. What was blocked is reported, and the log says which line would allow it.",
        key: "[headers.content-security-policy], on by default",
    },
    Attack {
        id: "reflected",
        title: "Put a script into a link",
        lead: "The search page prints what was searched for: reflected XSS. Nothing has to be stored; \
               somebody only has to follow a link.",
        stage: Some(Stage::Plain),
        why: "The same policy; it does not matter how the script got into the page.",
        key: "[headers.content-security-policy], on by default",
    },
    Attack {
        id: "framed",
        title: "Frame the account page",
        lead: "This page is another website. It shows the shop’s account page in a frame, and can lay \
               anything it likes over or under the button that closes the account: clickjacking.",
        stage: Some(Stage::Disguised),
        why: "frame-ancestors 'self' and X-Frame-Options: SAMEORIGIN let the shop be framed by itself \
              alone.",
        key: "[headers] x-frame-options and content-security-policy, on by default",
    },
    Attack {
        id: "forged",
        title: "Send the owner’s browser a form",
        lead: "A form on another site closes the account of whoever sends it, with the cookies of the \
               shop: cross-site request forgery. What a browser sends is sent here with the owner’s own \
               cookies.",
        stage: None,
        why: "A request that changes something, carries a cookie and comes from another site is refused \
              before the app sees it; SameSite=Lax keeps browsers from sending the cookie at all.",
        key: "[cross_site], on by default; paths names what other sites may call",
    },
    Attack {
        id: "tampered",
        title: "Count on to somebody else’s session",
        lead: "The shop numbers its sessions, and puts the number into the cookie. The thief counts down \
               from his own until the shop takes him for the owner.",
        stage: None,
        why: "The cookie is sealed on its way out, and what does not open on its way in does not reach \
              the app.",
        key: "[cookies] seal = [\"connect.sid\"]; whole sessions in cookies are sealed by default",
    },
    Attack {
        id: "guessed",
        title: "Guess the owner’s password",
        lead: "A program tries the 24 words at the head of a list of leaked passwords; the last is the \
               right one. Meanwhile the owner, who has been here before, wants to get in.",
        stage: None,
        why: "Ten wrong passwords of a user from one client, and the next ones are not shown to the app, \
              however fast they come; a browser in which the owner has signed in before is known.",
        key: "[[login]], on by default for the usual paths",
    },
    Attack {
        id: "fingerprint",
        title: "Find out what it runs on",
        lead: "A scanner reads the head of one answer, to know which of last year’s holes to try.",
        stage: None,
        why: "Headers that tell the software are taken off, and session cookies go by another name.",
        key: "[headers] remove and [cookies] rename, on by default",
    },
    Attack {
        id: "headers",
        title: "Compare the headers",
        lead: "The same page by both doors, header by header.",
        stage: None,
        why: "Each header that Helmet sets is there, with Helmet’s value, and what the app says more \
              strictly stays.",
        key: "[headers] preset = \"helmet\", the default",
    },
    Attack {
        id: "malformed",
        title: "Smuggle, and oversize",
        lead: "Requests that no browser sends: with two lengths, with two hosts, with odd line ends, with \
               a header of 40 KiB.",
        stage: None,
        why: "What can be read in two ways is refused with 400 before anything reads it; heads have a \
              bound.",
        key: "always on; [limits] header_bytes = \"32KiB\"",
    },
    Attack {
        id: "rate",
        title: "Ask, and ask, and ask",
        lead: "A program takes the price sixty times in a row.",
        stage: None,
        why: "A limit counts exactly, also over several nodes, and says when to come back.",
        key: "[[limit]] path = \"/price.json\", points = 20, window = \"1m\"",
    },
];
