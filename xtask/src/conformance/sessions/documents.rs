//! A store in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use panoply_core::{Reply, SessionDocument, SessionDocuments};

/// Texts, each with its time; nothing ends, since no time goes by.
#[derive(Debug, Default)]
pub(super) struct Documents(Mutex<HashMap<String, (String, Duration)>>);

impl Documents {
    pub(super) fn put(&self, id: &str, text: &str, lasts: Duration) {
        self.with(|all| all.insert(id.to_owned(), (text.to_owned(), lasts)));
    }

    pub(super) fn get(&self, id: &str) -> Option<(String, Duration)> {
        self.with(|all| all.get(id).cloned())
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, (String, Duration)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionDocuments for Documents {
    fn read<'a>(&'a self, id: &'a str) -> Reply<'a, Option<SessionDocument>> {
        let found = self.get(id);
        Reply::ready(Ok(
            found.map(|(text, left)| SessionDocument::new(text, Some(left)))
        ))
    }

    fn swap<'a>(
        &'a self,
        id: &'a str,
        before: Option<&'a str>,
        after: Option<(&'a str, Duration)>,
    ) -> Reply<'a, bool> {
        Reply::ready(Ok(self.with(|all| {
            if all.get(id).map(|(text, _)| text.as_str()) != before {
                return false;
            }
            match after {
                Some((text, lasts)) => drop(all.insert(id.to_owned(), (text.to_owned(), lasts))),
                None => drop(all.remove(id)),
            }
            true
        })))
    }

    fn touch<'a>(&'a self, id: &'a str, lasts: Duration) -> Reply<'a, bool> {
        Reply::ready(Ok(self.with(|all| {
            let found = all.get_mut(id).map(|found| found.1 = lasts);
            found.is_some()
        })))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, bool> {
        Reply::ready(Ok(self.with(|all| all.remove(id)).is_some()))
    }
}
