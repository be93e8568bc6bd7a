//! A page of blocks, of however many there are.

use std::collections::BTreeMap;

use panoply_core::{Block, BlockId};

/// The blocks with the smallest ids among those that were put into it.
#[derive(Debug)]
pub(crate) struct Page {
    // Two keys may have one id; a caller that goes on behind it would miss the second either way.
    blocks: BTreeMap<(BlockId, u128), Block>,
    most: usize,
}

impl Page {
    /// For `most` blocks.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            blocks: BTreeMap::new(),
            most,
        }
    }

    /// Whether a block with this id would stay in it.
    pub(crate) fn has_room_for(&self, id: BlockId) -> bool {
        let last = || self.blocks.last_key_value();
        self.blocks.len() < self.most || last().is_some_and(|((last, _), _)| id < *last)
    }

    /// Puts a block into it, in place of one with a greater id if it is full.
    pub(crate) fn put(&mut self, block: Block) {
        self.blocks.insert((block.id(), block.key.to_bits()), block);
        if self.blocks.len() > self.most {
            self.blocks.pop_last();
        }
    }

    /// They, in the order of their ids.
    pub(crate) fn into_blocks(self) -> Vec<Block> {
        self.blocks.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::{CounterKey, Subject};

    use super::*;

    #[test]
    fn the_smallest_ids_are_kept_whatever_their_order() {
        let block = |id: u128| {
            let key = CounterKey::from_bits(id << 64);
            Block::new(key, "pair".to_owned(), Subject::User, 1, None)
        };
        let mut page = Page::new(3);
        let (yes, no) = (true, false);
        for (id, room) in [
            (7, yes),
            (3, yes),
            (9, yes),
            (1, yes),
            (8, no),
            (2, yes),
            (3, no),
        ] {
            assert_eq!(page.has_room_for(block(id).id()), room, "{id}");
            page.put(block(id));
        }
        let blocks = page.into_blocks();
        let ids: Vec<u128> = { blocks.iter() }
            .map(|block| block.key.to_bits() >> 64)
            .collect();
        assert_eq!(ids, [1, 2, 3]);
        let mut none = Page::new(0);
        assert!(!none.has_room_for(block(1).id()));
        none.put(block(1));
        assert!(none.into_blocks().is_empty());
    }
}
