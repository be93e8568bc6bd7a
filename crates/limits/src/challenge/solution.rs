//! A solution: the task, and a number that makes a hash of both begin with zeros.

use aws_lc_rs::digest::{SHA256, digest};

/// What a client sends for a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Solution<'a> {
    /// The task, still sealed.
    pub(super) task: &'a str,
    pub(super) number: u64,
}

/// No sealed task is longer, in bytes, and no number has more digits than scripts can count.
const MOST: usize = 256;

/// The largest number that a script counts to.
const LARGEST: u64 = (1 << 53) - 1;

impl<'a> Solution<'a> {
    /// Reads `TASK NUMBER`; the number has no sign and no zeros before it.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        if text.len() > MOST {
            return None;
        }
        let (task, number) = str::from_utf8(text).ok()?.split_once(' ')?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        if task.is_empty() || !is_plain || (number.starts_with('0') && number != "0") {
            return None;
        }
        let number = number.parse().ok().filter(|number| *number <= LARGEST)?;
        Some(Self { task, number })
    }

    /// Whether it is one, of so many `bits`.
    pub(super) fn solves(&self, bits: u8) -> bool {
        zeros(&seed(self.task), self.number) >= u32::from(bits)
    }
}

/// What is hashed with each number: the hash of the task, so that a try is a single block.
pub(super) fn seed(task: &str) -> [u8; 32] {
    sha256(task.as_bytes())
}

/// How many zeros a try begins with, of 64 at most.
pub(super) fn zeros(seed: &[u8; 32], number: u64) -> u32 {
    let mut tried = [0; 40];
    let (head, tail) = tried.split_at_mut(seed.len());
    head.copy_from_slice(seed);
    tail.copy_from_slice(&number.to_be_bytes());
    let hash = sha256(&tried);
    let first = hash.first_chunk().copied().unwrap_or([0xff; 8]);
    u64::from_be_bytes(first).leading_zeros()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest(&SHA256, bytes);
    // It has as many bytes as that; none of another length begins with a zero.
    hash.as_ref().try_into().unwrap_or([0xff; 32])
}

/// The first number that solves a task.
#[cfg(any(test, fuzzing))]
pub(super) fn solve(task: &str, bits: u8) -> u64 {
    let seed = seed(task);
    let mut number = 0;
    while zeros(&seed, number) < u32::from(bits) {
        number += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hash_as_others_have_it() {
        // SHA-256 of SHA-256("v1.task") and eight bytes of the number, by `sha256sum`.
        let hash = sha256(b"abc");
        assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
        let number = solve("v1.task", 10);
        let solution = Solution {
            task: "v1.task",
            number,
        };
        assert!(solution.solves(10) && solution.solves(9));
        let seed = seed("v1.task");
        assert!((0..number).all(|number| zeros(&seed, number) < 10));
    }

    #[test]
    fn what_is_no_solution() {
        let long = format!("{} 1", "a".repeat(MOST));
        for wrong in [
            "",
            " ",
            "a",
            "a ",
            " 1",
            "a -1",
            "a +1",
            "a 01",
            "a 1 ",
            "a 1 1",
            "a  1",
            "a 1x",
            "a 9007199254740992",
            "a 99999999999999999999999",
            "a\t1",
            &long,
        ] {
            assert_eq!(Solution::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(Solution::parse(b"a\xff 1"), None);
        let last = Solution::parse(b"v1.a.b 9007199254740991").unwrap();
        assert_eq!((last.task, last.number), ("v1.a.b", LARGEST));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(task in "[!-~]{1,200}", number in 0..=LARGEST) {
            let text = format!("{task} {number}");
            let read = Solution::parse(text.as_bytes()).unwrap();
            prop_assert_eq!((read.task, read.number), (&*task, number));
        }

        #[test]
        fn anything_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(read) = Solution::parse(&text) {
                prop_assert_eq!(format!("{} {}", read.task, read.number).into_bytes(), text);
            }
        }
    }
}
