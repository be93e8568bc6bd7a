//! Several apps behind one gateway, by path and by name: each has its own, and none stands in another's way.

use super::instances::Load;
use super::support;

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::upgrade::Last;
use support::{Answer, Gateway, Raw, Setup, curl, panoply, statuses, wait_for};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

/// Says who it is and what it was asked for, and how it ends.
const APP: &str = "
    import fs from 'fs'; import http from 'http';
    const name = process.argv[2];
    const server = http.createServer((request, answer) => {
        if (request.url === '/leads') {
            answer.writeHead(302, { location: '/login', 'set-cookie': 'a=1; Path=/sub' });
            answer.end();
            return;
        }
        const { host, 'x-forwarded-prefix': prefix, 'x-original-url': original } = request.headers;
        const page = JSON.stringify({ name, path: request.url, host, prefix, original, process: process.pid }) + '\\n';
        answer.setHeader('content-length', page.length);
        answer.end(page);
    });
    server.on('upgrade', (request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: own\\r\\nConnection: Upgrade\\r\\n\\r\\n');
        socket.end(`${name} ${request.url}\\n`);
    });
    process.on('SIGTERM', () => { fs.appendFileSync('ends', `${name}\\n`); process.exit(); });
    server.listen(process.env.PORT, '127.0.0.1');
";

fn command(name: &str) -> String {
    format!("command = [\"node\", \"app.mjs\", \"{name}\"]\n")
}

/// Three apps: one has what no other has, one `/api` and one the name `img.localhost`.
fn three(more: &str) -> Setup {
    let (web, api, img) = (command("web"), command("api"), command("img"));
    set_up(&format!(
        "[tls]\nmode = \"off\"\n[app]\n{web}\
         [[route]]\npath = \"/api\"\n{api}\
         [[route]]\ndomains = [\"img.localhost\"]\n{img}{more}"
    ))
}

fn set_up(config: &str) -> Setup {
    support::require("node");
    let setup = Gateway::setup().config(config);
    fs::write(setup.dir().join("app.mjs"), APP).unwrap();
    setup
}

fn visit(gateway: &Gateway, host: &str, path: &str) -> Answer {
    let host = format!("Host: {host}");
    curl(NULL.as_ref(), &["-H", &host, &gateway.url(path)])
}

/// Who answers, what it was asked for, and by which process.
fn who(gateway: &Gateway, host: &str, path: &str) -> (String, String, i32) {
    let answer = visit(gateway, host, path).json();
    let text = |key: &str| answer[key].as_str().unwrap().to_owned();
    let process = answer["process"].as_i64().unwrap();
    (text("name"), text("path"), i32::try_from(process).unwrap())
}

fn name(gateway: &Gateway, host: &str, path: &str) -> String {
    who(gateway, host, path).0
}

/// The processes of all three.
fn processes(gateway: &Gateway) -> [i32; 3] {
    let of = |(host, path)| who(gateway, host, path).2;
    [("a.test", "/"), ("a.test", "/api"), ("img.localhost", "/")].map(of)
}

/// Waits until all are up.
fn all_up(last: &Last) {
    wait_for("all apps", LONG, || {
        let status = last.status()?;
        let is_up = |app: &serde_json::Value| app.as_str().is_some_and(|app| app.starts_with("up"));
        let routes = status["routes"].as_array()?;
        let all = is_up(&status["app"]) && routes.iter().all(|route| is_up(&route["app"]));
        all.then_some(())
    });
}

fn lives(process: i32) -> bool {
    test_kill_process(Pid::from_raw(process).unwrap()).is_ok()
}

#[test]
fn each_app_has_its_own_paths_and_names() {
    let mut gateway = three("").start();
    let last = Last::of(&gateway);
    all_up(&last);
    for (host, path, app) in [
        ("a.test", "/", "web"),
        ("a.test", "/apis", "web"),
        ("a.test", "/API", "web"),
        ("a.test", "/api?/x", "api"),
        ("a.test", "/api/a%2Fb/", "api"),
        ("a.test", "/%61pi/c", "api"),
        ("img.localhost", "/", "img"),
        ("IMG.localhost:80", "/api", "img"),
        ("x.img.localhost", "/", "web"),
    ] {
        let (name, seen, _) = who(&gateway, host, path);
        assert_eq!((&*name, &*seen), (app, path), "{host}{path}");
    }
    let line = gateway
        .process
        .line_with(&["\"path\":\"/api/a%2Fb/\""], LONG);
    assert!(line.contains("\"app\":\"/api\""), "{line}");
    // What asks for another protocol goes there as well.
    let mut raw = Raw::open(gateway.address());
    raw.send(b"GET /api/x HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n");
    assert!(raw.read_until("x\n").ends_with("api /api/x\n"));
}

#[test]
fn an_app_that_is_not_told_of_its_path_is_below_it_all_the_same() {
    let (web, api) = (command("web"), command("api"));
    let gateway = set_up(&format!(
        "[tls]\nmode = \"off\"\n[app]\n{web}[[route]]\npath = \"/api/v1/\"\nstrip_path = true\n{api}\
         [[access]]\npath = \"/api/v1/admin\"\nallow = [\"192.0.2.1\"]\n"
    ));
    let gateway = gateway.start();
    let last = Last::of(&gateway);
    all_up(&last);
    for (path, seen) in [
        ("/api/v1", "/"),
        ("/api/v1/users?a=/b", "/users?a=/b"),
        ("/api/v1//evil.example/", "/evil.example/"),
    ] {
        let answer = visit(&gateway, "a.test", path).json();
        assert_eq!(answer["path"], seen, "{path}");
        assert_eq!(answer["prefix"], "/api/v1");
    }
    assert_eq!(name(&gateway, "a.test", "/api/v10"), "web");
    let led = visit(&gateway, "a.test", "/api/v1/leads");
    assert_eq!(led.header("location").unwrap(), "/api/v1/login");
    let cookie = led.header("set-cookie").unwrap();
    assert!(cookie.contains("Path=/api/v1/sub"), "{cookie}");
    // The guards see the path that was asked for, and the client's own word on it goes no further.
    assert_eq!(visit(&gateway, "a.test", "/api/v1/admin/x").status, 404);
    let said = "X-Forwarded-Prefix: //evil.example";
    let told = curl(NULL.as_ref(), &["-H", said, &gateway.url("/")]).json();
    assert!(told.get("prefix").is_none(), "{told}");
}

/// The guards read steps above the path, and the app below it: who could make of one path two is refused.
#[test]
fn nobody_steps_around_a_guard_below_a_path_that_is_left_out() {
    let (web, api) = (command("web"), command("api"));
    let gateway = set_up(&format!(
        "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n[app]\n{web}\
         [[route]]\npath = \"/api\"\nstrip_path = true\n{api}\
         [[access]]\npath = \"/api/admin\"\nallow = []\n[[login]]\npath = \"/api/token\"\n"
    ));
    let gateway = gateway.start();
    let last = Last::of(&gateway);
    all_up(&last);
    for path in [
        "/api/x/../../token",
        "/api/x/%2e%2e/%2E%2e/token",
        "/api/../x/../token",
        "/api/x/..;/..;a=b/token",
        "/api/x/..%5c..\\token",
        "/api/.//evil.example/",
        "/api/%2e%2e//evil.example/",
        "/api/x%c0%ae%c0%ae/token",
        "/api/%252e%252e/token",
        // Some apps take what they are told of off once more.
        "/api/api/token",
        "/api/%61pi/admin",
        "/api/API;x/token",
    ] {
        let url = gateway.url(path);
        let answer = curl(
            NULL.as_ref(),
            &["--path-as-is", "-d", "username=bob&password=x", &url],
        );
        // An `[[access]]` may hold it for one of its own, and was there first.
        let is_refused = [400, 404].contains(&answer.status);
        assert!(is_refused, "{path}: {}", answer.text());
    }
    // What only looks like it is no step, and no other app minds.
    for (path, app) in [
        (
            "/api/v1.2//a%2Fb/x..y/.well-known/%D0%90.%D0%A1.%D0%9F",
            "api",
        ),
        ("/x/../token", "web"),
    ] {
        let url = gateway.url(path);
        let answer = curl(NULL.as_ref(), &["--path-as-is", &url]).json();
        assert_eq!(answer["name"], app, "{path}");
    }
    // Another path that a proxy says is meant would be one below the prefix, to the app.
    for (meant, status) in [("/admin", 200), ("/api/admin", 404)] {
        let meant = format!("X-Original-URL: {meant}");
        let answer = curl(NULL.as_ref(), &["-H", &meant, &gateway.url("/api/x")]);
        assert_eq!(answer.status, status, "{meant}");
        assert!(!answer.text().contains("original"), "{}", answer.text());
    }
    // A client cannot have taken off what the app is told.
    let hop = "Connection: close, X-Forwarded-Prefix";
    let told = curl(NULL.as_ref(), &["-H", hop, &gateway.url("/api/x")]).json();
    assert_eq!(told["prefix"], "/api");
}

#[test]
fn a_name_can_be_there_for_some_alone() {
    let office =
        "[[access]]\npath = \"/\"\ndomains = [\"img.localhost\"]\nallow = [\"192.0.2.0/24\"]\n";
    let gateway = three(office).start();
    let last = Last::of(&gateway);
    all_up(&last);
    for (host, path, status) in [
        ("img.localhost", "/", 404),
        ("IMG.localhost.:8080", "/api", 404),
        ("a.test", "/", 200),
        ("a.test", "/api", 200),
    ] {
        assert_eq!(visit(&gateway, host, path).status, status, "{host}{path}");
    }
}

#[test]
fn one_app_s_end_is_nobody_else_s() {
    let gateway = three("").start();
    let last = Last::of(&gateway);
    all_up(&last);
    let [web, api, img] = processes(&gateway);
    kill_process(Pid::from_raw(api).unwrap(), Signal::KILL).unwrap();
    assert_eq!(name(&gateway, "a.test", "/"), "web");
    // Who asks for it waits until it is back.
    wait_for("its end", LONG, || (!lives(api)).then_some(()));
    assert_eq!(name(&gateway, "a.test", "/api"), "api");
    all_up(&last);
    let [web_again, api_again, img_again] = processes(&gateway);
    assert_eq!((web, img), (web_again, img_again));
    assert_ne!(api, api_again);
    let status = last.status().unwrap();
    assert!(
        !status["app"].as_str().unwrap().contains("ended"),
        "{status}"
    );
    let told = status["routes"][0]["app"].as_str().unwrap();
    assert!(told.contains("ended by itself once"), "{told}");
}

#[test]
fn one_app_or_all_are_started_anew_and_an_upgrade_takes_all_of_them() {
    let mut gateway =
        three("[[route]]\npath = \"/off\"\nupstream = \"http://127.0.0.1:9\"\n").start();
    let last = Last::of(&gateway);
    let up = || {
        wait_for("three apps", LONG, || {
            let told = last.status()?.to_string();
            (told.matches("\"up at").count() >= 3).then_some(())
        });
    };
    up();
    let before = processes(&gateway);
    let load = Load::new();
    let unwanted = std::cell::Cell::new(0);
    load.while_asking(gateway.address(), &["GET", "POST"], |more| {
        more();
        let (done, said) = last.ask(&["restart", "/api"]);
        assert!(done, "{said}");
        let [web, api, img] = processes(&gateway);
        assert_eq!([web, img], [before[0], before[2]]);
        assert_ne!(api, before[1]);
        let (done, said) = last.ask(&["restart"]);
        assert!(done, "{said}");
        let anew = processes(&gateway);
        assert!(
            anew.iter()
                .zip([web, api, img])
                .all(|(new, old)| *new != old)
        );
        for (app, why) in [
            (
                "/none",
                "the apps have `/`, `/api`, `img.localhost`, `/off`",
            ),
            ("/off", "the gateway has not started the app"),
        ] {
            let (done, said) = last.ask(&["restart", app]);
            assert!(!done && said.contains(why), "{said}");
        }
        // Each goes on with its own, whatever becomes of the others.
        let written = fs::read_to_string(gateway.config_path()).unwrap();
        let moved = written.replace("path = \"/api\"", "path = \"/rest\"");
        fs::write(gateway.config_path(), moved).unwrap();
        let (done, said) = last.upgrade();
        assert!(done, "{said}");
        more();
        assert_eq!(who(&gateway, "a.test", "/").2, anew[0]);
        assert_eq!(who(&gateway, "img.localhost", "/").2, anew[2]);
        assert_eq!(name(&gateway, "a.test", "/api"), "web");
        let (moved, _, process) = who(&gateway, "a.test", "/rest/x");
        assert_eq!(moved, "api");
        assert_ne!(process, anew[1]);
        unwanted.set(anew[1]);
    });
    assert_eq!(load.failed(), "");
    gateway.process.status(LONG);
    // What nobody wants any more ends with the gateway before.
    let unwanted = unwanted.get();
    wait_for("its end", LONG, || (!lives(unwanted)).then_some(()));
    let last_of_all = processes_of(&last);
    last.stop();
    for process in last_of_all {
        wait_for("its end", LONG, || (!lives(process)).then_some(()));
    }
}

/// An upgrade that comes to nothing leaves the apps to the gateway that goes on.
#[test]
fn an_upgrade_that_fails_ends_nobody_s_app() {
    let gateway = three("").start();
    let last = Last::of(&gateway);
    all_up(&last);
    let before = processes(&gateway);
    let written = fs::read_to_string(gateway.config_path()).unwrap();
    let load = Load::new();
    load.while_asking(gateway.address(), &["GET", "POST"], |more| {
        for (wrong, said) in [
            (
                format!("{written}[[route]]\npath = \"/new\"\ncommand = [\"panoply-is-no-such-program\"]\n"),
                "panoply-is-no-such-program",
            ),
            (
                written.replace(&command("web"), "command = [\"sh\", \"-c\", \"sleep 1; exit 4\"]\n"),
                "status 4",
            ),
        ] {
            more();
            fs::write(gateway.config_path(), wrong).unwrap();
            let (done, told) = last.upgrade();
            assert!(!done && told.contains(said), "{told}");
            more();
            assert_eq!(processes(&gateway), before);
        }
    });
    assert_eq!(load.failed(), "");
    assert!(
        !last
            .status()
            .unwrap()
            .to_string()
            .contains("ended by itself")
    );
}

/// Those that the gateway has started.
fn processes_of(last: &Last) -> Vec<i32> {
    let status = last.status().unwrap();
    let routes = status["routes"].as_array().unwrap().iter();
    let all = routes
        .chain([&status])
        .flat_map(|app| app["instances"].as_array().unwrap());
    all.filter_map(|one| i32::try_from(one["process"].as_i64()?).ok())
        .collect()
}

#[test]
fn an_app_that_ends_at_its_start_keeps_nobody_else_from_serving() {
    let broken = "[[route]]\npath = \"/broken\"\npatience = \"0s\"\n\
                  command = [\"sh\", \"-c\", \"test -f mended || exit 7; exec node app.mjs mended\"]\n";
    let mut gateway = three(broken).start();
    let last = Last::of(&gateway);
    assert_eq!(name(&gateway, "a.test", "/api"), "api");
    assert_eq!(visit(&gateway, "a.test", "/broken").status, 503);
    gateway.process.line_with(
        &["the app has ended", "\"app\":\"/broken\"", "exit status: 7"],
        LONG,
    );
    let (well, said) = last.ask(&["health"]);
    assert!(well && said.contains("/broken starting"), "{said}");
    // Nor from being replaced.
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    assert_eq!(visit(&gateway, "a.test", "/broken").status, 503);
    fs::write(gateway.dir.path().join("mended"), "").unwrap();
    wait_for("the mended app", LONG, || {
        (visit(&gateway, "a.test", "/broken").status == 200).then_some(())
    });
}

#[test]
fn where_the_site_s_own_app_cannot_be_started_the_others_end_in_order() {
    let api = command("api");
    for (broken, said) in [
        (
            "[\"panoply-is-no-such-program\"]",
            "panoply-is-no-such-program",
        ),
        (
            "[\"sh\", \"-c\", \"sleep 2; exit 7\"]",
            "the app ended with status 7",
        ),
    ] {
        let words = format!("command = {broken}\n");
        let setup = set_up(&format!(
            "[tls]\nmode = \"off\"\n[app]\n{words}[[route]]\npath = \"/api\"\n{api}"
        ));
        let (mut process, dir, _) = setup.spawn();
        let status = process.status(LONG);
        assert!(!status.success(), "{status}");
        let told = process.said().join("\n");
        assert!(told.contains(said), "{told}");
        let ends = fs::read_to_string(dir.path().join("ends")).unwrap_or_default();
        // One that is not there yet has nothing to end.
        assert!(
            said.contains("no-such") || ends == "api\n",
            "{ends}: {told}"
        );
    }
}

#[test]
fn check_tells_of_them_and_of_what_is_wrong() {
    let setup = three("");
    let check = |setup: &Setup| {
        let mut command = panoply();
        command.arg("check").current_dir(setup.dir());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    };
    let said = check(&setup);
    for line in [
        "  /api: node app.mjs api\n",
        "  img.localhost: node app.mjs img\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn requests_over_one_connection_go_to_whom_they_are_for() {
    let gateway = three("").start();
    let last = Last::of(&gateway);
    all_up(&last);
    let mut kept = Raw::open(gateway.address());
    for (host, path, app) in [
        ("a.test", "/", "web"),
        ("a.test", "/api", "api"),
        ("img.localhost", "/", "img"),
        ("a.test", "/api", "api"),
        ("a.test", "/", "web"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        kept.send(request.as_bytes());
        let answer = kept.read_until("}\n");
        assert_eq!(statuses(&answer), [200]);
        assert!(answer.contains(&format!("\"name\":\"{app}\"")), "{answer}");
    }
}
