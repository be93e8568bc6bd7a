use http::Request;

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));
const NOW: Duration = Duration::from_secs(100);

fn head(method: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn door(address: &str) -> Door {
    Door::new(address.parse().unwrap())
}

fn token() -> Secret {
    secret("correct horse battery staple")
}

#[test]
fn names_that_strangers_may_point_here_are_not_ours() {
    let door = door("127.0.0.1:9100");
    let by = |host: &str| door.addressed(&head("GET", &[("host", host)]), None);
    for own in [
        "127.0.0.1:9100",
        "localhost:9100",
        "LOCALHOST",
        "localhost.",
        "[::1]:9100",
        "x.localhost:1",
        "10.1.2.3",
    ] {
        assert_eq!(by(own), Ok(()), "{own}");
    }
    for other in [
        "evil.test:9100",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "",
        "[evil]",
        "127.0.0.1@evil.test",
        "[::1].evil.test",
        "[::1]evil.test:9100",
        "[127.0.0.1].evil.test",
        "localhost:9100:evil.test",
        "127.0.0.1:evil.test",
    ] {
        assert_eq!(by(other), Err(Stopped::Name), "{other}");
    }
    // Scrapers of HTTP/1.0 name none; browsers always do.
    assert_eq!(door.addressed(&head("GET", &[]), None), Ok(()));
    let named = head("GET", &[("host", "ops.internal:9100")]);
    assert_eq!(door.addressed(&named, Some(&token())), Ok(()));
}

#[test]
fn an_open_listener_that_lost_its_token_answers_nobody() {
    let named = head("GET", &[("host", "10.0.0.5:9100")]);
    for open in ["10.0.0.5:9100", "0.0.0.0:9100", "[::]:9100"] {
        assert_eq!(door(open).addressed(&named, None), Err(Stopped::NoToken));
    }
    for own in ["127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(door(own).addressed(&named, None), Ok(()), "{own}");
    }
}

#[test]
fn other_sites_may_link_to_the_page_and_nothing_else() {
    let door = door("127.0.0.1:9100");
    let from = |method: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("host", "127.0.0.1:9100")];
        all.extend(fields);
        door.addressed(&head(method, &all), None)
    };
    let navigates = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for site in ["cross-site", "same-site"] {
        let site = ("sec-fetch-site", site);
        assert_eq!(from("GET", &[site]), Err(Stopped::OtherSite));
        let [mode, dest] = navigates;
        assert_eq!(from("GET", &[site, mode, dest]), Ok(()));
        assert_eq!(from("POST", &[site, mode, dest]), Err(Stopped::OtherSite));
        let frame = ("sec-fetch-dest", "iframe");
        assert_eq!(from("GET", &[site, mode, frame]), Err(Stopped::OtherSite));
    }
    assert_eq!(from("POST", &[("sec-fetch-site", "same-origin")]), Ok(()));
}

#[test]
fn changes_come_from_the_own_page_or_with_the_token() {
    let own = |fields: &[(&str, &str)]| {
        let mut all = vec![("host", "127.0.0.1:9100")];
        all.extend(fields);
        Door::is_own_page(&head("POST", &all))
    };
    assert!(own(&[("origin", "http://127.0.0.1:9100")]));
    assert!(own(&[("origin", "https://127.0.0.1:9100")]));
    assert!(own(&[("sec-fetch-site", "same-origin")]));
    assert!(own(&[("authorization", "Bearer x")]));
    assert!(!own(&[]), "no word of where it comes from");
    for origin in [
        "http://evil.test",
        "null",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "ftp://127.0.0.1:9100",
        "http://localhost:9100",
    ] {
        assert!(!own(&[("origin", origin)]), "{origin}");
        let both = [("origin", origin), ("authorization", "Bearer x")];
        assert!(!own(&both), "{origin} with a token");
    }
    let claimed = [
        ("origin", "http://127.0.0.1:9100"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert!(!own(&claimed));
}

#[test]
fn the_token_opens_a_session_that_ends() {
    let door = door("10.0.0.5:9100");
    let token = token();
    let ask =
        |fields: &[(&str, &str)], now| door.admitted(&head("GET", fields), Some(&token), PEER, now);
    assert_eq!(ask(&[], NOW), Err(Stopped::Stranger));
    let right = "bearer correct horse battery staple";
    assert_eq!(ask(&[("authorization", right)], NOW), Ok(()));
    assert_eq!(
        ask(&[("authorization", "Basic correct")], NOW),
        Err(Stopped::Stranger)
    );
    assert_eq!(
        door.open("wrong", &token, PEER, NOW),
        Err(Stopped::Stranger)
    );
    let cookie = door
        .open("correct horse battery staple", &token, PEER, NOW)
        .unwrap();
    let cookie = cookie.to_str().unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let sent = format!("theme=dark; panoply_admin=tossed; {pair}");
    assert_eq!(ask(&[("cookie", &sent)], NOW), Ok(()));
    assert_eq!(
        ask(&[("cookie", &sent)], NOW + SESSION),
        Err(Stopped::Stranger)
    );
    // Another token ends the sessions of the one before.
    let other = secret("another token altogether");
    let again = head("GET", &[("cookie", &sent)]);
    assert_eq!(
        door.admitted(&again, Some(&other), PEER, NOW),
        Err(Stopped::Stranger)
    );
    door.close(&again);
    assert_eq!(ask(&[("cookie", &sent)], NOW), Err(Stopped::Stranger));
}

#[test]
fn sessions_are_bounded() {
    let door = door("10.0.0.5:9100");
    for _ in 0..3 * SESSIONS {
        door.open("correct horse battery staple", &token(), PEER, NOW)
            .unwrap();
    }
    assert_eq!(door.sessions.borrow().len(), SESSIONS);
}

#[test]
fn guessing_is_not_listened_to() {
    let door = door("10.0.0.5:9100");
    let right = |peer, now| door.open("correct horse battery staple", &token(), peer, now);
    for _ in 0..WRONG {
        assert_eq!(door.open("x", &token(), PEER, NOW), Err(Stopped::Stranger));
    }
    assert_eq!(right(PEER, NOW), Err(Stopped::Guessing));
    assert!(right([10, 0, 0, 8].into(), NOW).is_ok(), "others may");
    for n in 0..300_u16 {
        let [high, low] = n.to_be_bytes();
        let _ = door.open("x", &token(), [10, 9, high, low].into(), NOW);
    }
    assert!(door.wrong.borrow().by.len() <= COUNTED);
    assert!(
        right([10, 0, 0, 99].into(), NOW).is_ok(),
        "many strangers do not shut out who has guessed nothing"
    );
    assert_eq!(right(PEER, NOW), Err(Stopped::Guessing), "who has, stays");
    assert!(right(PEER, NOW + MINUTE).is_ok(), "a minute later");
}
