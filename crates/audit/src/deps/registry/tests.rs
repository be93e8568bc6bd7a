use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;

/// Answers one request, and hands over what it was: its head and its body.
fn server(answer: &'static str) -> (Registry, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/npm/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        let (head, length) = loop {
            let read = stream.read(&mut buffer).unwrap();
            all.extend_from_slice(&buffer[..read]);
            if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8(all[..end].to_vec())
                    .unwrap()
                    .to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                all.drain(..end + 4);
                break (head, length);
            }
            assert_ne!(read, 0);
        };
        while all.len() < length {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0);
            all.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        (head, all)
    });
    let authorization = Some("Bearer secret".to_owned());
    (Registry { url, authorization }, serving)
}

fn question() -> Question {
    Question::from([("qs".to_owned(), BTreeSet::from(["6.7.0".to_owned()]))])
}

#[test]
fn a_registry_is_asked_once_with_all() {
    let (registry, serving) = server(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
         {\"qs\":[{\"id\":1,\"url\":\"https://github.com/advisories/GHSA-hrpp-h998-j3pp\",\
         \"title\":\"t\",\"severity\":\"high\",\"vulnerable_versions\":\">=6.7.0 <6.7.3\"}]}",
    );
    let saved = ask(&registry, &question()).unwrap();
    assert_eq!(saved.advisories[0].id, "GHSA-hrpp-h998-j3pp");
    let (head, body) = serving.join().unwrap();
    assert!(
        head.starts_with("post /npm/-/npm/v1/security/advisories/bulk http/1.1"),
        "{head}"
    );
    assert!(
        head.contains("content-encoding: gzip") && head.contains("authorization: bearer secret")
    );
    let mut json = String::new();
    flate2::read::GzDecoder::new(&*body)
        .read_to_string(&mut json)
        .unwrap();
    assert_eq!(json, "{\"qs\":[\"6.7.0\"]}");
}

#[test]
fn no_answer_has_a_reason() {
    let said = |answer| {
        let (registry, serving) = server(answer);
        let error = ask(&registry, &question()).unwrap_err().to_string();
        serving.join().unwrap();
        error
    };
    let empty = "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n";
    assert!(said(empty).starts_with("it takes no such question (it answers 405"));
    let login = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    assert!(said(login).contains("token"));
    let down = "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n";
    assert!(said(down).starts_with("it answers 503"));
    let page = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>";
    assert_eq!(said(page), "its answer is not understood");
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{}";
    assert!(said(long).contains("longer than 16 MiB"));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}/");
    let nobody = Registry {
        url,
        authorization: None,
    };
    assert_eq!(
        ask(&nobody, &question()).unwrap_err().to_string(),
        "it cannot be reached"
    );
}
