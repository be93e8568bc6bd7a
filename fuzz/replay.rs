//! What the fuzzers have kept, and what lies near it, in the ordinary tests of each crate: no fuzzer is
//! needed for it.

use std::fs;
use std::path::Path;

/// A target's name, and what it does with an input.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Inputs near those of a corpus that each target is given.
const NEAR: usize = 100;

/// What means something somewhere.
const ODD: &[u8] = b"\0\n\r\"%&';=<{[\\9.,\x7f\xff";

/// Gives each target its corpus, and some inputs near to it, the same ones each time.
pub(crate) fn all(targets: &[Target]) {
    for (name, target) in targets {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let corpus = fs::read_dir(corpus.join(name)).expect("each target has a corpus");
        let mut paths: Vec<_> = corpus.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "the corpus of {name} is empty");
        let mut inputs = Vec::new();
        for path in paths {
            // Only a test that fails shows what was its last.
            println!("{}", path.display());
            let input = fs::read(&path).expect("it can be read");
            target(&input);
            inputs.push(input);
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for input in inputs.iter().cycle().take(NEAR) {
            let other = &inputs[dice.below(inputs.len())];
            let near = near(input, other, &mut dice);
            println!("{name}: {}", near.escape_ascii());
            target(&near);
        }
    }
}

/// An input with a piece taken out, or of another put in, and some bytes that are others.
fn near(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut near = input.to_vec();
    let from = dice.below(near.len() + 1);
    let to = (from + dice.below(24)).min(near.len());
    let at = dice.below(other.len() + 1);
    let piece = &other[at..(at + dice.below(24)).min(other.len())];
    match dice.below(4) {
        0 => drop(near.drain(from..to)),
        1 => drop(near.splice(from..to, piece.iter().copied())),
        2 => near.truncate(from),
        _ => near.extend_from_within(from..to),
    }
    for _ in 0..dice.below(3) {
        let at = dice.below(near.len() + 1);
        if let Some(byte) = near.get_mut(at) {
            *byte = ODD[dice.below(ODD.len())];
        }
    }
    near
}

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap_or(0)
    }
}
