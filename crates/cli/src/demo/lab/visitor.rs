//! A client with a jar for cookies, as a browser has one.

use std::{fmt::Write as _, io};

use super::wire::{Answer, Door};
use crate::demo::form;

/// Whoever comes to a door.
#[derive(Debug)]
pub(super) struct Visitor<'a> {
    door: &'a Door,
    jar: Vec<(String, String)>,
    /// The head of the last request.
    pub(super) sent: String,
}

impl<'a> Visitor<'a> {
    pub(super) const fn new(door: &'a Door) -> Self {
        Self {
            door,
            jar: Vec::new(),
            sent: String::new(),
        }
    }

    /// Asks for a page.
    pub(super) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, "", None).await
    }

    /// Sends a form, with more lines of the head.
    pub(super) async fn post(
        &mut self,
        path: &str,
        more: &str,
        fields: &[(&str, &str)],
    ) -> io::Result<Answer> {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", form::encode(value)))
            .collect();
        self.ask("POST", path, more, Some(&fields.join("&"))).await
    }

    /// The cookies, as a `Cookie` header has them.
    pub(super) fn cookies(&self) -> String {
        let pairs = self
            .jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The shop's session, whatever it is called here: the first cookie that was set.
    pub(super) fn session(&self) -> Option<(&str, &str)> {
        let (name, value) = self.jar.first()?;
        Some((name, value))
    }

    /// Forgets what there is, and goes on with these cookies.
    pub(super) fn pretend(&mut self, cookies: &str) {
        let pairs = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        self.jar = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        more: &str,
        form: Option<&str>,
    ) -> io::Result<Answer> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n",
            self.door.authority
        );
        if !self.jar.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(head, "Cookie: {}\r\n", self.cookies());
        }
        head.push_str(more);
        if let Some(form) = form {
            let _ = write!(
                head,
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            );
        }
        head.push_str("Connection: close\r\n\r\n");
        head.push_str(form.unwrap_or_default());
        let answer = self.door.send(head.as_bytes()).await?;
        self.sent = head.replace('\r', "");
        self.keep(&answer);
        Ok(answer)
    }

    fn keep(&mut self, answer: &Answer) {
        let set = answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie");
        for (_, cookie) in set {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let known = self.jar.iter_mut().find(|(known, _)| known == name);
                match known {
                    Some(known) => value.clone_into(&mut known.1),
                    None => self.jar.push((name.to_owned(), value.to_owned())),
                }
            }
        }
    }
}
