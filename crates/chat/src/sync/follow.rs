//! Keeping up with a store that other nodes write to: hints come by themselves, whatever they leave out is read from the
//! log, and the heads are looked at from time to time, since a hint may be lost.

use std::{
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use store::{
    log::{Committed, Head, Shard},
    replay,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

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

/// Runs until the server stops.
pub(crate) async fn run(chat: Weak<Chat>) {
    let Some(hub) = chat.upgrade().map(|chat| chat.hub.clone()) else { return };
    let mut polled = Instant::now();
    loop {
        let Some(alone) = chat.upgrade().map(|chat| !chat.are_hints_coming()) else { return };
        let due = polled + if alone { POLL_ALONE } else { POLL };
        let poll = timeout_at(due, hub.behind.notified()).await.is_err();
        let Some(chat) = chat.upgrade() else { return };
        if poll {
            polled = Instant::now();
            look(&chat).await;
        } else if !alone {
            sleep(PATIENCE).await;
        }
        let reads = hub.shards_behind().into_iter().map(|shard| read(&chat, shard));
        futures_util::future::join_all(reads).await;
    }
}

/// Looks how far the logs have come.
async fn look(chat: &Chat) {
    chat.hub.counts.polls.fetch_add(1, Relaxed);
    match chat.db.heads().await {
        Ok(heads) => chat.hub.learn_heads(&heads),
        Err(error) => tracing::debug!(name: "tail.poll", %error, "the heads of the logs could not be read"),
    }
}

/// Reads what is missing in a shard, up to what is known to exist.
async fn read(chat: &Chat, shard: Shard) {
    let hub = &chat.hub;
    let (epoch, after, known) = (hub.epoch(shard), hub.cursor(shard), hub.known(shard));
    let to = known.min(after + PAGE);
    hub.counts.gap_reads.fetch_add(1, Relaxed);
    let records = match replay::records(&chat.db, shard, after, to).await {
        Ok(records) => records,
        Err(error) => return tracing::warn!(name: "tail.read", shard, %error, "the log could not be read"),
    };
    hub.counts.read.fetch_add(records.len() as u64, Relaxed);
    if records.first().is_none_or(|record| record.pos != after + 1) {
        // Not one was there when it was known to be: the log was cut off, or belongs to another epoch.
        if hub.cursor(shard) == after {
            hub.reset(shard, Head { epoch, pos: known });
            look(chat).await;
        }
        return;
    }
    let records = records.into_iter().map(Arc::new).collect();
    hub.offer(&Committed { epoch, records, heads: Vec::new() });
    if to < known {
        hub.behind.notify_one();
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
