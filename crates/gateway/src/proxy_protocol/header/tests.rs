use proptest::prelude::*;

use super::*;

fn whole(bytes: &[u8]) -> Option<SocketAddr> {
    match decode(bytes) {
        Ok(Decoded::Whole { length, source }) if length == bytes.len() => source,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

/// A header of version 2.
fn binary(what: u8, family: u8, said: &[u8]) -> Vec<u8> {
    let length = u16::try_from(said.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[what, family], &length, said].concat()
}

#[test]
fn both_versions_say_who_is_calling() {
    let v4 = Some("192.0.2.7:56324".parse().unwrap());
    let v6 = Some("[2001:db8::7]:65535".parse().unwrap());
    assert_eq!(
        whole(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"),
        v4
    );
    assert_eq!(
        whole(b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 443\r\n"),
        v6
    );
    let said = [
        &[192, 0, 2, 7, 198, 51, 100, 1][..],
        &56324_u16.to_be_bytes(),
        &[1, 187],
    ]
    .concat();
    assert_eq!(whole(&binary(0x21, 0x11, &said)), v4);
    // What a proxy adds, here the name that the client asked for, is passed over.
    let more = [&said[..], &[2, 0, 3], b"a.b"].concat();
    assert_eq!(whole(&binary(0x21, 0x11, &more)), v4);
    let said = [
        &"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets()[..],
        &[0; 16],
        &[255, 255, 1, 187],
    ]
    .concat();
    assert_eq!(whole(&binary(0x21, 0x21, &said)), v6);
}

#[test]
fn a_proxy_that_calls_for_itself_names_nobody() {
    for line in [
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n",
    ] {
        assert_eq!(whole(line.as_bytes()), None);
    }
    for (what, family, said) in [
        (0x20, 0x00, &[][..]),
        (0x20, 0x11, &[10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1]),
        (0x21, 0x00, &[]),
        (0x21, 0x31, &[0; 216]),
    ] {
        assert_eq!(whole(&binary(what, family, said)), None);
    }
}

#[test]
fn what_is_no_header_is_none() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        &format!("PROXY UNKNOWN {}\r\n", "x".repeat(200)),
        &"PROXY ".repeat(30),
    ] {
        assert!(decode(line.as_bytes()).is_err(), "{line:?}");
    }
    for (what, family, said) in [
        (0x11, 0x11, &[0; 12][..]),
        (0x22, 0x11, &[0; 12]),
        (0x21, 0x11, &[0; 11]),
        (0x21, 0x21, &[0; 35]),
        (0x21, 0x13, &[0; 12]),
        (0x21, 0x11, &[0; LONGEST]),
    ] {
        // What is wrong with it is known before all of it is there.
        let header = binary(what, family, said);
        assert!(decode(&header[..FIXED]).is_err(), "{what:x} {family:x}");
    }
}

#[test]
fn where_nobody_is_to_send_one_it_is_seen_all_the_same() {
    assert!(begins(
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\nGET / HTTP/1.1\r\n\r\n"
    ));
    assert!(begins(SIGNATURE));
    // Empty lines in front of a request are passed over.
    assert!(begins(&SIGNATURE[4..]));
    assert!(!begins(b"POST / HTTP/1.1\r\n"));
    assert!(!begins(b"PROXY"));
    assert!(!begins(b"\r\n\r\nGET / HTTP/1.1\r\n"));
}

proptest! {
    #[test]
    fn whoever_calls_is_read_as_he_is(source: SocketAddr, to: SocketAddr, follows: Vec<u8>) {
        let header = match (source.ip(), to.ip()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => format!("PROXY TCP4 {a} {b} {} {}\r\n", source.port(), to.port()),
            (IpAddr::V6(a), IpAddr::V6(b)) => format!("PROXY TCP6 {a} {b} {} {}\r\n", source.port(), to.port()),
            _ => return Ok(()),
        };
        let length = header.len();
        let bytes = [header.as_bytes(), &follows].concat();
        let source = Some(SocketAddr::new(source.ip(), source.port()));
        prop_assert_eq!(decode(&bytes), Ok(Decoded::Whole { length, source }));
    }

    #[test]
    fn any_bytes_read_the_same_in_pieces(data: Vec<u8>, begun in 0..3_usize) {
        let begun = [&b""[..], WORD, SIGNATURE][begun];
        crate::proxy_protocol::fuzz::proxy_protocol(&[begun, &data].concat());
    }
}
