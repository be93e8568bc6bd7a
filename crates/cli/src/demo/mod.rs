//! A naive app and the page that shows it twice: naked, and behind Panoply.
//!
//! The app makes on purpose the mistakes that Panoply makes up for. It must stay harmless all the
//! same: nothing leaves memory, everything is bounded, and it is served on loopback only.

mod app;
mod form;
mod html;
mod server;
mod start_page;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

use tokio::net::TcpListener;

/// Where the two faces of the demo app are found.
///
/// The naked one should have the start page's host and the guarded one another (`127.0.0.1` and
/// `localhost`): cookies are kept by host and not by port, so the two would share a session; and a
/// frame or form across sites would be without the naked app's cookie, which `SameSite` then
/// guards by default.
#[derive(Debug, Clone)]
pub(crate) struct DemoUrls {
    /// The app itself, as `http://127.0.0.1:3000`.
    pub(crate) naked: String,
    /// The gateway in front of it, as `https://localhost:8443`.
    pub(crate) guarded: String,
    /// The local CA's certificate, when the gateway's certificate comes from it.
    pub(crate) ca: Option<PathBuf>,
}

/// Serves The Naive Shop until the future is dropped.
///
/// # Errors
///
/// When the listener can accept no more connections.
pub(crate) async fn serve_app(listener: TcpListener) -> io::Result<()> {
    let shop = app::Shop::default();
    server::serve(listener, move |request| shop.handle(&request)).await
}

/// Serves the page that says what to try, until the future is dropped.
///
/// # Errors
///
/// When the listener can accept no more connections.
pub(crate) async fn serve_start_page(listener: TcpListener, urls: DemoUrls) -> io::Result<()> {
    let page = start_page::StartPage::new(&urls);
    server::serve(listener, move |request| page.handle(&request)).await
}
