//! The audit's own notes: comments and baselines that no longer say what is so.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static NO_REASON: Rule = Rule {
    id: "audit/suppression-without-reason",
    severity: Severity::Low,
    title: "a finding is suppressed, and nobody says why",
    why: "Whoever reads it next year can neither trust it nor take it away.",
    help: "Say why, after two dashes: `// panoply-ignore RULE -- the reason`.",
    article: Article::Considerations,
    seen: Seen::Static,
};

pub(crate) static STALE_SUPPRESSION: Rule = Rule {
    id: "audit/stale-suppression",
    severity: Severity::Low,
    title: "a comment suppresses what is not there any more",
    why: "It would hide the next finding of that rule at this place, which nobody has looked at.",
    help: "Remove the comment.",
    article: Article::Considerations,
    seen: Seen::Static,
};

pub(crate) static EXPIRED_SUPPRESSION: Rule = Rule {
    id: "audit/expired-suppression",
    severity: Severity::Low,
    title: "a suppression has come to the end that it gave itself",
    why: "Until then it was to be put right; what it suppressed is reported again.",
    help: "Put right what it suppresses, or give it another `until=`.",
    article: Article::Considerations,
    seen: Seen::Static,
};

pub(crate) static STALE_BASELINE: Rule = Rule {
    id: "audit/stale-baseline",
    severity: Severity::Info,
    title: "the baseline holds a finding that is not there any more",
    why: "It would hide the same finding if it came back.",
    help: "Write the baseline again with `--write-baseline`, or remove the line.",
    article: Article::Considerations,
    seen: Seen::Both,
};
