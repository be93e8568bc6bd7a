//! Letters that databases take for others where no form of Unicode says so, by the Default Unicode Collation
//! Element Table (UTS #10), after which MySQL (`utf8mb4_0900_ai_ci`), MariaDB (`utf8mb4_uca1400_ai_ci`) and
//! others compare: on the first level alone, where neither accents nor case count.

use std::sync::LazyLock;

/// What stands for a letter, if it is another in no other way.
pub(super) fn twin(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return None;
    }
    // They are in order.
    let behind = RUNS.partition_point(|run| run.0 <= c);
    if let Some((first, count, value)) = behind.checked_sub(1).and_then(|at| RUNS.get(at)) {
        let at = u32::from(c) - u32::from(*first);
        if at < u32::from(*count) {
            return DIGITS
                .get(usize::try_from(at + u32::from(*value)).ok()?)
                .copied();
        }
    }
    let at = TWINS.binary_search_by_key(&c, |(letter, _)| *letter);
    at.ok().and_then(|at| TWINS.get(at)).map(|(_, twin)| *twin)
}

/// [`LETTERS`], each by itself, in their order.
static TWINS: LazyLock<Vec<(char, &str)>> = LazyLock::new(|| {
    let each = |(twin, letters): &(&'static str, &'static str)| {
        let twin = *twin;
        letters.chars().map(move |letter| (letter, twin))
    };
    let mut twins: Vec<_> = LETTERS.iter().flat_map(each).collect();
    twins.sort_unstable();
    twins
});

/// Whether a letter is nothing to a collation: signs of formats, and forms of vowels that stand alone.
pub(super) fn is_nothing(c: char) -> bool {
    let within = |(first, count): &(char, u8)| {
        let at = u32::from(c).checked_sub((*first).into());
        at.is_some_and(|at| at < (*count).into())
    };
    !c.is_ascii() && NOTHING.iter().any(within)
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Digits of other scripts: the first, how many follow each other, and what the first is.
#[rustfmt::skip]
const RUNS: [(char, u8, u8); 163] = [
    ('\u{660}', 10, 0), ('\u{6f0}', 10, 0), ('\u{7c0}', 10, 0), ('\u{966}', 10, 0),
    ('\u{9e6}', 10, 0), ('\u{9f4}', 4, 1), ('\u{a66}', 10, 0), ('\u{ae6}', 10, 0),
    ('\u{b66}', 10, 0), ('\u{be6}', 10, 0), ('\u{c66}', 10, 0), ('\u{c78}', 4, 0),
    ('\u{c7c}', 3, 1), ('\u{ce6}', 10, 0), ('\u{d66}', 10, 0), ('\u{de6}', 10, 0),
    ('\u{e50}', 10, 0), ('\u{ed0}', 10, 0), ('\u{f20}', 10, 0), ('\u{f2a}', 9, 1),
    ('\u{f33}', 1, 0), ('\u{1040}', 10, 0), ('\u{1090}', 10, 0), ('\u{1369}', 9, 1),
    ('\u{17e0}', 10, 0), ('\u{17f0}', 10, 0), ('\u{1810}', 10, 0), ('\u{1946}', 10, 0),
    ('\u{19d0}', 10, 0), ('\u{19da}', 1, 1), ('\u{1a80}', 10, 0), ('\u{1a90}', 10, 0),
    ('\u{1b50}', 10, 0), ('\u{1bb0}', 10, 0), ('\u{1c40}', 10, 0), ('\u{1c50}', 10, 0),
    ('\u{2185}', 1, 6), ('\u{24f5}', 9, 1), ('\u{24ff}', 1, 0), ('\u{2776}', 9, 1),
    ('\u{2780}', 9, 1), ('\u{278a}', 9, 1), ('\u{3007}', 1, 0), ('\u{3021}', 9, 1),
    ('\u{a620}', 10, 0), ('\u{a8d0}', 10, 0), ('\u{a900}', 10, 0), ('\u{a9d0}', 10, 0),
    ('\u{a9f0}', 10, 0), ('\u{aa50}', 10, 0), ('\u{abf0}', 10, 0), ('\u{10107}', 9, 1),
    ('\u{10142}', 1, 1), ('\u{10143}', 1, 5), ('\u{10148}', 1, 5), ('\u{1014f}', 1, 5),
    ('\u{10158}', 1, 1), ('\u{10159}', 1, 1), ('\u{1015a}', 2, 1), ('\u{1015c}', 1, 2),
    ('\u{1015d}', 1, 2), ('\u{1015e}', 1, 2), ('\u{1015f}', 1, 5), ('\u{10173}', 1, 5),
    ('\u{1018a}', 1, 0), ('\u{102e1}', 9, 1), ('\u{10320}', 1, 1), ('\u{10321}', 1, 5),
    ('\u{103d1}', 2, 1), ('\u{104a0}', 10, 0), ('\u{10858}', 3, 1), ('\u{10879}', 5, 1),
    ('\u{108a7}', 4, 1), ('\u{108ab}', 2, 4), ('\u{108fb}', 1, 1), ('\u{108fc}', 1, 5),
    ('\u{10916}', 1, 1), ('\u{1091a}', 2, 2), ('\u{109c0}', 9, 1), ('\u{10a40}', 4, 1),
    ('\u{10a7d}', 1, 1), ('\u{10a9d}', 1, 1), ('\u{10aeb}', 1, 1), ('\u{10aec}', 1, 5),
    ('\u{10b58}', 4, 1), ('\u{10b78}', 4, 1), ('\u{10ba9}', 4, 1), ('\u{10cfa}', 1, 1),
    ('\u{10cfb}', 1, 5), ('\u{10d30}', 10, 0), ('\u{10e60}', 9, 1), ('\u{10f1d}', 5, 1),
    ('\u{10f51}', 1, 1), ('\u{10fc5}', 4, 1), ('\u{11052}', 9, 1), ('\u{11066}', 10, 0),
    ('\u{110f0}', 10, 0), ('\u{11136}', 10, 0), ('\u{111d0}', 10, 0), ('\u{111e1}', 9, 1),
    ('\u{112f0}', 10, 0), ('\u{11450}', 10, 0), ('\u{114d0}', 10, 0), ('\u{11650}', 10, 0),
    ('\u{116c0}', 10, 0), ('\u{11730}', 10, 0), ('\u{118e0}', 10, 0), ('\u{11950}', 10, 0),
    ('\u{11c50}', 10, 0), ('\u{11c5a}', 9, 1), ('\u{11d50}', 10, 0), ('\u{11da0}', 10, 0),
    ('\u{12400}', 8, 2), ('\u{12408}', 7, 3), ('\u{1240f}', 6, 4), ('\u{12415}', 9, 1),
    ('\u{1241e}', 5, 1), ('\u{12423}', 2, 2), ('\u{12425}', 7, 3), ('\u{1242c}', 3, 1),
    ('\u{1242f}', 3, 3), ('\u{12434}', 3, 1), ('\u{12437}', 3, 3), ('\u{1243a}', 1, 3),
    ('\u{1243b}', 2, 3), ('\u{1243d}', 1, 4), ('\u{1243e}', 1, 4), ('\u{1243f}', 1, 4),
    ('\u{12440}', 2, 6), ('\u{12442}', 1, 7), ('\u{12443}', 2, 7), ('\u{12445}', 2, 8),
    ('\u{12447}', 1, 9), ('\u{12448}', 1, 9), ('\u{12449}', 1, 9), ('\u{1244a}', 5, 2),
    ('\u{1244f}', 4, 1), ('\u{12453}', 2, 4), ('\u{12455}', 1, 5), ('\u{12456}', 2, 2),
    ('\u{12458}', 2, 1), ('\u{12469}', 6, 4), ('\u{16a60}', 10, 0), ('\u{16ac0}', 10, 0),
    ('\u{16b50}', 10, 0), ('\u{16e80}', 10, 0), ('\u{16e94}', 3, 1), ('\u{1d2e0}', 10, 0),
    ('\u{1d360}', 9, 1), ('\u{1d372}', 5, 1), ('\u{1d377}', 1, 1), ('\u{1d378}', 1, 5),
    ('\u{1e140}', 10, 0), ('\u{1e2f0}', 10, 0), ('\u{1e8c7}', 9, 1), ('\u{1e950}', 10, 0),
    ('\u{1ec71}', 9, 1), ('\u{1eca3}', 9, 1), ('\u{1ecb1}', 2, 1), ('\u{1ed01}', 9, 1),
    ('\u{1ed2f}', 8, 2), ('\u{1f10b}', 1, 0), ('\u{1f10c}', 1, 0),
];

#[rustfmt::skip]
const NOTHING: [(char, u8); 23] = [
    ('\u{345}', 1), ('\u{600}', 6), ('\u{640}', 1), ('\u{6dd}', 2), ('\u{70f}', 1), ('\u{7fa}', 1),
    ('\u{824}', 1), ('\u{828}', 1), ('\u{890}', 2), ('\u{8e2}', 1), ('\u{180a}', 1),
    ('\u{1cd3}', 1), ('\u{1cf2}', 2), ('\u{fc5e}', 6), ('\u{fcf2}', 3), ('\u{fe70}', 5),
    ('\u{fe76}', 10), ('\u{fff9}', 3), ('\u{110bd}', 1), ('\u{110cd}', 1), ('\u{13430}', 9),
    ('\u{1bca0}', 4), ('\u{1d173}', 8),
];

/// Letters, and what they are to a collation; `€` and `£` to WordPress.
#[rustfmt::skip]
const LETTERS: [(&str, &str); 49] = [
    ("", "\u{a3}"),
    ("10", "\u{24fe}\u{277f}\u{2789}\u{2793}\u{3248}"),
    ("11", "\u{24eb}"),
    ("12", "\u{24ec}"),
    ("20", "\u{24f4}\u{3249}"),
    ("a", "\u{363}\u{1dd3}\u{1df2}\u{a79b}\u{a7c1}\u{1f150}\u{1f170}"),
    ("aa", "\u{a733}\u{10780}"),
    ("ae", "\u{1dd4}\u{e6}"),
    ("ao", "\u{1dd5}\u{a735}"),
    ("au", "\u{a737}"),
    ("av", "\u{1dd6}\u{a739}\u{a73b}"),
    ("ay", "\u{a73d}"),
    ("b", "\u{1de8}\u{1f151}\u{1f171}"),
    ("c", "\u{368}\u{1dd7}\u{1f152}\u{1f172}"),
    ("d", "\u{369}\u{1dd8}\u{1dd9}\u{a77a}\u{1f153}\u{1f173}\u{1f1a5}\u{111}\u{f0}"),
    ("db", "\u{238}"),
    ("dz", "\u{2a3}\u{10787}"),
    ("e", "\u{364}\u{1f154}\u{1f174}\u{20ac}"),
    ("f", "\u{1deb}\u{a77c}\u{1f155}\u{1f175}"),
    ("g", "\u{1acc}\u{1d79}\u{1dda}\u{a7a1}\u{1f156}\u{1f176}"),
    ("h", "\u{36a}\u{1f157}\u{1f177}\u{127}"),
    ("i", "\u{365}\u{1f158}\u{1f178}\u{131}"),
    ("j", "\u{1f159}\u{1f179}"),
    ("k", "\u{1ddc}\u{a7a3}\u{1f15a}\u{1f17a}"),
    ("l", "\u{140}\u{1ddd}\u{1f15b}\u{1f17b}\u{142}"),
    ("ll", "\u{1efb}"),
    ("ls", "\u{2aa}\u{10799}"),
    ("lz", "\u{2ab}\u{1079a}"),
    ("m", "\u{36b}\u{1f15c}\u{1f17c}"),
    ("n", "\u{1de0}\u{a7a5}\u{1f15d}\u{1f17d}"),
    ("o", "\u{366}\u{1ded}\u{1df3}\u{a79d}\u{1f15e}\u{1f17e}\u{f8}"),
    ("oe", "\u{153}"),
    ("oo", "\u{a74f}"),
    ("p", "\u{1dee}\u{1f15f}\u{1f17f}\u{1f18a}"),
    ("q", "\u{1f160}\u{1f180}"),
    ("qp", "\u{239}"),
    ("r", "\u{36c}\u{1acd}\u{1dca}\u{1de3}\u{a75b}\u{a783}\u{a7a7}\u{1f161}\u{1f181}"),
    ("s", "\u{1de4}\u{1de5}\u{a785}\u{a7a9}\u{a7d9}\u{1f162}\u{1f182}"),
    ("t", "\u{36d}\u{1ace}\u{a787}\u{1f163}\u{1f183}\u{167}"),
    ("th", "\u{1d7a}\u{fe}"),
    ("ts", "\u{1be}\u{2a6}\u{107ac}"),
    ("tz", "\u{a729}"),
    ("u", "\u{367}\u{1df0}\u{1df4}\u{a79f}\u{1f164}\u{1f184}"),
    ("v", "\u{36e}\u{1f165}\u{1f185}"),
    ("vy", "\u{a761}"),
    ("w", "\u{1abf}\u{1df1}\u{a7c3}\u{1f166}\u{1f186}"),
    ("x", "\u{36f}\u{1f167}\u{1f187}"),
    ("y", "\u{1f168}\u{1f188}"),
    ("z", "\u{1de6}\u{1f169}\u{1f189}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_is_found_where_it_stands() {
        let ends = |run: &(char, u8, u8)| u32::from(run.0) + u32::from(run.1);
        let in_order = |pair: &[(char, u8, u8)]| ends(&pair[0]) <= u32::from(pair[1].0);
        assert!(RUNS.windows(2).all(in_order));
        assert!(TWINS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (c, value) in [
            ('\u{660}', Some("0")),
            ('\u{669}', Some("9")),
            ('\u{66a}', None),
            ('\u{1f10c}', Some("0")),
            ('\u{1f10d}', None),
            ('\u{128}', None),
            ('\u{142}', Some("l")),
            ('\u{a3}', Some("")),
        ] {
            assert_eq!(twin(c), value, "{c:?}");
        }
    }
}
