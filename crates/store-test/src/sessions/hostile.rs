//! Names and values that a store must not stumble over.

use panoply_core::SessionChange;

use super::SessionTrial;

const NAMES: [&str; 19] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n\r\t",
    "'; DROP TABLE sessions; --",
    "\"",
    "\\",
    "\\u0000",
    "$1",
    "%s{0}",
    "__proto__",
    "constructor",
    "é",
    "e\u{301}",
    "🔑",
    "\u{202e}abc",
    "a.b[c]",
    "A",
];

/// Every name is itself and no other, and comes back as it was.
pub async fn odd_names(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    names.push("x".repeat(4000));
    names.push("a".to_owned());
    let mut change = SessionChange::new();
    for (number, name) in names.iter().enumerate() {
        change = change.set(name.as_str(), number.to_string());
    }
    trial.done(&key, &change).await;
    for (number, name) in names.iter().enumerate() {
        assert_eq!(
            trial.value(&key, name).await,
            Some(number.to_string()),
            "{name:?}"
        );
    }
    assert_eq!(trial.live(&key).await.record.values.len(), names.len());
    for (number, name) in names.iter().enumerate() {
        trial
            .done(&key, &SessionChange::new().remove(name.as_str()))
            .await;
        let left = trial.live(&key).await.record.values.len();
        assert_eq!(left, names.len() - number - 1, "{name:?}");
    }
}

/// Any value comes back as it was.
pub async fn odd_values(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let mut values: Vec<Vec<u8>> = [
        "null",
        "\"\"",
        "\"\\u0000'\\\"\\\\\"",
        "{\"__proto__\":{\"a\":[1,[]]},\"cookie\":null}",
        "\"🔑e\u{301}\"",
        "[]",
        "-0.5",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    values.push(format!("\"{}\"", "x".repeat(60_000)).into_bytes());
    values.push(Vec::new());
    values.push((0..=255).collect());
    values.push(vec![0; 4000]);
    values.push(b"not JSON".to_vec());
    for value in values {
        trial
            .done(
                &key,
                &SessionChange::new().set("a", value.clone()).remove("b"),
            )
            .await;
        let live = trial.live(&key).await;
        assert_eq!(live.record.values.get("a").unwrap(), &value);
    }
    trial.done(&key, &SessionChange::new().remove("a")).await;
    assert!(trial.live(&key).await.record.values.is_empty());
}

/// Thousands of small values, up to the last byte that fits.
pub async fn many_values(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let mut change = SessionChange::new();
    for number in 0..3000 {
        change = change.set(format!("{number:04}"), "1");
    }
    trial.done(&key, &change.clone().most_bytes(15_000)).await;
    assert_eq!(trial.live(&key).await.record.values.bytes(), 15_000);
    for number in 0..3000 {
        if number % 3 > 0 {
            change = change.remove(format!("{number:04}"));
        }
    }
    trial.done(&key, &change).await;
    assert_eq!(trial.live(&key).await.record.values.len(), 1000);
}
