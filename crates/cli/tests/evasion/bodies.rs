//! Forms and JSON.

use super::{FORM, JSON, Login, Reads};

/// What qs and querystring read of a form.
pub(crate) fn forms() -> Vec<Login> {
    let form = |app, body: &str| Login::of(app, FORM, body);
    let mut logins = Vec::new();
    // Both ways of parsing read these.
    for body in [
        "username=alice",
        "password=x&username=alice",
        "&&username=alice&",
        "username=ALICE",
        "username=%61lice",
        "username=%61%6C%69%63%65",
        "%75sername=alice",
        "user%6e%61me=alice",
        "username=alice+",
        "username=%20alice%09",
        "username=alice%0d%0a",
        "username=bob&username=alice",
        "username=alice&username=bob&username=carol",
        "username[]=alice",
        "username%5B%5D=alice",
        "username%5b%5d=bob&username[]=alice",
        "[username]=alice",
        "%5Busername%5D=alice",
        "[username]=bob&username=alice",
        "__proto__=x&username=alice",
        "\u{feff}username=alice",
        "{\"x\":\"&username=alice&\"}",
        "{\"&username=alice&password=x&\":1}",
        "[\"&username=alice&\"]",
        "{\"username\":\"bob\",\"x\":\"&username=alice&\"}",
        "--b&username=alice&",
        "x=%ZZ&username=alice",
        "%ff=x&username=alice",
        "utf8=%E2%9C%93&username=alice",
        "utf8=%26%2310003%3B&username=alice",
        "_charset_=utf-7&username=alice",
        "_charset_=ISO-8859-1&username=alice",
        "x=1;y=2&username=alice",
        "username=alice&x[=]=y]=z",
    ] {
        let apps: &[&str] =
            if body.contains("[]") || body.contains("%5b") || body.contains("%5B%5D=") {
                &["extended"]
            } else {
                &["simple", "extended"]
            };
        logins.extend(apps.iter().map(|app| form(app, body)));
    }
    for body in [
        "username[0]=alice",
        "username[99]=alice",
        "username[101]=alice",
        "username[5000]=alice&username[1]=bob",
        "username[][]=alice",
        "username[x]=alice",
        "username[x][y][z]=alice",
        "username[=]=alice",
        "username[a=b]=alice",
        "username[a=b][c]=alice&username[]=bob",
        "username[$ne]=alice",
        "username[constructor]=alice",
        "username[toString]=alice",
        "username%5Bx%5D%5B%5D=alice",
        "user[name]=alice",
        "user[name][]=alice",
        "user%5Bname%5D=alice",
        "[user][name]=alice",
        "user[name]=bob&user[name]=alice",
        "user[password]=x&user[name]=alice",
        "user[name][x]=alice",
        "user[name]junk=alice",
        "user[name]password[]=alice",
        "user[name]x[0]y=alice",
    ] {
        logins.push(form("extended", body));
    }
    logins.extend([
        form("any-form", "username=alice"),
        form("text-dots", "user.name=alice"),
        form("text-dots", "user.name]password=alice"),
        form("text-dots", "user.name[]=alice"),
        form("text-dots", "?username=alice"),
        form("text-dots", ".username=alice"),
        form("text-form", "username=alice%").reads(Reads::Nothing),
        form("text-form", "username=%61lice&username=%E0%A4%A"),
        form("entities", "utf8=%26%2310003%3B&username=%26%2397%3Blice"),
        form(
            "entities",
            "utf8=%26%2310003%3B&username=%26%2365633%3Blice",
        )
        .reads(Reads::Nothing),
        form(
            "entities",
            "utf8=%26%2310003%3B&username=%26%231114209%3Blice",
        ),
        form(
            "entities",
            "utf8=%26%2310003%3B&username=%26%23000097%3Blice",
        ),
        form("entities", "utf8=%26%2310003%3B&username=%61lice"),
        Login::of(
            "entities",
            &format!("{FORM}; charset=iso-8859-1"),
            "username=%26%2397%3B%26%23108%3Bice",
        ),
        // A thousand parameters are read, one more is not.
        form("simple", &format!("{}username=alice", "x=1&".repeat(999))),
        form("extended", &format!("username=alice{}", "&x=1".repeat(999))),
        form("simple", &format!("{}username=alice", "x=1&".repeat(1000))).reads(Reads::Nothing),
        form(
            "simple",
            &format!("{}username=alice", "username=bob&".repeat(99)),
        ),
    ]);
    // What never was hers.
    for body in [
        "username=bob&password=alice",
        "username=alice2",
        "username=alic",
        "username=al+ice",
        "username=bob&nickname=alice",
        "username=bob&x=1%26username=alice",
        "username=bob%26username%3Dalice",
        "username=bob&comment=username%3Dalice",
        "username=%2561lice",
        "password=alice",
        "username=bob&remember=on&_csrf=alice",
        "username=alice@example.test",
    ] {
        logins.push(form("simple", body).reads(Reads::Other));
    }
    for login in &mut logins {
        if login.body == b"password=alice" {
            // The app has no name to read, and says so itself.
            login.reads = Reads::Nothing;
        }
    }
    logins
}

/// What `JSON.parse` reads.
pub(crate) fn json() -> Vec<Login> {
    let json = |app, body: &str| Login::of(app, JSON, body);
    let mut logins = Vec::new();
    for body in [
        r#"{"username":"alice"}"#,
        r#"{"username":"ALICE","password":"x"}"#,
        " \r\n\t{ \"username\" : \"alice\" } \n",
        r#"{"user\u006eame":"alice"}"#,
        r#"{"username":"\u0061lice"}"#,
        r#"{"username":"\u0041\u006c\u0049ce"}"#,
        r#"{"username":"alice\u0000","username":"alice"}"#,
        r#"{"username":"alice\n"}"#,
        r#"{"username":"bob","username":"alice"}"#,
        r#"{"username":"bob","user\u006eame":"alice"}"#,
        r#"{"username":"bob","x":{"username":"carol"},"username":"alice"}"#,
        r#"{"username":["alice"]}"#,
        r#"{"username":[["alice"]]}"#,
        r#"{"username":["bob","alice"]}"#,
        r#"{"username":{"$eq":"alice"}}"#,
        r#"{"username":{"x":{"y":["alice"]}}}"#,
        r#"{"username":{"__proto__":"alice"}}"#,
        r#"{"user":{"name":"alice"}}"#,
        r#"{"user":{"name":["alice"]}}"#,
        r#"{"user":{"name":"bob"},"user":{"name":"alice"}}"#,
        "\u{feff}{\"username\":\"alice\"}",
        r#"{"x":"\ud800","username":"alice"}"#,
        r#"{"\udfff":1,"username":"alice"}"#,
        r#"{"x":1e999,"username":"alice"}"#,
        r#"{"x":-0,"username":"alice"}"#,
        r#"{"__proto__":{"username":"bob"},"username":"alice"}"#,
    ] {
        logins.push(json("simple", body));
        logins.push(json("loose", body));
    }
    let deep = format!(
        "{{\"x\":{}1{},\"username\":\"alice\"}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    logins.extend([
        json("simple", &deep),
        json("assigning", r#"{"__proto__":{"username":"alice"}}"#),
        json("assigning", r#"{"__proto__":{"username":["bob","alice"]}}"#),
        json("assigning", r#"{"__proto__":{"user":{"name":"alice"}}}"#),
        json("text-json", "\u{b}\u{a0}{\"username\":\"alice\"}\u{feff}"),
        Login::of("text-json", "text/plain", "\u{a0}{\"username\":\"alice\"}"),
        Login::of(
            "text-json",
            FORM,
            "\u{2003}\u{feff}\u{feff}{\"username\":\"alice\"}",
        ),
        Login::of(
            "simple",
            JSON,
            b"{\"x\":\"\xff\",\"username\":\"alice\"}".to_vec(),
        ),
        Login::of(
            "simple",
            JSON,
            b"{\"\xc3\x28\":1,\"username\":\"alice\"}".to_vec(),
        ),
        json("simple", "{\"username\":\"alice\"} x").reads(Reads::Nothing),
        json("simple", "{\"username\":\"alice\"}{}").reads(Reads::Nothing),
        json("simple", "{'username':'alice'}").reads(Reads::Nothing),
        json("simple", "{\"username\":\"alice\",}").reads(Reads::Nothing),
        json("loose", "\"alice\"").reads(Reads::Nothing),
        json("loose", "null").reads(Reads::Nothing),
    ]);
    for body in [
        r#"{"username":"bob","password":"alice"}"#,
        r#"{"username":"bob","password":"\",\"username\":\"alice"}"#,
        r#"{"username":"alice2"}"#,
        r#"{"username":["bob"],"x":["alice"]}"#,
        r#"{"username":12345}"#,
        r#"{"username":true,"remember":false,"totp":null}"#,
    ] {
        logins.push(json("simple", body).reads(Reads::Other));
    }
    logins
}

/// Names in other letters that fold to hers.
pub(crate) fn letters() -> Vec<Login> {
    let mut logins = Vec::new();
    for (user, names) in [
        (
            "alice",
            &[
                "Alice",
                "aLICE",
                "ａｌｉｃｅ",
                "ＡＬＩＣＥ",
                "𝒂𝒍𝒊𝒄𝒆",
                "ⓐⓛⓘⓒⓔ",
                "alıce",
                "ªlice",
                "\u{feff}alice",
                "\u{a0}alice\u{3000}",
                "alice\u{2028}",
                "aⅼⅰⅽe",
            ][..],
        ),
        ("josé", &["jose\u{301}", "JOSÉ", "JOSE\u{301}", "ｊosé"]),
        (
            "strasse",
            &["straße", "STRASSE", "ſtraſſe", "STRAẞE", "ﬆrasse"],
        ),
    ] {
        for name in names {
            let form = super::written(name.bytes(), |byte| format!("%{byte:02X}"));
            logins.push(Login::of("simple", FORM, format!("username={form}")).user(user));
            logins.push(Login::of("extended", FORM, format!("username={name}")).user(user));
            logins
                .push(Login::of("simple", JSON, format!("{{\"username\":\"{name}\"}}")).user(user));
            let units = super::written(name.encode_utf16(), |unit| format!("\\u{unit:04x}"));
            logins.push(
                Login::of("raw-json", "", format!("{{\"username\":\"{units}\"}}")).user(user),
            );
        }
    }
    let latin = format!("{FORM}; charset=ISO-8859-1");
    logins.extend([
        Login::of("latin", FORM, "username=jos%E9").user("josé"),
        Login::of("latin", FORM, b"username=jos\xe9".to_vec()).user("josé"),
        Login::of("simple", &latin, "username=jos%e9").user("josé"),
        Login::of("simple", &latin, b"username=JOS\xc9".to_vec()).user("josé"),
        Login::of("entities", FORM, "utf8=%26%2310003%3B&username=jos%E9").user("josé"),
        Login::of(
            "entities",
            FORM,
            "utf8=%26%2310003%3B&username=jos%26%23233%3B",
        )
        .user("josé"),
        Login::of(
            "entities",
            FORM,
            "utf8=%26%2310003%3B&username=%26%2374%3Bos%26%23101%3B%26%23769%3B",
        )
        .user("josé"),
    ]);
    // To Express they are others; to a database that compares by MySQL's default collation they are hers.
    for name in ["älice", "alice\u{301}", "al\u{ad}ice"] {
        logins.push(Login::of("simple", FORM, format!("username={name}")).reads(Reads::Nothing));
    }
    for name in ["аlice", "al\u{2003}ice", "alce"] {
        logins.push(Login::of("simple", FORM, format!("username={name}")).reads(Reads::Other));
    }
    logins
}
