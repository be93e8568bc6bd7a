//! The counters of a shard, side by side.

use crate::slot::Slot;

/// A vector that grows by a piece at a time and moves nothing: what a vector leaves behind when it
/// grows, an allocator may keep for long, which was as much again.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// All are full but the last.
    pieces: Vec<Vec<Slot>>,
}

/// How many counters a piece holds: 5 KiB.
const PIECE: usize = 128;

impl Slots {
    pub(crate) fn len(&self) -> usize {
        let full = self.pieces.len().saturating_sub(1) * PIECE;
        full + self.pieces.last().map_or(0, Vec::len)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Slot> {
        self.pieces.get(place / PIECE)?.get(place % PIECE)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Slot> {
        self.pieces.get_mut(place / PIECE)?.get_mut(place % PIECE)
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(slot),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(slot);
                self.pieces.push(piece);
            }
        }
    }

    /// Takes one out; the last takes its place.
    pub(crate) fn swap_remove(&mut self, place: usize) {
        if place >= self.len() {
            return;
        }
        let Some(piece) = self.pieces.last_mut() else {
            return;
        };
        let last = piece.pop();
        if piece.is_empty() {
            self.pieces.pop();
        }
        // It was the last itself when there is no such place any more.
        if let (Some(slot), Some(last)) = (self.get_mut(place), last) {
            *slot = last;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flatten()
    }

    /// The bytes that are taken.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.len() * PIECE * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::{Moment, Record, Rule};

    use super::*;
    use crate::slot::Kind;

    #[test]
    fn as_a_vector_does() {
        let rule = Rule::new("a", 9, std::time::Duration::from_hours(1));
        let record = Record::new(1, Moment::NEVER, Moment::ZERO, 0);
        let slot = |key| Slot::new(key, &record, Kind::of(&rule));
        let (mut slots, mut keys) = (Slots::default(), Vec::new());
        let mut dice = 7_usize;
        for key in 0..4000_u128 {
            slots.push(slot(key));
            keys.push(key);
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(11);
            // More come than go, then more go than come.
            for _ in 0..if key < 2000 {
                dice >> 63
            } else {
                1 + (dice >> 63)
            } {
                if keys.is_empty() {
                    break;
                }
                let place = (dice >> 20) % keys.len();
                slots.swap_remove(place);
                keys.swap_remove(place);
            }
            assert_eq!(slots.len(), keys.len());
        }
        for number in 0..300 {
            slots.push(slot(number));
            keys.push(number);
        }
        let ours: Vec<u128> = slots.iter().map(Slot::key).collect();
        assert_eq!(ours, keys);
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(slots.get(place).map(Slot::key), Some(*key));
        }
        assert!(slots.get(keys.len()).is_none());
        slots.swap_remove(keys.len());
        assert_eq!(slots.len(), keys.len());
    }
}
