//! A naive app and the page that shows it twice: naked, and behind Panoply.
//!
//! The app makes on purpose the mistakes that Panoply makes up for. It must stay harmless all the
//! same: nothing leaves memory, everything is bounded, and it is served on loopback only.

mod app;
mod command;
mod form;
mod html;
mod lab;
mod server;
mod start_page;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc};

use tokio::net::TcpListener;

pub(crate) use self::command::run;

use self::lab::CameBack;

/// Where the two faces of the demo app are found.
///
/// The naked one should have the start page's host and the guarded one another (`127.0.0.1` and
/// `localhost`): cookies are kept by host and not by port, so the two would share a session; and a
/// frame or form across sites would be without the naked app's cookie, which `SameSite` then
/// guards by default.
#[derive(Debug, Clone)]
struct DemoUrls {
    /// The app itself, as `http://127.0.0.1:3000`.
    naked: String,
    /// The gateway in front of it, as `https://localhost:8443`.
    guarded: String,
    /// The page that attacks both, as `http://127.0.0.1:8000`.
    start: String,
    /// The local CA's certificate, when the gateway's certificate comes from it.
    ca: Option<PathBuf>,
    /// The gateway's state directory.
    state: PathBuf,
}

/// What the guarded shop is run with, beside addresses: all that is not a default.
fn config(start: &str) -> String {
    include_str!("guarded.toml").replace("START", start)
}

/// Serves The Naive Shop until the future is dropped.
///
/// # Errors
///
/// When the listener can accept no more connections.
async fn serve_app(listener: TcpListener) -> io::Result<()> {
    let shop = app::Shop::default();
    let handle = move |request| std::future::ready(shop.handle(&request));
    server::serve(listener, handle).await
}

/// Serves the page that attacks both faces, until the future is dropped.
///
/// # Errors
///
/// When the listener can accept no more connections, or the local CA cannot be read.
async fn serve_start_page(
    listener: TcpListener,
    urls: DemoUrls,
    came_back: Arc<CameBack>,
) -> io::Result<()> {
    let page = Arc::new(start_page::StartPage::new(&urls));
    let lab = Arc::new(lab::Lab::new(&urls, came_back)?);
    let handle = move |request: http::Request<bytes::Bytes>| {
        let (page, lab) = (Arc::clone(&page), Arc::clone(&lab));
        async move {
            if start_page::is_loopback(&request)
                && let Some(response) = lab.answer(&request).await
            {
                return page.hardened(response);
            }
            page.handle(&request)
        }
    };
    server::serve(listener, handle).await
}
