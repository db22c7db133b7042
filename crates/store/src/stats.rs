//! Counters of what is written, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets of [`Snapshot::append_us`], microseconds.
pub const APPEND_BUCKETS_US: [u64; 10] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Counters of one store.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) batches: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) failed: AtomicU64,
    refused: AtomicU64,
    pub(crate) busy_us: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_us: AtomicU64,
    pub(crate) repeats: AtomicU64,
    pub(crate) connects: AtomicU64,
    append_us: [AtomicU64; APPEND_BUCKETS_US.len() + 1],
    append_sum_us: AtomicU64,
}

/// [`Stats`] at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Transactions.
    pub batches: u64,
    /// Commands in them.
    pub commands: u64,
    /// Commands that failed.
    pub failed: u64,
    /// Commands that were not taken on: too many waited, or their shard was stuck.
    pub refused: u64,
    /// Microseconds spent in transactions.
    pub busy_us: u64,
    /// How often the disk was waited for (SQLite only: PostgreSQL does it in the transaction).
    pub syncs: u64,
    /// Microseconds spent waiting for it.
    pub sync_us: u64,
    /// Transactions that were run again since their outcome was unknown or the database asked for it.
    pub repeats: u64,
    /// Connections that were made to the database.
    pub connects: u64,
    /// Commands by how long they took from being asked for to being answered, by [`APPEND_BUCKETS_US`], the rest last.
    pub append_us: [u64; APPEND_BUCKETS_US.len() + 1],
    /// The sum of those times.
    pub append_sum_us: u64,
}

impl Stats {
    /// Counts a command that was answered.
    pub(crate) fn appended(&self, took: Duration, failed: bool) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = APPEND_BUCKETS_US.iter().position(|bound| us <= *bound).unwrap_or(APPEND_BUCKETS_US.len());
        self.append_us[bucket].fetch_add(1, Relaxed);
        self.append_sum_us.fetch_add(us, Relaxed);
        self.failed.fetch_add(u64::from(failed), Relaxed);
    }

    /// Counts a command that was not taken on.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Counts a transaction.
    pub(crate) fn batch(&self, commands: usize, took: Duration) {
        self.batches.fetch_add(1, Relaxed);
        self.commands.fetch_add(commands as u64, Relaxed);
        self.busy_us.fetch_add(took.as_micros() as u64, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            batches: self.batches.load(Relaxed),
            commands: self.commands.load(Relaxed),
            failed: self.failed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            busy_us: self.busy_us.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            sync_us: self.sync_us.load(Relaxed),
            repeats: self.repeats.load(Relaxed),
            connects: self.connects.load(Relaxed),
            append_us: std::array::from_fn(|bucket| self.append_us[bucket].load(Relaxed)),
            append_sum_us: self.append_sum_us.load(Relaxed),
        }
    }
}
