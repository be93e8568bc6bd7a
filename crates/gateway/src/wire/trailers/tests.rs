use super::*;

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn what_a_trailer_may_not_say_is_dropped() {
    let mut all = fields(&[
        ("x-digest", "feed"),
        ("grpc-status", "0"),
        ("server-timing", "db;dur=5"),
        ("set-cookie", "a=1"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("host", "b.test"),
        ("authorization", "Basic x"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x.real.ip", "6.6.6.6"),
        ("if-match", "*"),
        ("content-security-policy", "default-src *"),
    ]);
    permit(&mut all);
    let mut names: Vec<_> = all.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["grpc-status", "server-timing", "x-digest"]);
    assert!(
        pass(Frame::trailers(fields(&[("host", "b.test")]))).is_none(),
        "a section with nothing in it is none"
    );
}

#[test]
fn a_section_is_no_longer_than_over_http_1() {
    let section = |length: usize| {
        let mut fields = HeaderMap::new();
        for _ in 0..2 {
            let value = HeaderValue::try_from("a".repeat(length / 2 - 4)).unwrap();
            fields.append("x", value);
        }
        Frame::trailers(fields)
    };
    assert!(!are_too_long(&section(MOST_TRAILERS)));
    assert!(are_too_long(&section(MOST_TRAILERS + 2)));
    let data = Frame::data(vec![0; MOST_TRAILERS + 1].into());
    assert!(!are_too_long(&data));
}

#[test]
fn te_is_read_as_a_list() {
    let te = |value| welcome(&fields(&[("te", value)]));
    assert!(te("trailers") && te("gzip, Trailers"));
    assert!(!te("gzip") && !te("trailers;q=0.5x") && !welcome(&HeaderMap::new()));
}
