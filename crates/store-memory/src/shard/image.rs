//! A part of the keys as it is written down and put back.

use panoply_core::{CounterKey, Moment, Record};

use super::{Note, Shard};
use crate::slot::{Kind, Slot};
use crate::store::{Kept, SketchImage};

impl Shard {
    pub(crate) fn restore(&mut self, kept: &Kept<'_>, now: Moment) {
        let key = kept.key.to_bits();
        let kind = Kind::from_bits(kept.kind);
        let Some(record) = kept.record.filter(|record| record.end() > now) else {
            self.remove(key);
            return;
        };
        let locked = record.is_locked(now);
        if locked && !self.may_note(key, now) {
            self.fold(key, &record, kind, now);
            return;
        }
        if !self.put(key, &record, kind, now) {
            return;
        }
        if let Some((rule, subject)) = kept.lock.filter(|_| locked) {
            let rule = rule.into();
            self.notes.insert(key, Note { rule, subject });
            if let Some(slot) = self.find_mut(key) {
                slot.note(true);
            }
        }
    }

    pub(crate) fn each(&self, now: Moment, mut note: impl FnMut(Kept<'_>)) {
        for slot in self.slots.iter() {
            let record = slot.record();
            let lock = self.notes.get(&slot.key());
            let lock = lock.filter(|_| record.is_locked(now));
            note(Kept::new(
                CounterKey::from_bits(slot.key()),
                Some(record).filter(|record| record.end() > now),
                slot.kind().to_bits(),
                lock.map(|lock| (&*lock.rule, lock.subject)),
            ));
        }
    }

    /// Forgets a counter, and keeps the sketch from bringing it back: what is kept in its place.
    pub(crate) fn forget(&mut self, key: u128, now: Moment) -> (Option<Record>, Kind) {
        let kind = self
            .find(key)
            .map_or_else(|| Kind::from_bits(0), Slot::kind);
        let sketch = self.sketches.get(kind.span as usize);
        let stays = sketch.and_then(|sketch| sketch.stays(key, kind.points, now));
        self.remove(key);
        let record = stays.map(|end| Record::new(0, end, Moment::ZERO, 0));
        if let Some(record) = &record {
            self.put(key, record, kind, now);
        }
        (record, kind)
    }

    pub(crate) fn images(&self) -> Vec<SketchImage> {
        let spans = (0..).zip(&self.sketches);
        spans
            .flat_map(|(span, sketch)| sketch.images(span))
            .collect()
    }

    pub(crate) fn restore_image(&mut self, image: SketchImage) -> bool {
        let span = usize::from(image.span);
        let sketch = self.sketches.get_mut(span);
        sketch.is_some_and(|sketch| sketch.restore(image))
    }
}
