use super::*;

fn failure(word: &str, detail: &str, kind: ChallengeKind) -> Failure {
    let problem = serde_json::json!({ "type": format!("{PREFIX}{word}"), "detail": detail });
    let problem: Problem = serde_json::from_value(problem).unwrap();
    let directory = Directory::lets_encrypt();
    let tried = Tried {
        directory: &directory,
        names: &["shop.example".to_owned()],
        of: Of::Challenge(kind),
    };
    tried.problem(&problem)
}

#[test]
fn people_learn_what_to_do() {
    let cases = [
        (
            "dns",
            ChallengeKind::Http01,
            Fault::Validation,
            "A or AAAA record of shop.example",
        ),
        (
            "connection",
            ChallengeKind::Http01,
            Fault::Validation,
            "Port 80 of shop.example",
        ),
        (
            "connection",
            ChallengeKind::TlsAlpn01,
            Fault::Validation,
            "Port 443",
        ),
        (
            "unauthorized",
            ChallengeKind::Dns01,
            Fault::Validation,
            "acme.dns_hook",
        ),
        (
            "tls",
            ChallengeKind::TlsAlpn01,
            Fault::Validation,
            "Somebody else answers on port 443",
        ),
        (
            "caa",
            ChallengeKind::TlsAlpn01,
            Fault::Request,
            "CAA 0 issue",
        ),
        (
            "rejectedIdentifier",
            ChallengeKind::TlsAlpn01,
            Fault::Request,
            "spelled right",
        ),
        (
            "externalAccountRequired",
            ChallengeKind::TlsAlpn01,
            Fault::Request,
            "external_account =",
        ),
        (
            "serverInternal",
            ChallengeKind::TlsAlpn01,
            Fault::Directory,
            "by itself",
        ),
    ];
    for (word, kind, fault, advice) in cases {
        let failure = failure(word, "no", kind);
        assert_eq!(failure.fault, fault, "{word}");
        assert!(
            failure.advice.contains(advice),
            "{word}: {}",
            failure.advice
        );
        assert_eq!(failure.problem, "letsencrypt: no");
    }
}

#[test]
fn a_limit_says_until_when() {
    let detail = "too many certificates (5) already issued for this exact set of identifiers \
                  in the last 168h0m0s, retry after 2026-11-24 05:00:00 UTC: see https://…";
    let limited = failure("rateLimited", detail, ChallengeKind::TlsAlpn01);
    let until = crate::plan::moment(1_795_496_400);
    assert_eq!(limited.not_before, Some(until));
    assert_eq!(
        failure("rateLimited", "later", ChallengeKind::TlsAlpn01).not_before,
        None
    );
}

fn several(problem: serde_json::Value) -> Failure {
    let names = ["a.example", "shop.a.example", "b.example"].map(str::to_owned);
    let tried = Tried {
        directory: &Directory::lets_encrypt(),
        names: &names,
        of: Of::Challenge(ChallengeKind::Http01),
    };
    tried.problem(&serde_json::from_value(problem).unwrap())
}

#[test]
fn of_several_names_the_right_one_is_blamed() {
    let failure = several(serde_json::json!({
        "type": "urn:ietf:params:acme:error:compound",
        "detail": "some identifiers failed",
        "subproblems": [
            { "type": "urn:ietf:params:acme:error:caa", "detail": "forbidden",
              "identifier": { "type": "dns", "value": "b.example" } },
        ],
    }));
    assert_eq!(failure.fault, Fault::Request);
    assert!(
        failure.advice.contains("CAA record of b.example does"),
        "{}",
        failure.advice
    );
    assert_eq!(
        failure.problem,
        "letsencrypt: some identifiers failed: b.example: forbidden"
    );
    let failure = several(serde_json::json!({
        "type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "forbidden by policy: [\"shop.a.example\"].",
    }));
    assert!(
        failure.advice.contains("issue for shop.a.example:"),
        "{}",
        failure.advice
    );
    let failure = several(serde_json::json!({
        "type": "urn:ietf:params:acme:error:connection", "detail": "refused",
    }));
    let all = "Port 80 of a.example, shop.a.example, b.example must";
    assert!(failure.advice.contains(all), "{}", failure.advice);
}

fn of_account(is_external: bool, error: &Error) -> Failure {
    let tried = Tried {
        directory: &"https://ca.example/dir".parse().unwrap(),
        names: &[],
        of: Of::Account { is_external },
    };
    tried.error(error)
}

#[test]
fn an_account_that_was_closed_is_nobodys_port_either() {
    let names = ["shop.example".to_owned()];
    let tried = Tried {
        directory: &"https://ca.example/dir".parse().unwrap(),
        names: &names,
        of: Of::Challenge(ChallengeKind::TlsAlpn01),
    };
    let problem = |word| {
        let detail = "Account is not valid, has status \"deactivated\"";
        let problem = serde_json::json!({ "type": format!("{PREFIX}{word}"), "detail": detail });
        Error::Api(serde_json::from_value(problem).unwrap())
    };
    let closed = tried.placing(&problem("unauthorized"), false);
    assert_eq!(closed.fault, Fault::Request);
    assert!(
        closed.advice.contains("without its file"),
        "{}",
        closed.advice
    );
    let limited = tried.placing(&problem("rateLimited"), false);
    assert_eq!(limited.fault, Fault::Limited);
}

#[test]
fn an_account_that_is_refused_is_nobodys_port() {
    let problem = |word| {
        let problem = serde_json::json!({ "type": format!("{PREFIX}{word}"), "detail": "no" });
        Error::Api(serde_json::from_value(problem).unwrap())
    };
    for (word, is_external, advice) in [
        ("unauthorized", true, "`acme.external_account`"),
        ("malformed", true, "`acme.external_account`"),
        ("unauthorized", false, "account closed"),
        ("externalAccountRequired", false, "external_account ="),
        ("invalidContact", true, "`acme.contact`"),
    ] {
        let failure = of_account(is_external, &problem(word));
        assert_eq!(failure.fault, Fault::Request, "{word}");
        assert!(
            failure.advice.contains(advice),
            "{word}: {}",
            failure.advice
        );
        assert!(
            !failure.advice.contains("port"),
            "{word}: {}",
            failure.advice
        );
    }
}

#[test]
fn what_is_no_directory_is_not_out_of_reach() {
    let status = |code| Unusable::Status {
        status: StatusCode::from_u16(code).unwrap(),
        to: None,
        again: Some(crate::plan::moment(1_800_000_000)),
    };
    let json = serde_json::from_str::<u8>("<").unwrap_err();
    for (unusable, fault, advice) in [
        (Unusable::Page, Fault::Directory, "an ACME directory?"),
        (Unusable::TooLong, Fault::Directory, "an ACME directory?"),
        (
            Unusable::Incomplete("newNonce"),
            Fault::Directory,
            "an ACME directory?",
        ),
        (status(302), Fault::Directory, "an ACME directory?"),
        (status(404), Fault::Directory, "an ACME directory?"),
        (status(500), Fault::Directory, "by itself"),
        (status(429), Fault::Limited, "by itself"),
        (Unusable::Late, Fault::Directory, "Can this machine reach"),
    ] {
        let says_when = matches!(unusable, Unusable::Status { .. });
        let problem = format!("https://ca.example/dir: {unusable}");
        let failure = of_account(false, &Error::Other(Box::new(unusable)));
        assert_eq!(failure.problem, problem);
        assert_eq!(failure.fault, fault, "{problem}");
        assert!(
            failure.advice.contains(advice),
            "{problem}: {}",
            failure.advice
        );
        assert_eq!(failure.not_before.is_some(), says_when, "{problem}");
    }
    let failure = of_account(false, &Error::Json(json));
    assert!(
        failure.advice.contains("an ACME directory?"),
        "{}",
        failure.advice
    );
    let refused = Unusable::Refused {
        problem: serde_json::from_str(r#"{"type":"urn:ietf:params:acme:error:rateLimited"}"#)
            .unwrap(),
        again: crate::plan::moment(1_800_000_000),
    };
    let failure = of_account(false, &Error::Other(Box::new(refused)));
    assert_eq!(failure.fault, Fault::Limited);
    assert_eq!(failure.not_before, Some(crate::plan::moment(1_800_000_000)));
}
