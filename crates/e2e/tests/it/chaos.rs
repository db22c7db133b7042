//! A cluster whose parts are broken while everybody talks: `cargo xtask chaos` runs it for longer.
//!
//! `CHATBOOK_CHAOS_SECONDS` (60), `CHATBOOK_CHAOS_SEED` (another each time), `CHATBOOK_CHAOS_KILLS_ONLY` (only nodes are
//! killed), `CHATBOOK_CHAOS_WATCHED` (each fault is printed).

use std::hash::{BuildHasher, Hasher, RandomState};

use e2e::chaos::{Options, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_broken_nothing_acknowledged_is_lost_doubled_or_reordered() {
    let seed = number("CHATBOOK_CHAOS_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    let seconds = number("CHATBOOK_CHAOS_SECONDS").unwrap_or(60);
    let [kills_only, watched] =
        ["CHATBOOK_CHAOS_KILLS_ONLY", "CHATBOOK_CHAOS_WATCHED"].map(|variable| number(variable).is_some());
    let report = Box::pin(run(Options { seconds, seed, kills_only, watched })).await.expect("the run comes to its end");
    println!("{report}");
    // First of all: what is printed above may be long.
    assert!(
        report.violations.is_empty(),
        "seed {seed}: {} violations: {:.2000}",
        report.violations.len(),
        report.violations.first().map_or("", String::as_str)
    );
    assert!(report.missing.is_empty(), "seed {seed}: the run was to have {:?}", report.missing);
}

#[expect(clippy::disallowed_methods, reason = "the person who runs the tests decides")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}
