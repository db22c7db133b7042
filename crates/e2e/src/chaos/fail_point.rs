//! Moments in the life of a batch at which a node can be told to break: the other side of the one in the node's program.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// The variable that tells the node where its orders are.
pub const VARIABLE: &str = "E2E_FAIL_POINT";

/// How long a node may take until it comes to such a moment. It has no batch while nobody reaches it, or it reaches no
/// database.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// A moment in the life of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// It is about to be sent to the database.
    BeforeCommit,
    /// The database has answered, and nobody was told anything yet.
    AfterCommit,
    /// The other nodes were told, the callers were not yet.
    BeforeAcknowledge,
}

/// How a node breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It sends itself SIGKILL.
    Kill,
    /// It sends itself SIGSTOP.
    Stop,
}

/// A file with an order for one node, which removes it when it obeys.
pub struct FailPoint(PathBuf);

impl FailPoint {
    /// In a directory of the node's own.
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("fail-point"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Has the node break when it comes to such a moment the next time.
    pub fn arm(&self, point: Point, how: How) -> Result<(), String> {
        let point = match point {
            Point::BeforeCommit => "before-commit",
            Point::AfterCommit => "after-commit",
            Point::BeforeAcknowledge => "before-acknowledge",
        };
        let how = if how == How::Kill { "kill" } else { "stop" };
        // The node must never see half of it.
        let beside = self.0.with_extension("new");
        let written = fs::write(&beside, format!("{point} {how}")).and_then(|()| fs::rename(&beside, &self.0));
        written.map_err(|error| format!("{}: {error}", self.0.display()))
    }

    /// Waits until the node has obeyed. If that takes too long, takes the order back and says no.
    pub async fn hit(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if !self.0.exists() {
                return true;
            }
            sleep(POLL).await;
        }
        // Who removes the file decides: the node may have come there at last.
        fs::remove_file(&self.0).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_order_is_obeyed_or_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let order = FailPoint::new(directory.path());
        order.arm(Point::BeforeCommit, How::Stop).unwrap();
        assert_eq!(fs::read_to_string(order.path()).unwrap(), "before-commit stop");
        fs::remove_file(order.path()).unwrap();
        assert!(order.hit().await);
        order.arm(Point::AfterCommit, How::Kill).unwrap();
        assert!(!order.hit().await);
        assert!(!order.path().exists());
    }
}
