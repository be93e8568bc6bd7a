//! What people read: refusals of a wrong panoply.toml, the output of `check`, the file that `init` writes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test may fail loudly, and waits by the real clock"
)]

mod support;

use std::process::Output;

use support::{Verdicts, panoply, root, text};
use tempfile::TempDir;

/// Runs the binary in `folder`, away from any environment of ours.
fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = panoply();
    command
        .args(arguments)
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100");
    if arguments.first() == Some(&"check") {
        // Whoever runs the tests, root or not.
        command.env("PANOPLY_RUN_USER", "nobody");
    }
    command.output().unwrap()
}

/// What `panoply check` says of a panoply.toml, as it is printed, with its exit code.
fn refusal(toml: &str) -> String {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    std::fs::write(folder.path().join("panoply.toml"), toml).unwrap();
    let output = run(&folder, &["check"]);
    assert!(
        !output.status.success(),
        "accepted:\n{toml}\n{}",
        text(&output.stdout)
    );
    let said = text(&output.stderr).replace(&folder.path().display().to_string(), "DIR");
    assert!(
        !said.contains('\u{1b}'),
        "colours where nobody reads them: {said:?}"
    );
    assert!(!said.contains("panicked"), "{said}");
    let first = said.lines().next().unwrap_or_default();
    let key = first
        .trim_start_matches("error: ")
        .split(": ")
        .next()
        .unwrap_or_default();
    assert!(
        first.matches(&format!("{key}: ")).count() < 2,
        "the key is said twice: {said}"
    );
    format!(
        "exit {}\n{}",
        output.status.code().unwrap_or(-1),
        said.trim_end()
    )
}

/// One snapshot a wrong file: the file first, then what is said of it.
macro_rules! refused {
    ($($name:ident: $toml:expr, [$($word:literal),* $(,)?];)*) => {$(
        #[test]
        fn $name() {
            let said = refusal($toml);
            // Whatever the wording, these words help.
            $(assert!(said.contains($word), "lacks {:?}: {said}", $word);)*
            insta::with_settings!({ description => $toml, omit_expression => true }, {
                insta::assert_snapshot!(said);
            });
        }
    )*};
}

refused! {
    an_unknown_key: "[app]\nupstream = \"http://127.0.0.1:3000\"\nupstreem = \"x\"\n", ["panoply.toml:3", "upstreem", "upstream"];
    an_unknown_table: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[header]\npreset = \"strict\"\n", ["header", "headers"];
    a_wrong_type: "[app]\nupstream = 3000\n", ["panoply.toml:2", "http://127.0.0.1:3000"];
    a_deadline_that_nobody_waits_for: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[store]\ndeadline = \"1m\"\n", ["panoply.toml:4", "write a time from `1ms` to `5s`"];
    more_headers_than_there_is_room_for: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[limits]\nheader_count = 60000\n", ["panoply.toml:4", "from `1` to `20000`"];
    a_bare_number_for_a_duration: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[limits]\nhead_timeout = 10\n", ["panoply.toml:4", "10s"];
    a_size_without_sense: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[limits]\nbody_bytes = \"10 megs\"\n", ["panoply.toml:4", "10 megs", "MB"];
    a_bad_csp_source: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nappend = { script-src = [\"self\"] }\n", ["panoply.toml:4", "'self'"];
    a_misspelt_csp_keyword: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nappend = { script-src = [\"'slef'\"] }\n", ["'slef'", "'self'"];
    an_unknown_csp_directive: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nappend = { scrpt-src = [\"https:\"] }\n", ["scrpt-src", "script-src"];
    none_beside_others: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nreplace = { img-src = [\"'none'\", \"https:\"] }\n", ["'none'"];
    preload_with_a_short_age: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.strict-transport-security]\nmax_age = \"30d\"\npreload = true\n", ["preload", "365d"];
    an_unknown_preset: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers]\npreset = \"helmit\"\n", ["panoply.toml:4", "helmit", "helmet"];
    a_bad_listen_address: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\nhttps = \"8443\"\n", ["panoply.toml:4", "127.0.0.1:8443"];
    a_duplicate_domain: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.example\", \"shop.example\"]\n", ["shop.example"];
    an_unknown_tls_mode: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"file\"\n", ["panoply.toml:4", "files"];
    acme_without_a_domain: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"acme\"\n", ["panoply.toml:4", "domains ="];
    a_rehearsal_of_nothing: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.test\"]\n[acme]\nstaging = true\n", ["panoply.toml:6", "mode = \"acme\""];
    a_wildcard_without_dns: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"*.shop.dev\"]\n", ["dns_hook"];
    an_unknown_directory: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[acme]\ndirectories = [\"letsencript\"]\n", ["panoply.toml:4", "letsencrypt"];
    an_unknown_challenge: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[acme]\nchallenges = [\"http\"]\n", ["panoply.toml:4", "http-01"];
    a_contact_that_is_none: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.dev\"]\n[acme]\ncontact = \"ops\"\n", ["panoply.toml:6", "ops@"];
    on_demand_without_a_directory: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[acme.on_demand]\nallow = \"http://127.0.0.1:3000/ours\"\n", ["panoply.toml:3", "tls.domains"];
    on_demand_for_everybody: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.dev\"]\n[acme.on_demand]\nmost = 5\n", ["panoply.toml:5", "allow"];
    a_hook_that_is_none: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[acme.on_demand]\nallow = \"https://hook/ours\"\n", ["panoply.toml:4", "http://127.0.0.1:3000/domains"];
    a_shared_certificate_for_a_stranger: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.dev\"]\n[acme]\ntogether = [[\"shop.dev\", \"shop.test\"]]\n", ["panoply.toml:6", "shop.test"];
    the_gateway_itself: "[listen]\nhttp = \":8080\"\n[app]\nupstream = \"http://localhost:8080\"\n", ["panoply.toml:4", "listen.http"];
    the_gateway_itself_by_another_name: "[listen]\nhttp = \":8080\"\n[app]\nupstream = \"http://LOCALHOST.:8080\"\n", ["panoply.toml:4", "listen.http"];
    an_app_without_tls: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls.app]\nca = \"ca.pem\"\n", ["panoply.toml:3", "https://"];
    an_app_without_an_authority: "[app]\nupstream = \"https://127.0.0.1:3000\"\n[tls.app]\nca = \"ca.pem\"\n", ["panoply.toml:4", "ca.pem"];
    an_app_by_no_name: "[app]\nupstream = \"https://127.0.0.1:3000\"\n[tls.app]\nname = \"https://app\"\n", ["panoply.toml:4", "app.internal"];
    an_app_that_nobody_checks: "[app]\nupstream = \"https://127.0.0.1:3000\"\n[tls.app]\ninsecure = true\n", ["panoply.toml:4", "ca"];
    half_a_certificate_for_the_app: "[app]\nupstream = \"https://127.0.0.1:3000\"\n[tls.app]\nkey = \"key.pem\"\n", ["panoply.toml:4", "certificate"];
    maintenance_for_nobody: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[maintenance]\nallow = [\"0.0.0.0/0\", \"::/0\"]\n", ["panoply.toml:4", "everybody"];
    a_challenge_that_is_too_hard: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[challenge]\nwork = 40\n", ["panoply.toml:4", "1 to 24"];
    a_host_that_is_none: "[app]\nupstream = \"http://127.0.0.1:3000\"\nhost = \"https://app\"\n", ["panoply.toml:3", "app.internal"];
    two_limits_of_answers_without_a_name: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[limit]]\nanswers = [401]\npoints = 3\nwindow = \"1m\"\nlock = \"1h\"\n[[limit]]\nanswers = [404]\npoints = 3\nwindow = \"1m\"\nlock = \"1h\"\n", ["panoply.toml:8", "one of its own"];
    clients_without_tls: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"off\"\n[tls.clients]\nca = \"clients.pem\"\n", ["panoply.toml:5", "tls.clients"];
    clients_without_an_authority: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls.clients]\nca = \"clients.pem\"\n", ["panoply.toml:4", "clients.pem"];
    an_unknown_presence: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls.clients]\nca = \"clients.pem\"\ncertificate = \"maybe\"\n", ["panoply.toml:5", "required"];
    files_without_a_key: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"files\"\ncertificate = \"cert.pem\"\n", ["key"];
    a_bad_trusted_proxy: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[client]\ntrusted_proxies = [\"10.0.0.0/33\"]\n", ["10.0.0.0/33"];
    command_and_upstream: "[app]\nupstream = \"http://127.0.0.1:3000\"\ncommand = [\"node\", \"server.js\"]\n", ["command", "upstream"];
    an_upstream_without_scheme: "[app]\nupstream = \"localhost:3000\"\n", ["panoply.toml:2", "http://"];
    a_proxy_that_is_everybody: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[client]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", ["0.0.0.0/0", "hops"];
    a_placeholder_too_short: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers]\nnonce_placeholder = \"abc\"\n", ["panoply.toml:4", "24"];
    no_workers_at_all: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\nworkers = 0\n", ["panoply.toml:4", "from 1 up"];
    too_many_hops: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[client]\nhops = 300\n", ["panoply.toml:4", "from 0 to 255"];
    a_number_for_a_table: "app = 1\n", ["panoply.toml:1", "[app]"];
    a_list_of_a_table: "[[app]]\nh2c = true\n", ["panoply.toml:1", "`[app]`"];
    a_table_of_a_list: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[limit]\npath = \"/api/\"\n", ["panoply.toml:3", "`[[limit]]`"];
    a_word_for_a_list: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[cookies]\nscript_readable = \"theme\"\n", ["panoply.toml:4", "`[\"theme\"]`"];
    a_number_for_a_list: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[login]]\npath = \"/in\"\nfailure = { status = 401 }\n", ["panoply.toml:5", "`[401]`"];
    a_table_and_its_key_in_one_line: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy] append = { script-src = [\"https://js.stripe.com\"] }\n", ["panoply.toml:3", "a line of its own"];
    a_name_of_helmet_s: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers]\nframeguard = true\n", ["panoply.toml:4", "x-frame-options"];
    a_prefix_without_a_slash: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[headers.path]]\nprefix = \"/a\"\n[[headers.path]]\nprefix = \"embed\"\n", ["panoply.toml:6", "\"/embed\""];
    admin_where_clients_come: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[admin]\nlisten = \"127.0.0.1:8443\"\n", ["panoply.toml:4", "admin.listen", "listen.https"];
    an_admin_page_for_everybody: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[admin]\nlisten = \"0.0.0.0:9100\"\n", ["panoply.toml:4", "admin.token", "openssl rand", "127.0.0.1:9100"];
    a_host_with_a_port: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\nhosts = [\"shop.example\", \"Shop.internal:8443\"]\n", ["panoply.toml:4", "write `shop.internal`"];
    a_host_that_is_no_list: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\nhosts = \"shop.example\"\n", ["panoply.toml:4", "[\"shop.example\"", "\"any\""];
    a_canonical_name_of_somebody_else: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\ncanonical = \"shop.example\"\n[tls]\ndomains = [\"www.shop.example\"]\n", ["panoply.toml:4", "tls.domains", "hosts = [\"shop.example\"]"];
    a_canonical_name_that_is_many: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\ncanonical = \"*.shop.example\"\nhosts = [\"*.shop.example\"]\n", ["panoply.toml:4", "`shop.example`"];
    a_drain_of_ages: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[limits]\ndrain = \"99999999999d\"\n", ["panoply.toml:4", "3650d"];
    a_path_where_nothing_is_different: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[limits.path]]\nprefix = \"/upload\"\n", ["panoply.toml:3", "body_bytes = \"200MiB\""];
    limits_of_a_pattern: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[limits.path]]\nprefix = \"/upload/*\"\nbody_bytes = \"1GiB\"\n", ["panoply.toml:4", "\"/upload\""];
    limits_that_no_path_has: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[[limits.path]]\npath = \"/upload\"\nbody_bytes = \"1GiB\"\n", ["panoply.toml:4", "prefix"];
    a_word_for_a_path: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[log]\nskip = [\"healthz\"]\n", ["panoply.toml:4", "/healthz"];
    a_deploy_hook_that_is_none: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.dev\"]\n[acme]\ndeploy_hook = [\"/no/such\"]\n", ["panoply.toml:6", "deploy-hook"];
    advice_that_was_followed_twice: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nappend = { script-src = [\"https://js.stripe.com\"] }\nappend = { img-src = [\"https://js.stripe.com\"] }\n", ["panoply.toml:5", "write it once"];
    not_toml: "[app\nupstream = \"x\"\n", ["panoply.toml:1"];
    a_header_with_a_newline: "[app]\nupstream = \"http://127.0.0.1:3000\"\n[headers.content-security-policy]\nappend = { script-src = [\"https://a.example\\nX-Evil: 1\"] }\n", ["panoply.toml:4"];
}

#[test]
fn what_check_says_of_a_good_file() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let toml = "[app]\ncommand = [\"node\", \"server.js\"]\n\n[headers.content-security-policy]\n\
        append = { script-src = [\"https://js.stripe.com\"] }\n\n[limits]\nbody_bytes = \"5MiB\"\n";
    std::fs::write(folder.path().join("panoply.toml"), toml).unwrap();
    let mut command = panoply();
    command
        .arg("check")
        .current_dir(folder.path())
        // Whoever runs the tests, root or not.
        .env("PANOPLY_RUN_USER", "nobody")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100");
    command.env("PANOPLY_LOG_FORMAT", "json");
    let output = command.output().unwrap();
    let said = text(&output.stdout).replace(&folder.path().display().to_string(), "DIR");
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(
        said.contains("https://js.stripe.com") && said.contains("5MiB"),
        "{said}"
    );
    let mut wrong = Verdicts::default();
    // With a certificate of the local authority no answer bears it.
    wrong.check(!said.contains("strict-transport-security"), || {
        "HSTS is promised, and not sent".to_owned()
    });
    wrong.check(said.contains("log.format"), || {
        "log.format is not listed".to_owned()
    });
    wrong.check(said.contains("PANOPLY_LOG_FORMAT"), || {
        "the environment is not named as a source".to_owned()
    });
    wrong.check(
        said.contains("script-src") && said.contains("line 5"),
        || "the policy's own line is not named as a source".to_owned(),
    );
    wrong.settle();
    insta::assert_snapshot!(without_aliases(&said));
}

/// The other names of cookies are made under the secret of the state directory.
fn without_aliases(said: &str) -> String {
    let mut parts = said.split("(id-");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        assert_eq!(part.as_bytes()[5], b')', "{part}");
        text.push_str("(id-.....");
        text.push_str(&part[5..]);
    }
    text
}

#[test]
fn what_weakens_is_listed() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let toml = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"off\"\n[client]\n\
        hops = 2\n[headers.content-security-policy]\nappend = { script-src = [\"'unsafe-inline'\"] }\n";
    std::fs::write(folder.path().join("panoply.toml"), toml).unwrap();
    let output = run(&folder, &["check"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    // Accepted, with the three things said aloud.
    assert!(output.status.success(), "{said}");
    for word in ["unsafe-inline", "hops", "tls.mode"] {
        assert!(said.contains(word), "{word} is not mentioned: {said}");
    }
    let hops = said
        .lines()
        .find(|line| line.trim_start().starts_with("client."))
        .unwrap_or_default();
    assert!(hops.ends_with("line 6"), "the source of `hops`: {hops}");
    assert!(!said.contains("over HTTPS"), "there is no HTTPS: {said}");
    let said = said.replace(&folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(without_aliases(&said));
}

#[test]
fn a_challenge_is_said_with_what_it_leaves_open() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let toml = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[challenge]\npaths = [\"/search\"]\n\
        except = [\"/search/feed\"]\nwork = 8\n";
    std::fs::write(folder.path().join("panoply.toml"), toml).unwrap();
    let said = text(&run(&folder, &["check"]).stdout);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in [
        "below /search: 8 bits of work, for a pass of 12h; never at /search/feed",
        "challenge.except: no pass is asked for at /search/feed",
        "challenge.work: 8 bits are no work to anybody",
    ] {
        assert!(words.contains(word), "{word} is not mentioned: {said}");
    }
}

#[test]
fn no_file_and_wrong_flags() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let mut wrong = Verdicts::default();
    let missing = run(&folder, &["check", "--config", "other.toml"]);
    wrong.check(
        !missing.status.success() && text(&missing.stderr).contains("other.toml"),
        || text(&missing.stderr),
    );
    let run_missing = run(&folder, &["run", "--config", "other.toml"]);
    wrong.check(
        !run_missing.status.success() && text(&run_missing.stderr).contains("other.toml"),
        || text(&run_missing.stderr),
    );
    let flag = run(&folder, &["run", "--upstreem", "http://127.0.0.1:1"]);
    wrong.equal("an unknown flag", flag.status.code(), Some(2));
    wrong.check(text(&flag.stderr).contains("--upstream"), || {
        text(&flag.stderr)
    });
    for command in ["run", "check"] {
        let bare = run(&folder, &[command, "node", "server.js"]);
        let said = text(&bare.stderr);
        wrong.equal("a command without --", bare.status.code(), Some(2));
        wrong.check(
            said.contains(&format!("`panoply {command} -- node …`")),
            || said.clone(),
        );
    }
    for (typed, meant) in [
        (&["run", "--port=8080"][..], "--listen-https"),
        (&["run", "--daemon"], "stays in the foreground"),
        (
            &["check", "other.toml"],
            "`panoply check --config other.toml`",
        ),
        (&["stop"], "SIGTERM"),
        (&["validate"], "`panoply check`"),
        (&["-t"], "`panoply check`"),
    ] {
        let output = run(&folder, typed);
        let said = text(&output.stderr);
        wrong.equal("what there is not", output.status.code(), Some(2));
        wrong.check(said.contains(meant) && !said.contains("similar"), || said);
    }
    std::fs::write(folder.path().join("short"), "too short\n").unwrap();
    let short = run(&folder, &["keys", "list", "--file", "short"]);
    wrong.check(text(&short.stderr).contains("short: a key has"), || {
        text(&short.stderr)
    });
    let keys = run(&folder, &["keys", "node"]);
    wrong.check(!text(&keys.stderr).contains("--`"), || text(&keys.stderr));
    let both = run(
        &folder,
        &[
            "run",
            "--upstream",
            "http://127.0.0.1:1",
            "--",
            "node",
            "server.js",
        ],
    );
    wrong.check(!both.status.success(), || {
        "both an upstream and a command".to_owned()
    });
    let neither = run(&folder, &["run"]);
    wrong.check(
        !neither.status.success() && text(&neither.stderr).contains("upstream"),
        || text(&neither.stderr),
    );
    let version = run(&folder, &["--version"]);
    wrong.check(text(&version.stdout).starts_with("panoply 0."), || {
        text(&version.stdout)
    });
    wrong.settle();
}

#[test]
fn a_rehearsal_is_asked_for_by_a_flag() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let upstream = ["--upstream", "http://127.0.0.1:1", "--acme-staging"];
    let asked = [&["check", "--domain", "shop.example.com"][..], &upstream].concat();
    let checked = run(&folder, &asked);
    let said = text(&checked.stdout);
    let mut rows = said
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    assert!(
        rows.any(|row| row == ["acme.staging", "true", "--acme-staging"]),
        "{said}{}",
        text(&checked.stderr)
    );
    // Where nothing is ordered there is nothing to rehearse.
    let local = run(&folder, &[&["check"][..], &upstream].concat());
    assert!(!local.status.success());
    let said = text(&local.stderr);
    assert!(
        said.contains("acme.staging") && said.contains("--domain"),
        "{said}"
    );
}

#[test]
fn init_writes_what_check_accepts() {
    let mut wrong = Verdicts::default();
    for name in ["express-login", "express-realtime", "express-files"] {
        let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
        let example = root().join("examples").join(name);
        let made = run(
            &folder,
            &["init", example.to_str().unwrap(), "--output", "-"],
        );
        wrong.check(made.status.success(), || {
            format!("{name}: {}", text(&made.stderr))
        });
        let toml = text(&made.stdout);
        wrong.check(
            toml.contains("[app]") && toml.contains("command") && toml.contains('#'),
            || toml.clone(),
        );
        std::fs::write(folder.path().join("panoply.toml"), &toml).unwrap();
        let checked = run(&folder, &["check", "--config", "panoply.toml"]);
        wrong.check(checked.status.success(), || {
            format!("{name}: {}\n{toml}", text(&checked.stderr))
        });

        let made = run(
            &folder,
            &[
                "init",
                example.to_str().unwrap(),
                "--output",
                "written.toml",
            ],
        );
        wrong.check(made.status.success(), || {
            format!("{name}: {}", text(&made.stderr))
        });
        let written =
            std::fs::read_to_string(folder.path().join("written.toml")).unwrap_or_default();
        wrong.equal(&format!("{name}: --output FILE"), written, toml.clone());
        // What somebody wrote is not overwritten.
        std::fs::write(folder.path().join("written.toml"), "# mine\n").unwrap();
        let again = run(
            &folder,
            &[
                "init",
                example.to_str().unwrap(),
                "--output",
                "written.toml",
            ],
        );
        let kept = std::fs::read_to_string(folder.path().join("written.toml")).unwrap();
        wrong.check(!again.status.success() && kept == "# mine\n", || {
            format!("{name}: overwrote a file")
        });
        if name == "express-login" {
            insta::assert_snapshot!(toml);
        }
    }
    wrong.settle();
}

#[test]
fn what_init_wrote_runs_the_app() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let example = root().join("examples/express-login");
    support::example("express-login");
    for file in ["package.json", "server.js"] {
        std::fs::copy(example.join(file), folder.path().join(file)).unwrap();
    }
    std::os::unix::fs::symlink(
        example.join("node_modules"),
        folder.path().join("node_modules"),
    )
    .unwrap();
    let made = run(&folder, &["init"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut command = panoply();
    command.args([
        "run",
        "--state",
        "state",
        "--listen-http",
        "127.0.0.1:0",
        "--listen-https",
        "127.0.0.1:0",
    ]);
    command.current_dir(folder.path());
    let mut process = support::Process::start(&mut command);
    let line = process.line_with(&["panoply: ready at "], std::time::Duration::from_mins(1));
    let origin = support::urls(&line)[0].clone();
    let answer = support::curl(
        &folder.path().join("state/ca.pem"),
        &[&format!("{origin}/login")],
    );
    assert!(
        answer
            .text()
            .contains("<form method=\"post\" action=\"/login\">"),
        "{answer:?}"
    );
}

#[test]
fn a_limit_that_holds_less_than_it_looks_is_told_of() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let limits = "[app]\nupstream = \"http://127.0.0.1:3000\"\n\n\
                  [[limit]]\npath = \"/a/\"\npoints = 9\nwindow = \"1m\"\n\n\
                  [[limit]]\npath = \"/b/\"\npoints = 9\nwindow = \"1m\"\nkey = \"user\"\n\n\
                  [[limit]]\npath = \"/c/\"\npoints = 9\nwindow = \"1m\"\nkey = [\"header:x-api-key\", \"path\"]\n";
    std::fs::write(folder.path().join("panoply.toml"), limits).unwrap();
    let output = run(&folder, &["check"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let weaker = said
        .split("Weaker than the defaults")
        .nth(1)
        .unwrap_or_default();
    assert!(!weaker.contains("limit[0]"), "{said}");
    assert!(
        weaker.contains("limit[1].key") && weaker.contains("in the place of a user"),
        "{said}"
    );
    assert!(
        weaker.contains("limit[2].key") && weaker.contains("`header:x-api-key`"),
        "{said}"
    );
}
