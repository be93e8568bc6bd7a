use super::*;

#[test]
fn what_is_given_counts_only_for_who_is_good_already() {
    assert_eq!(score([10, 5, -10].into_iter()), 105);
    assert_eq!(score([10, 5, -15].into_iter()), 85);
    assert_eq!(score([-50, -40, -25].into_iter()), 0);
    assert_eq!(score([].into_iter()), 100);
}

#[test]
fn every_score_has_its_letter() {
    let letters = [
        0, 24, 25, 30, 40, 45, 50, 60, 65, 70, 80, 85, 90, 99, 100, 145,
    ];
    let letters: Vec<_> = letters.into_iter().map(letter).collect();
    assert_eq!(
        letters,
        [
            "F", "F", "D-", "D", "D+", "C-", "C", "C+", "B-", "B", "B+", "A-", "A", "A", "A+", "A+"
        ]
    );
}
