#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

pub mod blocks;
pub mod counting;
pub mod guard;
pub mod races;
pub mod walk;

mod postgres;
mod trial;

pub use postgres::PostgresServer;
pub use trial::Trial;

/// Makes one test of every case; the argument is a future of a [`Trial`] with an empty store.
#[macro_export]
macro_rules! suite {
    ($trial:expr) => {
        $crate::suite!($trial;
            races [exactly_ten_of_a_thousand all_or_nothing no_deadlock locks_once]
            guard [locks_double a_refund_lifts a_later_window_keeps members_count_once
                members_are_given_back nothing_of_a_refusal looks_for_nothing]
            counting [consumes penalties_and_rewards sets blocks_for_ever no_reward_lifts
                custom_windows long_windows rates]
            blocks [lists_and_releases releases_by_client pages]
            walk [as_the_arithmetic_says]
        );
    };
    ($trial:expr; $($part:ident [$($case:ident)+])+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let trial: $crate::Trial = $trial.await;
                $crate::$part::$case(&trial).await;
            }
        )+)+
    };
}
