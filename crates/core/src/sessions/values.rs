//! What is in a session.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use litemap::LiteMap;

/// The values of a session by their names: opaque bytes, JSON in practice.
///
/// A name is any text, the empty one and control characters included; a value is any bytes. Cloning
/// copies neither. What is in them is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SessionValues {
    values: LiteMap<Arc<str>, Bytes>,
    bytes: usize,
}

impl SessionValues {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.values.get(name)
    }

    /// The value of that name, with the name as it is kept.
    pub fn entry(&self, name: &str) -> Option<(&Arc<str>, &Bytes)> {
        let place = self.values.find_index(name).ok()?;
        self.values.get_indexed(place)
    }

    /// All of them, in the order of their names' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Bytes)> {
        self.values.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How large a session with these values is: the bytes of all names and all values.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How large the session would be with these set, or taken out; each name comes once.
    pub(super) fn bytes_after<'a>(
        &self,
        changes: impl Iterator<Item = (&'a Arc<str>, Option<&'a Bytes>)>,
    ) -> usize {
        let size = |name: &str, value: &Bytes| name.len().saturating_add(value.len());
        let (mut more, mut less) = (0_usize, 0_usize);
        for (name, value) in changes {
            more = more.saturating_add(value.map_or(0, |value| size(name, value)));
            less = less.saturating_add(self.get(name).map_or(0, |value| size(name, value)));
        }
        self.bytes.saturating_add(more).saturating_sub(less)
    }

    /// Sets one, in place of an earlier one of that name.
    pub fn set(&mut self, name: Arc<str>, value: Bytes) {
        let (length, added) = (name.len(), value.len());
        self.bytes = self.bytes.saturating_add(added);
        match self.values.insert(name, value) {
            Some(earlier) => self.bytes = self.bytes.saturating_sub(earlier.len()),
            None => self.bytes = self.bytes.saturating_add(length),
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &str) -> Option<Bytes> {
        let value = self.values.remove(name)?;
        self.bytes = self.bytes.saturating_sub(name.len() + value.len());
        Some(value)
    }
}

impl FromIterator<(Arc<str>, Bytes)> for SessionValues {
    fn from_iter<T: IntoIterator<Item = (Arc<str>, Bytes)>>(values: T) -> Self {
        let values: LiteMap<Arc<str>, Bytes> = values.into_iter().collect();
        let bytes = values.iter().map(|(name, value)| name.len() + value.len());
        let bytes = bytes.sum();
        Self { values, bytes }
    }
}

impl fmt::Debug for SessionValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SessionValues({} values, {} bytes)",
            self.len(),
            self.bytes
        )
    }
}
