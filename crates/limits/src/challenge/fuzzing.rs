//! What must hold of a solution and a pass, whoever sends it.

use std::sync::{Arc, LazyLock};

use panoply_cookies::KeyRing;
use panoply_core::SystemClock;

use super::pass::Pass;
use super::seals::{Caller, Seals};
use super::solution::Solution;

static SEALS: LazyLock<Option<Seals>> = LazyLock::new(|| {
    let keys = KeyRing::random().ok()?;
    Some(Seals::new(&keys, Arc::new(SystemClock::new())))
});

/// A solution or a pass as it was sent: what is read is what was written, and nobody can make one up.
///
/// # Panics
///
/// When that does not hold.
pub fn challenge(data: &[u8]) {
    if let Some(pass) = Pass::parse(data) {
        assert_eq!(pass.to_bytes(), data, "a pass is read in one way");
    }
    let solution = Solution::parse(data);
    if let Some(solution) = solution {
        let again = format!("{} {}", solution.task, solution.number);
        assert_eq!(again.as_bytes(), data, "a solution is read in one way");
    }
    let Some(seals) = &*SEALS else {
        return;
    };
    let caller = Caller {
        network: std::net::IpAddr::from([203, 0, 113, 9]),
        host: "shop.example".to_owned(),
    };
    let is_solved = |solution| seals.solved(&caller, solution, 0).is_some();
    assert!(
        !solution.is_some_and(is_solved),
        "nobody has given the task"
    );
    assert!(
        seals.open(&caller, data).is_none(),
        "nobody has given the pass"
    );
}
