use super::*;

fn seen(directive: &str, source: &str) -> Sighting {
    Sighting {
        directive: directive.to_owned(),
        source: source.to_owned(),
        pages: vec!["/shop".to_owned()],
        by_page: vec![(3, 9)],
        more_pages: false,
        clients: 3,
        more_clients: false,
        reports: 9,
        enforced: 0,
        first: 1,
        last: 2,
    }
}

fn evidence(sightings: Vec<Sighting>) -> CspEvidence {
    CspEvidence {
        since: 0,
        reports: 99,
        clients: 7,
        noise: 0,
        unkept: 0,
        sightings,
    }
}

fn propose(sightings: Vec<Sighting>) -> CspProposal {
    let headers = Headers::helmet().build().unwrap();
    CspProposal::new(&evidence(sightings), &headers, &[])
}

#[test]
fn what_several_have_seen_is_proposed_as_lines_that_hold() {
    let proposal = propose(vec![
        seen("script-src-elem", "https://js.stripe.com"),
        seen("script-src", "https://js.stripe.com"),
        seen("frame-src", "https://js.stripe.com"),
        seen("img-src", "blob"),
        seen("style-src-elem", "https://fonts.example"),
    ]);
    assert_eq!((proposal.settled, &*proposal.doubtful), (1, &[][..]));
    let lines = proposal.lines();
    assert_eq!(
        lines,
        "[headers.content-security-policy]\nappend = { frame-src = [\"https://js.stripe.com\"], \
         img-src = [\"blob:\"], script-src = [\"https://js.stripe.com\"] }\n\n"
    );
    let config = toml::from_str::<crate::config::Config>(&lines).unwrap();
    let policy = config.headers.build().unwrap();
    let enforced = propose_on(&policy, proposal.allow.clone());
    assert_eq!(enforced.lines(), "", "what was added is not proposed again");
}

fn propose_on(headers: &Headers, sources: Vec<CspSource>) -> CspProposal {
    let sightings = sources.into_iter().map(|one| one.seen).collect();
    CspProposal::new(&evidence(sightings), headers, &[])
}

#[test]
fn one_client_alone_opens_nothing() {
    let alone = Sighting {
        clients: 1,
        ..seen("script-src-elem", "https://evil.test")
    };
    let once = Sighting {
        reports: 1,
        ..seen("connect-src", "https://once.test")
    };
    let plain = seen("img-src", "http://cdn.test");
    let proposal = propose(vec![alone.clone(), once, plain]);
    assert_eq!(proposal.lines(), "");
    let why: Vec<_> = proposal.doubtful.iter().flat_map(|one| &one.why).collect();
    assert!(why[0].contains("one client of 7"), "{why:?}");
    assert!(why[1].contains("once") && why[2].contains("TLS"), "{why:?}");

    let headers = Headers::helmet().build().unwrap();
    let with = ["https://evil.test".to_owned()];
    let named = CspProposal::new(&evidence(vec![alone.clone()]), &headers, &with);
    assert!(named.lines().contains("evil.test"), "{named:?}");
    // Whoever learns alone is the one client that there is.
    let learner = CspEvidence {
        clients: 1,
        ..evidence(vec![alone])
    };
    let learnt = CspProposal::new(&learner, &headers, &[]);
    assert!(learnt.lines().contains("evil.test"), "{learnt:?}");
}

#[test]
fn what_is_sure_under_one_name_is_not_doubted_under_another() {
    let alone = Sighting {
        clients: 1,
        ..seen("script-src-elem", "https://a.test")
    };
    for sightings in [
        vec![alone.clone(), seen("script-src", "https://a.test")],
        vec![seen("script-src", "https://a.test"), alone.clone()],
    ] {
        let proposal = propose(sightings);
        assert_eq!((proposal.allow.len(), &*proposal.doubtful), (1, &[][..]));
    }
}

#[test]
fn no_report_makes_a_hole() {
    let reports = [
        ("script-src-elem", "inline"),
        ("script-src-attr", "inline"),
        ("style-src-elem", "inline"),
        ("script-src", "eval"),
        ("script-src", "wasm-eval"),
        ("script-src", "data"),
        ("script-src-elem", "blob"),
        ("worker-src", "blob"),
        ("frame-src", "data"),
        ("frame-ancestors", "https://evil.test"),
        ("base-uri", "https://evil.test"),
        ("form-action", "https://evil.test"),
        ("object-src", "https://evil.test"),
        ("sandbox", "x"),
        ("report-uri", "https://evil.test"),
        ("trusted-types", "trusted-types-policy"),
        ("script-src-elem", "*"),
        ("script-src-elem", "https:"),
        ("script-src-elem", "https://*"),
        ("script-src-elem", "https://*.test"),
        ("img-src", "'unsafe-inline'"),
        ("script-src-elem", "'strict-dynamic'"),
        ("script-src-elem", "https://evil.test;object-src"),
        ("script-src-elem", "https://evil.test,x"),
        ("script-src-elem", "https://[::1]"),
        ("script-src-elem", "https://a.test/??"),
        ("img-src", "steam"),
        ("no-such-src", "https://evil.test"),
    ];
    for (directive, source) in reports {
        let proposal = propose(vec![seen(directive, source)]);
        assert_eq!(proposal.lines(), "", "{directive} {source}");
        assert_eq!(proposal.doubtful, [], "{directive} {source}");
        assert!(
            proposal.by_hand.len() + proposal.settled == 1,
            "{directive} {source}: {proposal:?}"
        );
    }
}

#[test]
fn inline_is_told_of_with_nonce_and_hash() {
    let proposal = propose(vec![seen("script-src-elem", "inline")]);
    let why = proposal.by_hand[0].why.clone().unwrap();
    assert!(
        why.contains("PANOPLY_NONCE") && why.contains("'sha256-…'"),
        "{why}"
    );
    assert!(why.contains("script-src = [\"'nonce'\"]"), "{why}");
}

#[test]
fn each_path_has_its_own_policy() {
    let headers = Headers::helmet()
        .path("/embed", |embed| {
            embed.csp(|policy| policy.replace(Directive::ImgSrc, "'none'"))
        })
        .path("/plain", |plain| {
            plain.without(panoply_headers::Header::XFrameOptions)
        })
        .build()
        .unwrap();
    let both = Sighting {
        pages: ["/embed/a", "/embedded", "/plain/x"]
            .map(str::to_owned)
            .into(),
        by_page: vec![(2, 2), (2, 5), (1, 2)],
        ..seen("img-src", "https://img.test")
    };
    let proposal = CspProposal::new(&evidence(vec![both.clone()]), &headers, &[]);
    let paths: Vec<_> = proposal.allow.iter().map(|one| &*one.path).collect();
    assert_eq!(paths, ["/embed", "/"]);
    let lines = proposal.lines();
    assert!(
        lines.contains("[[headers.path]]\nprefix = \"/embed\""),
        "{lines}"
    );
    let config = toml::from_str::<crate::config::Config>(&lines).unwrap();
    config.headers.build().unwrap();

    // One stranger has reported it once on a page whose policy is its own.
    let stray = Sighting {
        by_page: vec![(1, 1), (2, 5), (1, 2)],
        ..both.clone()
    };
    let unknown = Sighting {
        by_page: Vec::new(),
        ..both
    };
    for (one, allowed, doubted) in [
        (stray, vec!["/"], vec!["/embed"]),
        (unknown, vec![], vec!["/embed", "/"]),
    ] {
        let proposal = CspProposal::new(&evidence(vec![one]), &headers, &[]);
        let paths =
            |list: &[CspSource]| list.iter().map(|one| one.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&proposal.allow), allowed);
        assert_eq!(paths(&proposal.doubtful), doubted);
    }
}

#[test]
fn hosts_are_no_use_beside_strict_dynamic() {
    let headers = Headers::strict().build().unwrap();
    let sightings = vec![seen("script-src-elem", "https://a.test")];
    let proposal = CspProposal::new(&evidence(sightings), &headers, &[]);
    let why = proposal.by_hand[0].why.clone().unwrap();
    assert!(why.contains("strict-dynamic"), "{why}");
}

#[test]
fn each_name_with_headers_of_its_own_has_its_own_policy() {
    let own = |docs: panoply_headers::PathConfig| {
        docs.csp(|policy| policy.append(Directive::ScriptSrc, "https://search.test"))
    };
    let headers = Headers::helmet()
        .domain(["docs.a.test", "*.docs.a.test"], own)
        .domain(["plain.a.test"], |plain| {
            plain.without(panoply_headers::Header::XFrameOptions)
        })
        .path("/embed", |embed| {
            embed.csp(|policy| policy.replace(Directive::ImgSrc, "'none'"))
        })
        .build()
        .unwrap();
    let on = |source: &str, pages: &[&str]| Sighting {
        pages: pages.iter().map(ToString::to_string).collect(),
        by_page: vec![(2, 2); pages.len()],
        ..seen("img-src", source)
    };
    let at = |proposal: &CspProposal| -> Vec<String> {
        let told =
            |one: &CspSource| format!("{}{} {}", one.domains.join(","), one.path, one.source);
        proposal.allow.iter().map(told).collect()
    };
    let proposal = CspProposal::new(
        &evidence(vec![
            on("https://docs.test", &["docs.a.test/", "v2.docs.a.test/p"]),
            // What it shares with the site is the site's, as is what had a table once.
            on(
                "https://site.test",
                &["/", "plain.a.test/x", "gone.a.test/"],
            ),
            on("https://both.test", &["/p", "docs.a.test/p"]),
            // Below a path it is the path's.
            on("https://embed.test", &["docs.a.test/embed/x", "/embed"]),
        ]),
        &headers,
        &[],
    );
    let docs = "docs.a.test,*.docs.a.test/";
    assert_eq!(
        at(&proposal),
        [
            format!("{docs} https://docs.test"),
            "/ https://site.test".to_owned(),
            "/ https://both.test".to_owned(),
            format!("{docs} https://both.test"),
            "/embed https://embed.test".to_owned(),
        ]
    );
    let lines = proposal.lines();
    assert!(
        lines.contains("[[headers.domain]]\ndomains = [\"docs.a.test\", \"*.docs.a.test\"]\n"),
        "{lines}"
    );
    let config = toml::from_str::<crate::config::Config>(&lines).unwrap();
    config.headers.build().unwrap();
    // What one name allows already is news to the other.
    let search = Sighting {
        directive: "script-src-elem".to_owned(),
        ..on("https://search.test", &["/", "docs.a.test/"])
    };
    let proposal = CspProposal::new(&evidence(vec![search]), &headers, &[]);
    assert_eq!((at(&proposal).len(), proposal.settled), (1, 1));
    assert_eq!(at(&proposal), ["/ https://search.test"]);
    // A site without a policy is none of its business.
    let headers = Headers::helmet()
        .without(panoply_headers::Header::ContentSecurityPolicy)
        .domain(["docs.a.test"], |docs| docs.csp(|policy| policy));
    let headers = headers.build().unwrap();
    let seen = on("https://docs.test", &["/", "docs.a.test/"]);
    let alone = CspProposal::new(&evidence(vec![seen]), &headers, &[]);
    assert_eq!(at(&alone), ["docs.a.test/ https://docs.test"]);
}
