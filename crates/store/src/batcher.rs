//! Group commit: while batches are being committed, the next ones collect.
//!
//! A batch whose outcome is unknown, since the connection broke or the database stopped, is sent again with the same
//! keys until it is known: the database answers what was done before as it was done then.

use std::{
    mem,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::{
    command::{Answer, Append, Command, Failure, Fate, Reply},
    db::Follower,
    error::{Error, Result},
    fail_point::{self, Moment},
    log::{Outcome, Shard},
    queue::{Batch, Job, Queues, orders},
    stats::Stats,
};

/// The pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Commits one batch after the other. A node has several, which share its queues.
pub(crate) struct Batcher<A> {
    pub(crate) queues: Arc<Queues>,
    /// One for each batcher. The last that was given back is used first: a database keeps for each connection what it has
    /// worked out, and what was in use a moment ago is at hand.
    pub(crate) appenders: Arc<Mutex<Vec<A>>>,
    pub(crate) follower: Arc<OnceLock<Follower>>,
    pub(crate) stats: Arc<Stats>,
}

impl<A: Append> Batcher<A> {
    /// Runs until the queues are closed and empty.
    pub(crate) async fn run(self) {
        while let Some(mut batch) = self.queues.next().await {
            let jobs = mem::take(&mut batch.jobs);
            if jobs.is_empty() {
                continue;
            }
            let mut append = self.appenders.lock().pop().expect("there is one for each batcher");
            self.settle(&mut append, jobs, &mut batch, true).await;
            self.appenders.lock().push(append);
        }
    }

    /// Sends commands of the batch until every one has its answer. `all`: they are all of it, and may be taken apart.
    async fn settle(&self, append: &mut A, mut jobs: Vec<Job>, batch: &mut Batch<'_>, all: bool) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            fail_point::pass(Moment::BeforeCommit);
            match append.append(&orders(&jobs)).await {
                Ok(reply) => {
                    fail_point::pass(Moment::AfterCommit);
                    self.stats.batch(jobs.len(), started.elapsed());
                    return self.publish(append, jobs, reply).await;
                }
                Err(Failure::Unknown(why)) => {
                    tracing::debug!(name: "store.repeat", error = why, commands = jobs.len());
                    self.stats.repeats.fetch_add(1, Relaxed);
                    batch.doubt();
                    jobs.iter_mut().for_each(|job| job.in_doubt = true);
                    if all && batch.is_shared() {
                        return batch.give_back(jobs);
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // Who gave up was told that the outcome is unknown.
                    jobs.retain(|job| !job.is_abandoned());
                }
                // One command that the database refuses must not take its neighbours with it.
                Err(Failure::Refused(error, Some(index))) if index < jobs.len() => {
                    jobs.remove(index).finish(Err(error));
                    // What expects nothing does not fail so, and is not sent once more for each command that does.
                    let safe: Vec<_> = jobs.extract_if(.., |job| !job.command.expects()).collect();
                    if !safe.is_empty() {
                        Box::pin(self.settle(append, safe, batch, all)).await;
                    }
                }
                Err(Failure::Refused(error, _)) if jobs.len() > 1 && !matches!(error, Error::Full) => {
                    for job in jobs {
                        Box::pin(self.settle(append, vec![job], batch, false)).await;
                    }
                    return;
                }
                Err(Failure::Refused(error, _)) => {
                    tracing::error!(name: "store.commit", %error, commands = jobs.len(), "a transaction failed");
                    for job in jobs {
                        // That it failed now does not say that an earlier attempt will.
                        let error = if job.in_doubt { Error::Unavailable } else { error.clone() };
                        job.finish(Err(error));
                    }
                    return;
                }
            }
            if jobs.is_empty() {
                return;
            }
        }
    }

    /// Tells the follower, then the callers.
    async fn publish(&self, append: &A, jobs: Vec<Job>, reply: Reply) {
        // What was done by an attempt that nobody heard of is among the heads.
        let was_done = |fate: &Fate| matches!(fate, Fate::Before { .. });
        if let Some(follower) = self.follower.get()
            && (!reply.committed.segments.is_empty() || reply.fates.iter().any(was_done))
        {
            follower(&reply.committed);
        }
        fail_point::pass(Moment::BeforeAcknowledge);
        // Looking up what was done before is for those who wait.
        let fates = jobs.into_iter().zip(reply.fates).filter(|(job, _)| !job.is_abandoned());
        for (job, fate) in fates {
            let answer = match fate {
                Fate::Done(answer) => Ok(answer),
                Fate::Refused(error) => Err(error),
                Fate::Before { pos, answer } => remember(append, job.shard, &job.command, pos, answer).await,
            };
            job.finish(answer);
        }
    }
}

/// What a command that had been done before is answered: as it was then, if that was an attempt of ours.
async fn remember(append: &impl Append, shard: Shard, command: &Command, pos: i64, answer: String) -> Result<Answer> {
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
    let record = if own { append.record(shard, pos).await? } else { None };
    Ok(Answer::Commit(match record {
        Some(record) => Outcome::Committed(Arc::new(record)),
        None => Outcome::Duplicate { event_id: answer },
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::{command::Order, log::Record, queue::WORTH};

    /// Comes to nothing, in these ways; later calls are answered with what they ask as done before. Keeps the shards of each
    /// call.
    struct Fails(VecDeque<Failure>, Arc<Mutex<Vec<Vec<Shard>>>>);

    impl Append for Fails {
        async fn append(&mut self, batch: &[Order<'_>]) -> Result<Reply, Failure> {
            self.1.lock().push(batch.iter().map(|order| order.shard).collect());
            match self.0.pop_front() {
                Some(failure) => Err(failure),
                None => Ok(Reply {
                    fates: batch.iter().map(|_| Fate::Before { pos: 0, answer: "1".into() }).collect(),
                    committed: crate::log::Committed { segments: Vec::new(), heads: Vec::new() },
                }),
            }
        }

        async fn record(&self, _: Shard, _: i64) -> Result<Option<Record>> {
            Ok(None)
        }
    }

    /// What so many writes are answered.
    async fn answers(count: usize, failures: Vec<Failure>) -> Vec<Result<Answer>> {
        run(vec![0; count], failures).await.0
    }

    /// What writes in these shards are answered, and the shards of each call. Those in shard 1 expect to change a row.
    async fn run(shards: Vec<Shard>, failures: Vec<Failure>) -> (Vec<Result<Answer>>, Vec<Vec<Shard>>) {
        let (queues, calls) = (Arc::new(Queues::new(3, [0; 8], WORTH)), Arc::default());
        let batcher = Batcher {
            queues: queues.clone(),
            appenders: Arc::new(Mutex::new(vec![Fails(failures.into(), Arc::clone(&calls))])),
            follower: Arc::default(),
            stats: Arc::default(),
        };
        let expecting = || vec![crate::db::Stmt::new("", Vec::new()).expect(1)];
        let ask = |shard| {
            let statements = if shard == 1 { expecting() } else { Vec::new() };
            queues.push(shard, Command::Write(statements)).unwrap()
        };
        let waiting: Vec<_> = shards.into_iter().map(ask).collect();
        queues.close();
        batcher.run().await;
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(answer.await.unwrap());
        }
        let calls = calls.lock().clone();
        (answers, calls)
    }

    #[tokio::test]
    async fn what_can_be_done_by_one_connection_is_done_by_one() {
        let queues = Arc::new(Queues::new(1, [0; 8], WORTH));
        let calls: Vec<Arc<Mutex<Vec<_>>>> = (0..3).map(|_| Arc::default()).collect();
        let appenders = calls.iter().map(|calls| Fails(VecDeque::new(), Arc::clone(calls))).collect();
        let appenders = Arc::new(Mutex::new(appenders));
        for _ in &calls {
            let (queues, appenders) = (Arc::clone(&queues), Arc::clone(&appenders));
            tokio::spawn(Batcher { queues, appenders, follower: Arc::default(), stats: Arc::default() }.run());
        }
        for _ in 0..9 {
            queues.push(0, Command::Write(Vec::new())).unwrap().await.unwrap().unwrap();
        }
        let mut used: Vec<_> = calls.iter().map(|calls| calls.lock().len()).collect();
        used.sort_unstable();
        assert_eq!(used, [0, 0, 9]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_doubt_is_sent_again_shard_by_shard() {
        let unknown = || Failure::Unknown("the lock was not to be had".into());
        let (answers, calls) = run(vec![0, 2, 0], vec![unknown(), unknown()]).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(calls, [vec![0, 0, 2], vec![0, 0], vec![0, 0], vec![2]]);
        let (answers, _) = run(vec![0, 1], vec![unknown(), Failure::Refused(Error::Full, None)]).await;
        assert!(matches!(answers[..], [Err(Error::Unavailable), Ok(_)]), "{answers:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_storage_says_that_nothing_was_written_only_if_that_is_known() {
        let (unknown, full) = (|| Failure::Unknown("gone".into()), || Failure::Refused(Error::Full, None));
        assert!(matches!(answers(1, vec![full()]).await[..], [Err(Error::Full)]));
        assert!(matches!(answers(1, vec![unknown(), full()]).await[..], [Err(Error::Unavailable)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_fails_does_not_take_its_neighbours_with_it() {
        let named = vec![Failure::Refused(Error::Expectation(0), Some(1))];
        assert!(matches!(answers(3, named).await[..], [Ok(_), Err(Error::Expectation(0)), Ok(_)]));
        let nameless = || Failure::Refused(Error::Database("no".into()), None);
        assert!(matches!(answers(2, vec![nameless(), nameless()]).await[..], [Err(Error::Database(_)), Ok(_)]));
    }

    #[tokio::test(start_paused = true)]
    async fn commands_that_fail_do_not_have_their_neighbours_sent_again_for_each_of_them() {
        let named = || Failure::Refused(Error::Expectation(0), Some(1));
        let failures = vec![named(), Failure::Unknown("gone".into()), named()];
        let (answers, calls) = run(vec![1, 1, 1, 0, 2], failures).await;
        assert!(matches!(answers[..], [Ok(_), Err(_), Err(_), Ok(_), Ok(_)]), "{answers:?}");
        assert_eq!(calls, [vec![1, 1, 1, 0, 2], vec![0, 2], vec![1, 1], vec![1], vec![0], vec![2]]);
    }
}
