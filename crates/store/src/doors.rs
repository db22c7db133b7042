//! The way to each shard's batcher: a bounded queue, and an answer in time.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    batcher::{Batcher, Job},
    command::{Answer, Append, Command},
    db::{Follower, Stmt},
    error::{Error, Result},
    log::{Commit, Outcome, Shard},
    stats::Stats,
};

/// Commands that may wait in one shard; one more is refused with [`Error::Overloaded`].
const QUEUE: usize = 4096;
/// How long a command waits for its commit before its outcome counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A batcher at work.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The batchers of one node.
pub(crate) struct Doors {
    doors: Vec<Door>,
    follower: Arc<OnceLock<Follower>>,
    stats: Arc<Stats>,
}

/// The way to one batcher.
struct Door {
    jobs: mpsc::Sender<Job>,
    task: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Doors {
    /// Starts a batcher for each shard, as a task made by `spawn`.
    pub(crate) fn new<A: Append>(
        shards: usize,
        append: impl Fn() -> A,
        stats: &Arc<Stats>,
        spawn: impl Fn(Task) -> JoinHandle<()>,
    ) -> Self {
        let follower = Arc::new(OnceLock::new());
        let door = |shard| {
            let (jobs, queue) = mpsc::channel(QUEUE);
            let batcher = Batcher::new(shard, append(), Arc::clone(&follower), Arc::clone(stats));
            Door { jobs, task: parking_lot::Mutex::new(Some(spawn(Box::pin(batcher.run(queue))))) }
        };
        let doors = (0..shards as Shard).map(door).collect();
        Self { doors, follower, stats: Arc::clone(stats) }
    }

    /// Tells `follower` of every commit from now on.
    pub(crate) fn follow(&self, follower: Follower) {
        // Told once, by whoever opens the store.
        self.follower.set(follower).ok();
    }

    pub(crate) async fn write(&self, shard: Shard, statements: Vec<Stmt>) -> Result<Vec<usize>> {
        match self.submit(shard, Command::Write(statements)).await? {
            Answer::Write(rows) => Ok(rows),
            Answer::Commit(_) => Err(Error::Closed),
        }
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Outcome> {
        match self.submit(commit.shard, Command::Commit(Box::new(commit))).await? {
            Answer::Commit(outcome) => Ok(outcome),
            Answer::Write(_) => Err(Error::Closed),
        }
    }

    async fn submit(&self, shard: Shard, command: Command) -> Result<Answer> {
        let started = Instant::now();
        let door = self.doors.get(shard as usize).ok_or(Error::NoRoom)?;
        let (reply, answer) = oneshot::channel();
        door.jobs.try_send(Job::new(command, reply)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        let answer = tokio::time::timeout(WRITE_TIMEOUT, answer).await;
        let answer = answer.map_err(|_| Error::Unavailable).and_then(|answer| answer.map_err(|_| Error::Closed)?);
        self.stats.appended(started.elapsed(), answer.is_err());
        answer
    }

    /// Lets what waits finish, and ends the batchers.
    pub(crate) async fn close(&self) {
        for door in &self.doors {
            door.jobs.send(Job::close()).await.ok();
        }
        for door in &self.doors {
            let task = door.task.lock().take();
            if let Some(task) = task {
                task.await.ok();
            }
        }
    }
}
