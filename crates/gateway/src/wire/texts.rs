//! Room that is written into, kept for the next.

use std::cell::RefCell;

/// The most that is kept, and the most of it each.
const MOST: usize = 64;
const EACH: usize = 16 << 10;

/// What a worker's heads and turns are written into.
#[derive(Debug, Default)]
pub(crate) struct Texts(RefCell<Vec<Vec<u8>>>);

impl Texts {
    /// Room, with nothing in it.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps room for another.
    pub(super) fn give(&self, mut text: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if text.capacity() <= EACH && kept.len() < MOST {
            text.clear();
            kept.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_as_far_as_it_is_bounded() {
        let texts = Texts::default();
        let mut text = Vec::with_capacity(100);
        text.push(7);
        texts.give(text);
        let again = texts.take();
        assert!(again.is_empty() && again.capacity() >= 100);
        texts.give(Vec::with_capacity(EACH + 1));
        assert_eq!(texts.take().capacity(), 0, "too long to be kept");
        for _ in 0..=MOST {
            texts.give(Vec::with_capacity(EACH));
        }
        assert_eq!(texts.0.borrow().len(), MOST);
    }
}
