//! The simulation as a test: nothing goes wrong in many seeds, and what is wrong on purpose does not go unnoticed.

use simulate::{Broken, run, run_many};

/// So many seeds, unless the environment says otherwise.
const SEEDS: u64 = 2_000;

#[test]
fn nothing_is_lost_doubled_or_reordered_whatever_fails() {
    #[expect(clippy::disallowed_methods, reason = "a longer run is asked for by whoever starts the tests")]
    let seeds = std::env::var("CHATBOOK_SIMULATE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let sum = run_many(0, seeds, Broken::Nothing);
    assert_eq!(sum.violations, 0, "of {seeds} seeds; the first: {:?}", sum.first);
    assert!(sum.records as u64 > 50 * seeds, "hardly anything was committed: {} records", sum.records);
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in 0..5 {
        let (once, again) = (run(seed, Broken::Nothing, true), run(seed, Broken::Nothing, true));
        assert_eq!(once.trace, again.trace, "seed {seed}");
    }
}

#[test]
fn a_database_without_the_lock_is_noticed() {
    assert!((0..20).any(|seed| !run(seed, Broken::NoLock, false).violations.is_empty()));
}

#[test]
fn a_commit_that_reads_before_it_has_the_lock_is_noticed() {
    assert!((0..20).any(|seed| !run(seed, Broken::StaleSnapshot, false).violations.is_empty()));
}
