use panoply_core::Scheme;
use proptest::prelude::*;

use super::*;

fn hosts(names: &[&str]) -> Hosts {
    let mut written = HostNames::default();
    names.iter().try_for_each(|name| written.add(name)).unwrap();
    Hosts {
        written,
        enforced: true,
        ..Hosts::default()
    }
}

/// A request of a client at `peer` that has found us at 192.0.2.80.
fn request(host: &str, peer: &str) -> Request<()> {
    let mut request = Request::get("/").header(HOST, host).body(()).unwrap();
    let peer = format!("{peer}:9").parse().unwrap();
    let local = Some([192, 0, 2, 80].into());
    let connection = Connection::new(peer, None).with_local(local);
    request.extensions_mut().insert(connection);
    let client = ClientAddress::direct(peer, Scheme::Https);
    request.extensions_mut().insert(client);
    request
}

fn is_own(hosts: &Hosts, host: &str) -> bool {
    hosts.standing(&request(host, "203.0.113.9")) != Standing::Foreign
}

#[test]
fn the_names_of_the_site_and_no_others() {
    let hosts = hosts(&["shop.example", "*.shop.example", "198.51.100.7"]);
    for own in [
        "shop.example",
        "SHOP.example:8443",
        "shop.example.",
        "shop.example.:443",
        "www.shop.example",
        "198.51.100.7:80",
        "[::ffff:198.51.100.7]",
    ] {
        assert!(is_own(&hosts, own), "{own}");
    }
    for foreign in [
        "evil.example",
        "example",
        "a.b.shop.example",
        ".shop.example",
        "shop.example..",
        "xshop.example",
        "shop.example.evil.example",
        "198.51.100.8",
        "localhost",
        "127.0.0.1",
        "[::1]",
        ".",
    ] {
        assert!(!is_own(&hosts, foreign), "{foreign}");
    }
    assert!(is_own(&Hosts::default(), "evil.example"));
}

#[test]
fn who_looks_whether_it_is_well_knows_only_an_address() {
    let hosts = hosts(&["shop.example"]);
    assert!(is_own(&hosts, "192.0.2.80:8080"));
    let from_here = |host: &str, peer: &str| hosts.standing(&request(host, peer));
    for host in ["localhost:8443", "a.localhost", "127.0.0.2", "[::1]:80"] {
        for (peer, standing) in [
            ("127.0.0.1", Standing::Own),
            ("[::1]", Standing::Own),
            ("[::ffff:127.0.0.1]", Standing::Own),
            ("192.0.2.9", Standing::Foreign),
        ] {
            assert_eq!(from_here(host, peer), standing, "{host} from {peer}");
        }
    }
    assert_eq!(from_here("evil.example", "127.0.0.1"), Standing::Foreign);
    // Behind a proxy on this machine, that is the proxy.
    let mut proxied = request("localhost", "127.0.0.1");
    let peer = "127.0.0.1:9".parse().unwrap();
    let client = ClientAddress::new([203, 0, 113, 9].into(), peer, Scheme::Https);
    proxied.extensions_mut().insert(client);
    assert_eq!(hosts.standing(&proxied), Standing::Foreign);
}

#[test]
fn what_a_trusted_proxy_passes_on_is_what_counts_and_what_the_app_is_told() {
    let hosts = hosts(&["shop.example", "www.shop.example"]);
    let passed_on = |host: &str, forwarded: &str| {
        let mut request = request(host, "10.0.0.1");
        let peer = "10.0.0.1:9".parse().unwrap();
        let client = ClientAddress::new([203, 0, 113, 9].into(), peer, Scheme::Https);
        let client = client.with_host(forwarded.parse().ok());
        request.extensions_mut().insert(client);
        let standing = hosts.standing(&request);
        hosts.settle(&mut request);
        let told = request.headers()[HOST].to_str().unwrap().to_owned();
        (standing, told)
    };
    let own = |told: &str| (Standing::Own, told.to_owned());
    assert_eq!(passed_on("backend:80", "shop.example"), own("shop.example"));
    assert_eq!(
        passed_on("evil.example", "shop.example"),
        own("shop.example")
    );
    assert_eq!(
        passed_on("www.shop.example", "shop.example"),
        own("www.shop.example")
    );
    let (standing, _) = passed_on("shop.example", "evil.example");
    assert_eq!(standing, Standing::Foreign);
}

#[test]
fn other_names_lead_to_the_canonical_one() {
    let mut hosts = hosts(&["shop.example", "*.shop.example", "198.51.100.7"]);
    hosts.canonical = Some("www.shop.example".into());
    hosts.apart.add("api.shop.example").unwrap();
    let standing = |hosts: &Hosts, host: &str| match hosts.standing(&request(host, "203.0.113.9")) {
        Standing::Moved(to) => Some(to.to_owned()),
        standing => (standing == Standing::Foreign).then(|| "foreign".to_owned()),
    };
    for (host, leads_to) in [
        ("WWW.shop.example.:8443", None),
        ("shop.example:8443", Some("www.shop.example")),
        ("a.shop.example", Some("www.shop.example")),
        ("API.shop.example.", None),
        // Whoever looks whether it is well is to be told here.
        ("198.51.100.7", None),
        ("192.0.2.80", None),
        ("evil.example", Some("foreign")),
    ] {
        assert_eq!(standing(&hosts, host).as_deref(), leads_to, "{host}");
    }
    hosts.enforced = false;
    assert_eq!(standing(&hosts, "evil.example"), None);
    assert!(standing(&hosts, "shop.example").is_some());
}

#[test]
fn the_log_has_the_line_to_write() {
    let mut hosts = hosts(&["shop.example"]);
    assert_eq!(hosts.line("b.example"), "hosts = [\"b.example\"]");
    hosts.listed = vec!["a.example".to_owned()];
    assert_eq!(
        hosts.line("b.example"),
        "hosts = [\"a.example\", \"b.example\"]"
    );
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,3}(\\.[a-z][a-z0-9-]{0,2}[a-z]){0,3}"
}

proptest! {
    #[test]
    fn all_of_the_names_pass_however_they_are_written(
        names in prop::collection::vec(name(), 1..4),
        upper in any::<u64>(),
        dot in any::<bool>(),
        port in any::<Option<u16>>(),
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hosts = hosts(&names);
        for name in names {
            let mixed = name.char_indices().map(|(at, c)| {
                if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }
            });
            let mut host: String = mixed.collect();
            host.extend(dot.then_some('.'));
            if let Some(port) = port {
                host = format!("{host}:{port}");
            }
            prop_assert!(is_own(&hosts, &host), "{}", host);
        }
    }

    #[test]
    fn nothing_else_passes(
        names in prop::collection::vec(name(), 0..4),
        parents in prop::collection::vec(name(), 0..3),
        host in prop_oneof![name(), "[a-zA-Z0-9._-]{1,12}(:[0-9]{1,4})?"],
    ) {
        let wild: Vec<String> = parents.iter().map(|parent| format!("*.{parent}")).collect();
        let hosts = hosts(&names.iter().chain(&wild).map(String::as_str).collect::<Vec<_>>());
        let bare = host.split(':').next().unwrap().to_ascii_lowercase();
        let bare = bare.strip_suffix('.').unwrap_or(&bare);
        let below = |parent: &String| {
            let label = bare.strip_suffix(parent.as_str()).and_then(|rest| rest.strip_suffix('.'));
            label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
        };
        let known = names.iter().any(|name| name == bare) || parents.iter().any(below);
        prop_assert_eq!(is_own(&hosts, &host), known, "{}", host);
    }
}
