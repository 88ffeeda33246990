//! What every store must do, as one test per law. A store's tests name a way to make an empty place for a ledger:
//!
//! ```text
//! steadfast_ledger::conformance_tests!(|| MyPlace::new());
//! ```
//!
//! A store whose places share something dear, such as a server, holds all of [`LAWS`] in one test by [`hold_all`].

pub mod appending;
pub mod deriving;
pub mod retaining;
pub mod sample;
pub mod verifying;

use std::sync::Arc;

use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_core::observation::Hash;
use steadfast_core::world::Boxed;

/// Where one ledger is. It is empty at first, and gone when this is dropped.
pub trait Place: Send + Sync {
    /// A handle of its own, as another process would have. Others may be open.
    fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError>;

    /// Does damage behind the store's back. No handle is open.
    fn damage(&self, damage: Damage);
}

/// What may befall stored bytes.
#[derive(Debug, Clone, Copy)]
pub enum Damage {
    /// One bit in the middle of a record is another; what is stored beside it is as before.
    FlipInRecord(u64),
    /// One bit in the middle of a payload is another.
    FlipInPayload(Hash),
    /// A payload that is kept is gone.
    LosePayload(Hash),
    /// A record is gone.
    LoseRecord(u64),
    /// Everything after this record is gone, as if it had never been: the store's own head, the payloads, what is derived.
    CutAfter(u64),
    /// Everything after this record is gone, but the store remembers the head.
    CutRecordsAfter(u64),
    /// A projection has another value.
    ChangeProjection,
    /// The projections are gone.
    LoseProjections,
}

/// A law, by its name.
pub type Law = fn(Arc<dyn Place>) -> Boxed<'static, ()>;

/// Every law with its name.
pub const LAWS: &[(&str, Law)] = crate::conformance_tests!(@names);

/// Runs every law, each at a place of its own, on so many threads; the names of those that do not hold. What they say
/// goes to standard error.
pub fn hold_all(place: impl Fn() -> Arc<dyn Place> + Sync, threads: usize) -> Vec<&'static str> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some((name, law)) = LAWS.get(number) else { return };
                    let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hold(*law, place())));
                    if held.is_err() {
                        failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(*name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs one law in a runtime of its own.
///
/// # Panics
/// When the law does not hold.
pub fn hold(law: Law, place: Arc<dyn Place>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime for the law").block_on(law(place));
}

/// One test per law, for the places that the expression makes.
#[macro_export]
macro_rules! conformance_tests {
    ($place:expr) => {
        $crate::conformance_tests! { @laws each $place }
    };
    (@names) => {
        $crate::conformance_tests! { @laws names () }
    };
    (@laws $then:ident $with:expr) => {
        $crate::conformance_tests! { @$then $with =>
            appending: a_new_ledger_is_empty_and_intact;
            appending: what_was_committed_is_read_back_in_order_by_every_handle;
            appending: an_empty_batch_changes_nothing;
            appending: the_head_follows_from_the_records;
            appending: a_commit_after_another_head_is_refused_whole;
            appending: a_commit_after_the_expected_head_is_taken;
            appending: each_filter_lets_its_own_through_and_all_must_match;
            appending: reading_in_pages_misses_nothing;
            appending: reading_back_is_reading_in_the_other_order;
            appending: writers_at_the_same_time_lose_nothing_and_fork_nothing;
            appending: of_two_who_expect_the_same_head_one_wins;
            appending: a_commit_nobody_waits_for_is_whole_or_absent;
            retaining: the_newest_green_is_found_by_check_and_look;
            retaining: a_green_payload_goes_when_a_newer_green_comes;
            retaining: a_fail_keeps_its_payload_when_greens_come;
            retaining: an_equal_payload_stays_as_long_as_one_record_keeps_it;
            retaining: a_payload_that_no_record_names_is_not_stored;
            retaining: a_fail_is_never_kept_as_a_green;
            retaining: prune_drops_old_payloads_and_keeps_records_and_newest_greens;
            retaining: a_pruned_newest_green_goes_when_a_newer_green_comes;
            deriving: the_latest_state_of_each_check_is_a_projection;
            deriving: a_projection_in_the_batch_replaces_the_one_before;
            deriving: a_rebuild_changes_nothing_that_is_right;
            deriving: a_rebuild_mends_projections;
            verifying: a_flipped_bit_in_a_record_is_found;
            verifying: a_flipped_bit_in_a_payload_is_found;
            verifying: a_lost_payload_is_found;
            verifying: a_lost_record_in_the_middle_is_found;
            verifying: a_cut_tail_is_found_with_a_known_head;
            verifying: a_cut_tail_is_found_when_the_store_remembers_its_head;
            verifying: a_known_head_of_another_history_is_found;
            verifying: every_earlier_head_is_known;
            verifying: a_changed_projection_is_found;
        }
    };
    (@names $with:expr => $($subject:ident: $law:ident;)*) => {
        &[$((stringify!($law), |place| Box::pin($crate::conformance::$subject::$law(place)))),*]
    };
    (@each $place:expr => $($subject:ident: $law:ident;)*) => {
        $(
            #[test]
            fn $law() {
                $crate::conformance::hold(
                    |place| Box::pin($crate::conformance::$subject::$law(place)),
                    std::sync::Arc::new($place()),
                );
            }
        )*
    };
}
