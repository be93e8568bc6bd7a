//! The app and its start page, asked as a browser and as an attacker would.

mod served;
mod shop;
mod start;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use proptest::prelude::*;

use super::{
    DemoUrls,
    app::{COMMENT_BYTES, COMMENTS, FIELD_BYTES, SESSIONS, Shop},
    form,
    lab::{CameBack, Lab},
    start_page::StartPage,
};

/// A script that a stranger writes into the shop.
const PAYLOAD: &str = "<script>ran(document.cookie)</script>";

fn get(path: &str) -> Request<Bytes> {
    Request::get(path)
        .header("host", "127.0.0.1:1")
        .body(Bytes::new())
        .unwrap()
}

fn post(path: &str, fields: &[(&str, &str)]) -> Request<Bytes> {
    let body: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", form::encode(value)))
        .collect();
    Request::post(path)
        .body(Bytes::from(body.join("&")))
        .unwrap()
}

fn with_cookie(mut request: Request<Bytes>, cookie: &str) -> Request<Bytes> {
    request
        .headers_mut()
        .insert(header::COOKIE, cookie.parse().unwrap());
    request
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn told<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn urls() -> DemoUrls {
    DemoUrls {
        naked: "http://127.0.0.1:3000".into(),
        guarded: "https://localhost:8443".into(),
        start: "http://127.0.0.1:1".into(),
        ca: None,
        state: "/nonexistent".into(),
    }
}
