//! The group commit of one shard: while a batch is being committed, the next one collects. No timers.
//!
//! A batch whose outcome is unknown, since the connection broke or the database stopped, is sent again with the same
//! keys until it is known: the database answers what was done before as it was done then.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use crate::{
    command::{Answer, Append, Command, Failure, Fate, Key, Reply},
    db::Follower,
    error::{Error, Result},
    log::{Committed, Outcome, Shard},
    stats::Stats,
};

/// Commands in one batch at most.
const BATCH: usize = 512;
/// Bytes in one batch, about, unless a single command has more.
const BATCH_BYTES: usize = 1024 * 1024;
/// The pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A command that waits for its commit. Without a reply: the order to end.
pub(crate) struct Job {
    command: Command,
    reply: Option<oneshot::Sender<Result<Answer>>>,
}

impl Job {
    pub(crate) fn new(command: Command, reply: oneshot::Sender<Result<Answer>>) -> Self {
        Self { command, reply: Some(reply) }
    }

    /// Ends the batcher once everything before it is done.
    pub(crate) fn close() -> Self {
        Self { command: Command::Write(Vec::new()), reply: None }
    }

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    fn finish(self, result: Result<Answer>) {
        if let Some(reply) = self.reply {
            // A caller that went away does not need its answer.
            reply.send(result).ok();
        }
    }
}

/// A command with the key that it keeps however often it is sent.
struct Keyed {
    job: Job,
    key: Key,
}

/// The batcher of one shard at one node.
pub(crate) struct Batcher<A> {
    shard: Shard,
    append: A,
    follower: Arc<OnceLock<Follower>>,
    stats: Arc<Stats>,
    /// How many keys this batcher has made.
    keys: u64,
}

impl<A: Append> Batcher<A> {
    pub(crate) fn new(shard: Shard, append: A, follower: Arc<OnceLock<Follower>>, stats: Arc<Stats>) -> Self {
        Self { shard, append, follower, stats, keys: 0 }
    }

    /// Commits what comes in until told to end, or nobody can ask any more.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting: VecDeque<Keyed> = VecDeque::new();
        let mut arrived = Vec::with_capacity(BATCH);
        let mut open = true;
        loop {
            // Only if there is nothing to do is there something to wait for.
            if waiting.is_empty() {
                if !open || queue.recv_many(&mut arrived, BATCH).await == 0 {
                    return;
                }
            } else {
                while arrived.len() + waiting.len() < BATCH
                    && let Ok(job) = queue.try_recv()
                {
                    arrived.push(job);
                }
            }
            for job in arrived.drain(..) {
                open &= job.reply.is_some();
                if job.reply.is_some() && !job.is_abandoned() {
                    let key = self.key(&job.command);
                    waiting.push_back(Keyed { job, key });
                }
            }
            let batch = next_batch(&mut waiting);
            if !batch.is_empty() {
                self.settle(batch, false).await;
            }
        }
    }

    /// The client's transaction id; without one, a key that no other command ever has.
    fn key(&mut self, command: &Command) -> Key {
        if let Command::Commit(commit) = command
            && let Some(txn) = &commit.txn
        {
            return Key { user_id: txn.user_id.clone(), key: txn.digest() };
        }
        self.keys += 1;
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.append.nonce());
        key[8..].copy_from_slice(&((self.shard as u64) << 48 | self.keys).to_be_bytes());
        Key { user_id: "".into(), key }
    }

    /// Runs the batch until every command in it has its answer. `in_doubt`: an earlier attempt may yet be committed.
    async fn settle(&mut self, mut batch: Vec<Keyed>, mut in_doubt: bool) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            match self.append.append(self.shard, &commands(&batch)).await {
                Ok(reply) => {
                    self.stats.batch(batch.len(), started.elapsed());
                    return self.publish(batch, reply).await;
                }
                Err(Failure::Unknown(why)) => {
                    tracing::debug!(name: "store.repeat", error = why, shard = self.shard, commands = batch.len());
                    self.stats.repeats.fetch_add(1, Relaxed);
                    in_doubt = true;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // Who gave up was told that the outcome is unknown.
                    batch.retain(|keyed| !keyed.job.is_abandoned());
                    if batch.is_empty() {
                        return;
                    }
                }
                // One command that the database refuses must not take its neighbours with it.
                Err(Failure::Refused(error)) if batch.len() > 1 && !matches!(error, Error::Full) => {
                    for keyed in batch {
                        Box::pin(self.settle(vec![keyed], in_doubt)).await;
                    }
                    return;
                }
                Err(Failure::Refused(error)) => {
                    if !matches!(error, Error::Expectation(_)) {
                        tracing::error!(name: "store.commit", %error, commands = batch.len(), "a transaction failed");
                    }
                    // "The storage is full" promises that nothing was written.
                    let error = if in_doubt && matches!(error, Error::Full) { Error::Unavailable } else { error };
                    return batch.into_iter().for_each(|keyed| keyed.job.finish(Err(error.clone())));
                }
            }
        }
    }

    /// Tells the follower, then the callers.
    async fn publish(&mut self, batch: Vec<Keyed>, reply: Reply) {
        let Reply { epoch, heads, fates, records } = reply;
        if let Some(follower) = self.follower.get()
            && !records.is_empty()
        {
            follower(&Committed { epoch, records, heads });
        }
        for (keyed, fate) in batch.into_iter().zip(fates) {
            let answer = match fate {
                Fate::Done(answer) => Ok(answer),
                Fate::Refused(error) => Err(error),
                Fate::Before { pos, answer } => self.remember(&keyed.job.command, pos, answer).await,
            };
            keyed.job.finish(answer);
        }
    }

    /// What a command that had been done before is answered: as it was then, if that was an attempt of ours.
    async fn remember(&self, command: &Command, pos: i64, answer: String) -> Result<Answer> {
        let commit = match command {
            Command::Write(_) => {
                let rows = answer.split(',').filter(|rows| !rows.is_empty());
                return Ok(Answer::Write(rows.map(|rows| rows.parse().unwrap_or(0)).collect()));
            }
            Command::Commit(commit) => commit,
        };
        let own = match commit.room.as_ref().and_then(|room| room.events.first()) {
            Some(event) => event.event_id.as_ref() == answer,
            None => commit.txn.is_none(),
        };
        let record = if own { self.append.record(self.shard, pos).await? } else { None };
        Ok(Answer::Commit(match record {
            Some(record) => Outcome::Committed(Arc::new(record)),
            None => Outcome::Duplicate { event_id: answer },
        }))
    }
}

fn commands(batch: &[Keyed]) -> Vec<(&Command, &Key)> {
    batch.iter().map(|keyed| (&keyed.job.command, &keyed.key)).collect()
}

/// Takes the next batch off what waits. A key stands in it once: the second command under it finds what the first did.
fn next_batch(waiting: &mut VecDeque<Keyed>) -> Vec<Keyed> {
    let (mut batch, mut keys, mut bytes) = (Vec::new(), HashSet::new(), 0);
    while let Some(next) = waiting.front() {
        bytes += next.job.command.size();
        if batch.len() == BATCH || (bytes > BATCH_BYTES && !batch.is_empty()) || !keys.insert(next.key.clone()) {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comes to nothing, in these ways.
    struct Fails(VecDeque<Failure>);

    impl Append for Fails {
        async fn append(&mut self, _: Shard, _: &[(&Command, &Key)]) -> Result<Reply, Failure> {
            Err(self.0.pop_front().unwrap_or(Failure::Refused(Error::Closed)))
        }

        async fn record(&self, _: Shard, _: i64) -> Result<Option<crate::log::Record>> {
            Ok(None)
        }

        fn nonce(&self) -> [u8; 8] {
            [0; 8]
        }
    }

    async fn answer(failures: Vec<Failure>) -> Result<Answer> {
        let (jobs, queue) = mpsc::channel(1);
        let batcher = Batcher::new(0, Fails(failures.into()), Arc::default(), Arc::default());
        let (reply, answer) = oneshot::channel();
        jobs.send(Job::new(Command::Commit(Box::default()), reply)).await.ok();
        drop(jobs);
        batcher.run(queue).await;
        answer.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_storage_says_that_nothing_was_written_only_if_that_is_known() {
        let (unknown, full) = (|| Failure::Unknown("gone".into()), || Failure::Refused(Error::Full));
        assert!(matches!(answer(vec![full()]).await, Err(Error::Full)));
        assert!(matches!(answer(vec![unknown(), full()]).await, Err(Error::Unavailable)));
    }
}
