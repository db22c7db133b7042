//! Moments in the life of a batch at which a test may end the process, or freeze it.

#[cfg(feature = "fail-points")]
use std::sync::OnceLock;

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A batch is about to be sent to the database.
    BeforeCommit,
    /// The database has answered, and nobody else knows.
    AfterCommit,
    /// The other nodes have been told; whoever asked has not.
    BeforeAcknowledge,
}

#[cfg(feature = "fail-points")]
static WATCHER: OnceLock<fn(Moment)> = OnceLock::new();

/// Calls `watcher` at every moment of every batch of this process from now on. The first watcher stays.
#[cfg(feature = "fail-points")]
pub fn watch(watcher: fn(Moment)) {
    WATCHER.set(watcher).ok();
}

#[cfg(feature = "fail-points")]
pub(crate) fn pass(moment: Moment) {
    if let Some(watcher) = WATCHER.get() {
        watcher(moment);
    }
}

#[cfg(not(feature = "fail-points"))]
pub(crate) fn pass(_: Moment) {}
