//! Keeping up with a store that other nodes write to: hints come by themselves, whatever they leave out is read from the
//! log, and the heads are looked at from time to time, since a hint may be lost.

use std::{
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use store::{
    Db,
    log::{Committed, Head, Shard},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::hub::Hub;
use crate::{Chat, Error, Result};

/// How often the heads are looked at while hints come through.
const POLL: Duration = Duration::from_secs(1);
/// The same while they do not.
const POLL_ALONE: Duration = Duration::from_millis(75);
/// How long a missing record may still come by itself before it is read from the log.
const PATIENCE: Duration = Duration::from_millis(3);
/// Positions read from the log at once.
const PAGE: i64 = 1_000;
/// How long a request waits for this node to know what others have committed.
const FRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps a hub up with the logs of its store.
pub(crate) struct Follow {
    db: Db,
    hub: Weak<Hub>,
    /// Whether hints of other nodes are coming in.
    hints: watch::Receiver<bool>,
}

impl Follow {
    pub(crate) fn new(db: Db, hub: &Arc<Hub>, hints: watch::Receiver<bool>) -> Self {
        Self { db, hub: Arc::downgrade(hub), hints }
    }

    /// Runs until the hub is gone.
    pub(crate) async fn run(mut self) {
        let mut polled = Instant::now();
        while let Some(hub) = self.hub.upgrade() {
            let hints = *self.hints.borrow_and_update();
            let due = polled + if hints { POLL } else { POLL_ALONE };
            let poll = tokio::select! {
                biased;
                () = hub.behind.notified() => false,
                () = sleep_until(due) => true,
                // When they stop, what they left out is looked for at once. An end of the bus is no news.
                Ok(()) = self.hints.changed() => true,
            };
            if poll {
                polled = Instant::now();
                self.look(&hub).await;
            } else if hints {
                sleep(PATIENCE).await;
            }
            join_all(hub.shards_behind().into_iter().map(|shard| self.read(&hub, shard))).await;
        }
    }

    /// Looks how far the logs have come.
    async fn look(&self, hub: &Hub) {
        hub.counts.polls.fetch_add(1, Relaxed);
        match self.db.heads().await {
            Ok(heads) => hub.learn_heads(&heads),
            Err(error) => tracing::debug!(name: "tail.poll", %error, "the heads of the logs could not be read"),
        }
    }

    /// Reads what is missing in a shard, up to what is known to exist.
    async fn read(&self, hub: &Hub, shard: Shard) {
        let (epoch, after, known) = (hub.epoch(shard), hub.cursor(shard), hub.known(shard));
        if known <= after {
            // It came by itself meanwhile.
            return;
        }
        let to = known.min(after + PAGE);
        hub.counts.gap_reads.fetch_add(1, Relaxed);
        let records = match self.db.records(shard, after, to).await {
            Ok(records) => records,
            Err(error) => return tracing::warn!(name: "tail.read", shard, %error, "the log could not be read"),
        };
        hub.counts.read.fetch_add(records.len() as u64, Relaxed);
        if records.first().is_none_or(|record| record.pos != after + 1) {
            // Not there, though it is known to have been: the log was cut off, or is another epoch's.
            if hub.cursor(shard) == after {
                self.look(hub).await;
                if hub.epoch(shard) == epoch {
                    hub.reset(shard, Head { epoch, pos: known });
                }
            }
            return;
        }
        let records = records.into_iter().map(Arc::new).collect();
        hub.offer(&Committed { epoch, records, heads: Vec::new() });
        if to < known {
            hub.behind.notify_one();
        }
    }
}

/// Lets many requests share one look at the heads.
#[derive(Default)]
pub(crate) struct Freshness {
    /// Looks that were begun and that have ended well.
    looks: Mutex<(u64, u64)>,
    turn: tokio::sync::Mutex<()>,
}

impl Chat {
    /// Returns when this node knows everything that was acknowledged, by any node, before the call.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`] if the database does not say in time.
    pub(crate) async fn fresh(&self) -> Result<()> {
        if !self.db.is_shared() {
            return Ok(());
        }
        let unavailable = |_| Error::Store(store::Error::Unavailable);
        timeout(FRESH_TIMEOUT, self.look_and_follow()).await.map_err(unavailable)?
    }

    async fn look_and_follow(&self) -> Result<()> {
        let begun = self.freshness.looks.lock().0;
        let turn = self.freshness.turn.lock().await;
        // A look that began after the call tells all of what was acknowledged before it.
        if self.freshness.looks.lock().1 <= begun {
            let look = {
                let mut looks = self.freshness.looks.lock();
                looks.0 += 1;
                looks.0
            };
            let heads = self.db.heads().await?;
            self.hub.learn_heads(&heads);
            self.freshness.looks.lock().1 = look;
        }
        drop(turn);
        for shard in 0..self.db.shards() as Shard {
            self.hub.reached(shard, self.hub.known(shard)).await;
        }
        Ok(())
    }

    /// Appends to the log of the commit's shard. On return this node knows of it too.
    pub(crate) async fn commit(&self, commit: store::log::Commit) -> Result<store::log::Outcome, store::Error> {
        use store::log::Outcome;
        let shard = commit.shard;
        let outcome = self.db.commit(commit).await?;
        let known = async {
            match &outcome {
                Outcome::Committed(record) => self.hub.reached(shard, record.pos).await,
                Outcome::Duplicate { .. } => drop(self.fresh().await),
            }
        };
        // It is on disk, whatever this node hears of it.
        timeout(FRESH_TIMEOUT, known).await.ok();
        Ok(outcome)
    }
}
