#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says no by panicking"
)]

pub mod blocks;
pub mod counting;
pub mod guard;
pub mod races;
pub mod sessions;
pub mod walk;

mod dice;
mod port;
mod postgres;
mod trial;

pub use port::free_port;
pub use postgres::PostgresServer;
pub use sessions::SessionTrial;
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
            blocks [lists_and_releases releases_by_client networks pages]
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

/// Makes one test of every case for stores of sessions; the argument is a future of a
/// [`SessionTrial`] with an empty store.
#[macro_export]
macro_rules! session_suite {
    ($trial:expr) => {
        $crate::session_suite!($trial;
            meaning [merges_by_name touches_keep_the_version makes_what_it_is_told_to
                compares_versions bounds_size refuses_in_order nothing_revives]
            keys [renewed_keys_lead_on old_keys_are_not_renewed replaced_keys_open_nothing
                lost_answers_are_made_up_for settled_keys_end_the_old_ones
                whom_the_client_has_is_forgotten_last
                taken_keys_are_not_given_out old_keys_are_bounded every_key_ends]
            users [lists_sessions pages_sessions changes_users caps_sessions
                refused_logins_end_nothing destroys_one destroys_all_but_one]
            expiry [idle_sessions_end sessions_end idle_times_stay what_is_over_does_not_count
                tombstones_end odd_times]
            hostile [odd_names odd_values many_values]
            races [two_writers_survive a_hundred_lose_nothing counters_lose_nothing one_makes_it
                no_write_revives no_cycle_escapes caps_hold one_renews one_renews_anew one_replaces
                one_takes_a_key no_session_deadlock]
            walk [as_the_logic_says]
        );
    };
    ($trial:expr; $($part:ident [$($case:ident)+])+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let trial: $crate::SessionTrial = $trial.await;
                $crate::sessions::$part::$case(&trial).await;
            }
        )+)+
    };
}
