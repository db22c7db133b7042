//! Keeping up with a store that other nodes write to: hints come by themselves, whatever they leave out is read from the
//! log, and the heads are looked at from time to time, since a hint may be lost.

use std::{
    mem,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use store::{
    Db,
    log::{Committed, Head, Segment, Shard},
};
use tokio::{
    sync::watch,
    time::{Instant, error::Elapsed, sleep, sleep_until, timeout},
};

use super::hub::Hub;
use crate::{Chat, Error, Result};

/// How often the heads are looked at while hints come through.
const POLL: Duration = Duration::from_secs(1);
/// The same while they do not.
const POLL_ALONE: Duration = Duration::from_millis(75);
/// How long a missing record may still come by itself before it is read from the log: a busy node's hints take some
/// milliseconds, and to read what is on its way costs more than to wait for it.
const PATIENCE: Duration = Duration::from_millis(20);
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
        let (mut polled, mut hints_before, mut resets) = (Instant::now(), *self.hints.borrow(), 0);
        while let Some(hub) = self.hub.upgrade() {
            let now = hub.counts.resets.load(Relaxed);
            if now != resets && self.read_erased(&hub).await {
                resets = now;
            }
            let hints = *self.hints.borrow_and_update() && !hub.has_untold() && !hub.was_unread(POLL);
            // When they stop or come again, also while something was read, what they left out is looked for at once.
            let changed = mem::replace(&mut hints_before, hints) != hints;
            let due = polled
                + if changed {
                    Duration::ZERO
                } else if hints {
                    POLL
                } else {
                    POLL_ALONE
                };
            let poll = tokio::select! {
                biased;
                () = hub.behind.notified() => false,
                () = sleep_until(due) => true,
                // An end of the bus is no news.
                Ok(()) = self.hints.changed() => true,
            };
            if poll {
                polled = Instant::now();
                self.look(&hub).await;
            }
            let mut stuck = hub.shards_behind();
            if hints && !stuck.is_empty() {
                let before = hub.cursors();
                sleep(PATIENCE).await;
                let has_moved = |shard: &Shard| before.get(*shard as usize) != Some(&hub.cursor(*shard));
                let moved: Vec<_> = stuck.extract_if(.., |shard| has_moved(shard)).collect();
                if moved.into_iter().any(|shard| hub.cursor(shard) < hub.known(shard)) {
                    hub.behind.notify_one();
                }
            }
            join_all(stuck.into_iter().map(|shard| self.read(&hub, shard))).await;
        }
    }

    /// Reads who had what they said erased: the log of before a reset may have told of more than was taken in.
    async fn read_erased(&self, hub: &Hub) -> bool {
        let read = hub.erased.read(&self.db).await;
        if let Err(error) = &read {
            tracing::debug!(name: "tail.erased", %error, "who had their messages erased could not be read");
        }
        read.is_ok()
    }

    /// Looks how far the logs have come. Nothing if the database does not say.
    async fn look(&self, hub: &Hub) -> Option<Vec<Head>> {
        hub.counts.polls.fetch_add(1, Relaxed);
        let known = hub.all_known();
        let heads = self.db.heads().await;
        let complain = |error| tracing::debug!(name: "tail.poll", %error, "the heads of the logs could not be read");
        let heads = heads.map_err(complain).ok()?;
        *hub.counts.looked.lock() = Some(Instant::now());
        match hub.learn_heads(&heads, &known) {
            None => Some(heads),
            Some((shard, head)) => self.begin_epoch(hub, shard, head).await.map_err(complain).ok(),
        }
    }

    /// The database has less of a log than this node has taken in. Positions would be given out a second time: clients that
    /// know them already, and nodes, would pass over what comes.
    async fn begin_epoch(&self, hub: &Hub, shard: Shard, head: Head) -> Result<Vec<Head>, store::Error> {
        let known = hub.known(shard);
        tracing::error!(
            name: "tail.denied", shard, epoch = head.epoch, pos = head.pos, known,
            "the database has lost commits, or was put back, while nodes ran: a new epoch begins"
        );
        self.db.begin_epoch_after(head.epoch).await?;
        let heads = self.db.heads().await?;
        hub.learn_heads(&heads, &[]);
        Ok(heads)
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
            // Not there, though it is known to have been: the log was cut off, or is another epoch's. Only the database
            // can tell, with an answer that is no older than what is known.
            if hub.cursor(shard) == after
                && let Some(heads) = self.look(hub).await
                && heads.get(shard as usize).is_some_and(|head| head.epoch == epoch && head.pos >= known)
                && hub.cursor(shard) == after
            {
                hub.reset(shard, Head { epoch, pos: known });
            }
            return;
        }
        let records = records.into_iter().map(Arc::new).collect();
        hub.offer(&Committed { segments: vec![Segment { shard, epoch, records }], heads: Vec::new() });
        if to < known {
            hub.behind.notify_one();
        }
    }
}

/// What a node knows, made to hold what a request may count on. Lets many requests share one look at the heads.
pub(crate) struct Freshness {
    db: Db,
    hub: Arc<Hub>,
    /// Looks that were begun and that have ended well.
    looks: Mutex<(u64, u64)>,
    turn: tokio::sync::Mutex<()>,
}

impl Freshness {
    pub(crate) fn new(db: Db, hub: Arc<Hub>) -> Self {
        Self { db, hub, looks: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Returns when this node knows everything that was acknowledged, by any node, before the call.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`] if the database does not say in time.
    pub(crate) async fn fresh(&self) -> Result<()> {
        if !self.db.is_shared() {
            return Ok(());
        }
        timeout(FRESH_TIMEOUT, self.look_and_follow()).await.map_err(unavailable)?
    }

    async fn look_and_follow(&self) -> Result<()> {
        let begun = self.looks.lock().0;
        let turn = self.turn.lock().await;
        // A look that began after the call tells all of what was acknowledged before it.
        if self.looks.lock().1 <= begun {
            let look = {
                let mut looks = self.looks.lock();
                looks.0 += 1;
                looks.0
            };
            let known = self.hub.all_known();
            let heads = self.db.heads().await?;
            // What the database denies is noticed by who follows the logs, too, and settled there.
            self.hub.learn_heads(&heads, &known);
            self.looks.lock().1 = look;
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

    /// Returns when this node knows the logs up to these positions, which the database has, and the other logs as far as
    /// they went then.
    ///
    /// # Errors
    /// As [`Freshness::fresh`].
    pub(crate) async fn known_to(&self, positions: &[i64]) -> Result<()> {
        if self.hub.cursors().iter().zip(positions).all(|(cursor, pos)| pos <= cursor) {
            return Ok(());
        }
        self.fresh().await?;
        // Of a store that is not shared, a query can see what is still on its way to the disk.
        timeout(FRESH_TIMEOUT, self.hub.all_reached(positions)).await.map_err(unavailable)
    }

    /// How far the logs are known here, once that is as far as a client knows them from another node, and its user's
    /// `own` log as far as it was known when the others were: keys that were sent before a message come with it or
    /// before it.
    ///
    /// # Errors
    /// As [`Freshness::fresh`].
    pub(crate) async fn reached(&self, since: Option<&[i64]>, own: Shard) -> Result<Vec<i64>> {
        let mut cursors = self.hub.cursors();
        if let Some(since) = since
            && since.iter().zip(&cursors).any(|(since, cursor)| since > cursor)
        {
            // Mostly what is missing is on its way here. If not, the database tells whether it exists at all.
            if timeout(PATIENCE, self.hub.all_reached(since)).await.is_err() {
                self.fresh().await?;
            }
            cursors = self.hub.cursors();
        }
        let known = self.hub.known(own);
        if self.hub.cursor(own) < known {
            timeout(FRESH_TIMEOUT, self.hub.reached(own, known)).await.map_err(unavailable)?;
        }
        Ok(cursors)
    }
}

fn unavailable(_: Elapsed) -> Error {
    Error::Store(store::Error::Unavailable)
}

impl Chat {
    /// [`Freshness::fresh`]
    pub(crate) async fn fresh(&self) -> Result<()> {
        self.freshness.fresh().await
    }

    /// [`Freshness::commit`]
    pub(crate) async fn commit(&self, commit: store::log::Commit) -> Result<store::log::Outcome, store::Error> {
        self.freshness.commit(commit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{erasure::Erased, rooms::Rooms, sessions, sync::user::HotUser};

    fn head(epoch: i64, pos: i64) -> Head {
        Head { epoch, pos }
    }

    #[test]
    fn who_sees_the_cursor_of_a_log_that_began_anew_finds_nobody_of_before() {
        for _ in 0..200 {
            let (rooms, sessions) = (Arc::new(Rooms::default()), Arc::new(sessions::Cache::default()));
            let hub = Hub::new(&[head(1, 10)], rooms, sessions, Erased::default(), Default::default());
            let people = (0..50).map(|n| Arc::new(HotUser::new(format!("@{n}:x").into(), 0, Vec::new())));
            let people: Vec<_> = people.collect();
            people.iter().for_each(|user| drop(hub.users.insert(user.id.clone(), user.clone())));
            std::thread::scope(|scope| {
                scope.spawn(|| hub.reset(0, head(2, 1_000)));
                while hub.cursor(0) < 1_000 {
                    std::hint::spin_loop();
                }
                assert!(hub.users.is_empty() && people.iter().all(|user| user.inner.lock().retired));
            });
        }
    }

    #[cfg(feature = "simulation")]
    #[tokio::test(start_paused = true)]
    async fn what_nodes_of_another_version_do_is_read_from_the_log_at_once() {
        use store::simulation::{Broken, Model, Random, Settings};
        let settings = Settings { random: Random::new(1), shards: 1, fair_locks: true, broken: Broken::Nothing };
        let model = Model::new(settings);
        let (db, other) = (Db::open_simulated(&model, tokio::spawn), Db::open_simulated(&model, tokio::spawn));
        let heads = db.heads().await.unwrap();
        let (rooms, sessions) = (Arc::new(Rooms::default()), Arc::new(sessions::Cache::default()));
        let hub = Arc::new(Hub::new(&heads, rooms, sessions, Erased::default(), Default::default()));
        let (_healthy, hints) = watch::channel(true);
        tokio::spawn(Follow::new(db, &hub, hints).run());
        for round in 0..10 {
            sleep(Duration::from_millis(1_000 + round * 170)).await;
            let Ok(store::log::Outcome::Committed(record)) = other.commit(Default::default()).await else {
                panic!("it is not committed")
            };
            let begun = Instant::now();
            hub.unread();
            hub.reached(0, record.pos).await;
            assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
        }
        assert_eq!(hub.counts.unread.load(Relaxed), 10);
    }

    #[test]
    fn an_answer_from_before_the_last_epoch_that_comes_late_is_ignored() {
        let (rooms, sessions) = (Arc::new(Rooms::default()), Arc::new(sessions::Cache::default()));
        let hub = Hub::new(&[head(1, 10)], rooms, sessions, Erased::default(), Default::default());
        hub.learn_heads(&[head(2, 1_000)], &[10]);
        hub.learn_heads(&[head(1, 12)], &[1_000]);
        assert_eq!((hub.epoch(0), hub.cursor(0), hub.known(0)), (2, 1_000, 1_000));
        hub.reset(0, head(2, 900));
        assert_eq!(hub.cursor(0), 1_000, "somebody else was here before");
        hub.learn_heads(&[head(3, 2_000)], &[1_000]);
        assert_eq!((hub.epoch(0), hub.cursor(0)), (3, 2_000));
        // A node that is still at the old epoch, or a copy of the store, tells of positions there.
        hub.offer(&Committed { segments: Vec::new(), heads: vec![head(2, 5_000)] });
        assert_eq!(hub.known(0), 2_000);
        assert_eq!(hub.learn_heads(&[head(3, 1_999)], &[2_000]), Some((0, head(3, 1_999))));
        assert_eq!(
            hub.learn_heads(&[head(3, 1_999)], &[1_999]),
            None,
            "it may have grown while the answer was on its way"
        );
    }
}
