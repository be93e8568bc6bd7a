//! `panoply demo`.

use std::io::IsTerminal as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_gateway::config::Source;
use panoply_gateway::{Control, Gateway, Settings, Surroundings};

use super::{CameBack, DemoUrls, config, serve_app, serve_start_page};
use crate::args::DemoArgs;
use crate::print::{announce, fail, note};
use crate::run::finish;
use crate::source;

/// Serves the naive app naked, guarded, and explained, until a signal says stop.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    let bound = listen("--naked", &args.naked)
        .and_then(|naked| listen("--start", &args.start).map(|start| (naked, start)));
    let ((naked, naked_at), (start, start_at)) = match bound {
        Ok(bound) => bound,
        Err(message) => return fail(message),
    };
    let mut state = source::state(args.state.as_deref());
    // Blocks are released between attacks: not those of a gateway that is no demo.
    let own = match Control::of(&state).status() {
        Ok(_) => match tempfile::TempDir::with_prefix("panoply-demo-") {
            Ok(own) => Some(own),
            Err(error) => return fail(format!("error: no folder for the demo: {error}")),
        },
        Err(_) => None,
    };
    if let Some(own) = &own {
        own.path().clone_into(&mut state);
    }
    let start_url = format!("http://{start_at}");
    let came_back = Arc::new(CameBack::default());
    let watch = Arc::clone(&came_back);
    let around = Surroundings::new(&state, Arc::new(SystemClock::new()))
        .ends_with_terminal()
        .on_report(move |report| watch.report(report));
    let settings = Source::new()
        .text("the demo's panoply.toml", config(&start_url))
        .flag("--guarded", "listen.https", args.guarded.clone())
        .flag("--guarded", "listen.http", "off")
        .flag("--naked", "app.upstream", format!("http://{naked_at}"))
        .flag("demo", "log.level", "error")
        // It forgets everything when it ends.
        .flag("demo", "store.url", "memory:")
        .flag("demo", "log.access", false)
        .load()
        .and_then(|loaded| Settings::build(&loaded, &around));
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return fail(error.for_stderr()),
    };
    panoply_gateway::start_log(settings.log());
    let ca = settings
        .tls()
        .and_then(|tls| tls.ca_certificate())
        .map(std::path::Path::to_owned);
    let gateway = match Gateway::bind(settings, around) {
        Ok(gateway) => gateway,
        Err(error) => return fail(format!("error: {error}")),
    };
    let guarded = gateway.addresses().https.map(local).unwrap_or_default();
    let urls = DemoUrls {
        // Another host than the guarded one, or the two would share their cookies.
        naked: format!("http://{naked_at}"),
        guarded: format!("https://{guarded}"),
        start: start_url,
        ca,
        state,
    };
    let open = (!args.no_open && std::io::stdout().is_terminal()).then(|| urls.start.clone());
    let line = format!(
        "panoply: demo ready, open http://{} (naked {}, guarded {})",
        start_at, urls.naked, urls.guarded
    );
    let ready = move || {
        announce(line);
        if let Some(url) = open {
            note("press Ctrl-C to end it");
            open_browser(&url);
        }
    };
    let served = std::thread::Builder::new()
        .name("demo".to_owned())
        .spawn(move || serve(naked, start, urls, came_back));
    if let Err(error) = served {
        return fail(format!("error: the demo cannot be served: {error}"));
    }
    let reload = || Source::new().load();
    finish(gateway.run(ready, reload))
}

/// Opens the page where somebody sits in front of a screen; where that does not work, the line with
/// the address stands there all the same.
fn open_browser(url: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let program = match (cfg!(target_os = "macos"), has_screen) {
        (true, _) => "open",
        (false, true) => "xdg-open",
        (false, false) => return,
    };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        // Waited for elsewhere, so that it leaves no zombie and holds nothing up.
        std::thread::spawn(move || child.wait());
    }
}

/// A loopback address by the name that a local certificate is for.
fn local(address: SocketAddr) -> String {
    if address.ip().is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

fn listen(flag: &str, address: &str) -> Result<(TcpListener, SocketAddr), String> {
    let parsed = address.parse::<SocketAddr>().map_err(|_| {
        format!("error: `{flag} {address}` is not an address: write it as `127.0.0.1:3000`")
    })?;
    let bind = || {
        let listener = TcpListener::bind(parsed)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bind().map_err(|error: std::io::Error| {
        format!(
            "error: cannot listen on {parsed}: {error}; choose another with `{flag} 127.0.0.1:0`"
        )
    })
}

/// Serves the app and the start page; the process ends with the gateway.
fn serve(naked: TcpListener, start: TcpListener, urls: DemoUrls, came_back: Arc<CameBack>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async move {
            let naked = tokio::net::TcpListener::from_std(naked)?;
            let start = tokio::net::TcpListener::from_std(start)?;
            let page = serve_start_page(start, urls, came_back);
            tokio::try_join!(serve_app(naked), page)
        })
    });
    if let Err(error) = served {
        tracing::error!(%error, "the demo is no longer served");
    }
}
