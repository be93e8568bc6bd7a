//! Redirects, and what keeps them at home.

use super::one;

/// What is found of a handler, behind `app.get('/x', …)`.
fn handler(body: &str) -> Vec<String> {
    let text = format!(
        "const app = require('express')();\napp.get('/x', (req, res) => {{ const next = req.query.next; {body} }});"
    );
    one("redirect", &text)
}

const OPEN: [&str; 1] = ["app.js:2 redirect/open"];
const LIKELY: [&str; 1] = ["app.js:2 redirect/open?"];
const NONE: [&str; 0] = [];

#[test]
fn a_path_that_is_redirected_to_may_be_a_host() {
    let text = |registers: &str, target: &str| {
        format!(
            "const app = require('express')();\napp.{registers}(req, res, next) => res.redirect(301, {target}));"
        )
    };
    for target in [
        "req.path.slice(0, -1)",
        "req.originalUrl",
        "req.url.toLowerCase()",
        "`${req.path}/`",
    ] {
        assert_eq!(one("redirect", &text("use(", target)), LIKELY, "{target}");
        assert_eq!(
            one("redirect", &text("get('*', ", target)),
            LIKELY,
            "{target}"
        );
        // Here it begins with what the route is called.
        assert_eq!(
            one("redirect", &text("get('/shop', ", target)),
            NONE,
            "{target}"
        );
    }
    for target in [
        "`https://shop.example${req.url}`",
        "'/en' + req.path",
        "req.baseUrl + '/'",
    ] {
        assert_eq!(one("redirect", &text("use(", target)), NONE, "{target}");
    }
    let guarded = "const app = require('express')();
app.use((req, res, next) => {
  if (req.path.startsWith('/') && !req.path.startsWith('//') && req.path.endsWith('/')) return res.redirect(req.path.slice(0, -1));
  next();
});";
    assert_eq!(one("redirect", guarded), NONE);
}

#[test]
fn a_host_ends_with_its_slash() {
    for open in [
        "`https://shop.example${next}`",
        "'https://' + next",
        "`https://shop.example:${next}/x`",
    ] {
        assert_eq!(handler(&format!("res.redirect({open});")), OPEN, "{open}");
    }
    for right in [
        "`https://shop.example/${next}`",
        "`https://shop.example?next=${next}`",
    ] {
        assert_eq!(handler(&format!("res.redirect({right});")), NONE, "{right}");
    }
}

#[test]
fn what_leaves_slashes_as_they_are_is_no_check() {
    for open in [
        "encodeURI(next)",
        "new URL(next, 'https://shop.example').toString()",
        "new URL(next, 'https://shop.example').href",
    ] {
        assert_eq!(handler(&format!("res.redirect({open});")), OPEN, "{open}");
    }
    assert_eq!(
        handler("res.redirect(`/y?next=${encodeURIComponent(next)}`);"),
        NONE
    );
    let by_host = "const url = new URL(next, 'https://shop.example'); if (url.host !== 'shop.example') return res.end(); res.redirect(url.toString());";
    assert_eq!(handler(by_host), NONE);
}

#[test]
fn a_check_counts_where_the_redirect_depends_on_it() {
    for wrong in [
        "if (next === 'home') return res.redirect('/home'); res.redirect(next);",
        "if (next.startsWith('/shop/')) log(next); res.redirect(next);",
        "if (next.startsWith('/shop/')) return res.end(); res.redirect(next);",
        "const pages = { a: '/a' }; res.redirect(pages[next] || next);",
        "if (next.startsWith('javascript:')) return res.end(); res.redirect(next);",
        "if (!next.startsWith('javascript:')) res.redirect(next);",
        "if (/^https?:\\/\\//.test(next)) res.redirect(next); else res.end();",
        "if (next.indexOf('http') === 0) return res.end(); res.redirect(next);",
        "if (isValidUrl(next)) res.redirect(next);",
    ] {
        let all = handler(wrong);
        assert!(all == OPEN || all == LIKELY, "{wrong}: {all:?}");
    }
    for right in [
        "if (next === '/home') return res.redirect(next); res.redirect('/');",
        "if (next !== '/home') return res.end(); res.redirect(next);",
        "if (next.startsWith('/shop/')) return res.redirect(next); res.end();",
        "if (!next.startsWith('/shop/')) return res.end(); res.redirect(next);",
        "if (!next || !next.startsWith('/shop/')) return res.end(); res.redirect(next);",
        "let to = next; if (!to || !to.startsWith('/shop/')) to = '/'; res.redirect(to);",
        "let to = '/'; if (next && next.startsWith('/') && !next.startsWith('//')) { to = next; } res.redirect(to);",
        "const good = next.startsWith('/') && !next.startsWith('//'); if (!good) return res.end(); res.redirect(next);",
        "const good = ['/a', '/b'].includes(next) || next === '/cc'; if (good) res.redirect(next);",
        "if (!['/a', '/b'].includes(next)) { res.status(400); return res.end(); } res.redirect(next);",
        "const pages = { a: '/a' }; if (!pages[next]) return res.end(); res.redirect(next);",
        "if (typeof next !== 'string' || !next.startsWith('/') || next.startsWith('//') || next.includes('\\\\')) return res.end(); res.redirect(next);",
        "const ok = (u) => { if (!u) return false; if (u.startsWith('/shop/')) return true; return u === '/cc'; }; if (!ok(next)) return res.end(); res.redirect(next);",
        "try { if (!next.startsWith('/shop/')) throw new Error('x'); res.redirect(next); } catch { res.end(); }",
        "switch (next) { case '/aa': case '/bb': return res.redirect(next); default: res.end(); }",
        "res.redirect(/^\\/[a-z]+$/.test(next) ? next : '/');",
        "if (isAllowedRedirect(next)) res.redirect(next);",
    ] {
        assert_eq!(handler(right), NONE, "{right}");
    }
}

#[test]
fn of_several_texts_nobody_says_which_it_is() {
    let text = "const app = require('express')();
const base = (path) => { if (!load()) return path; return path === '/' ? `/${load('')}` : `/shop${path}`; };
app.get('/a/:order', (req, res) => {
  const root = load() ? '' : '/';
  res.redirect(load() ? `/shop/${req.params.order}` : `${root}${req.query.to}`);
});";
    let report = super::report(&[("app.js", text)]);
    let mut all = report.findings.iter();
    let finding = all
        .find(|finding| finding.rule.id == "redirect/open")
        .unwrap();
    assert_eq!(finding.confidence.as_str(), "possible");
}
