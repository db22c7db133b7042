//! Where commands wait for their batch: what each shard is asked, in order, and which shards a batch may take.
//!
//! A batch takes what waits in the shard that has been free for longest, and while that is not yet worth a call, what waits
//! in the next. So a call has many commands whether they are spread over the shards or not, and a node that is busy makes
//! several calls at once, of different shards. A node that is busy, but not enough for that, lets its commands wait a
//! little for company, and longer the more nodes there are: so the database, which they share, gets about as many calls
//! from several nodes as from one.
//!
//! Batches whose outcome is in doubt are taken apart: a shard that cannot be committed to holds up no other for long.
//! What cannot be done soon is refused instead of kept waiting: too much of it, or behind something that is stuck.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    mem,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::{Duration, Instant, timeout},
};

use crate::{
    command::{Answer, Command, Key, Order},
    doors::BATCHERS,
    error::{Error, Result},
    log::Shard,
};

/// Commands that may wait, and bytes that they may take; one more is refused with [`Error::Overloaded`].
const LIMIT: usize = 16 * 1024;
const LIMIT_BYTES: usize = 128 * 1024 * 1024;
/// So many commands are worth a call beside each one that is under way: its own cost is a small part of theirs.
pub(crate) const WORTH: usize = 32;
/// Where so many were in a batch or could have been in the next, as many may be about to come again, and are to share a call.
const COMPANY: usize = 2;
/// How long a command that could leave waits for those, for each node that there is. (PostgreSQL's `commit_delay` and
/// `commit_siblings` do something like it.)
const GATHER: Duration = Duration::from_millis(2);
/// So many nodes count for that at most: a command does not wait for longer than people notice.
const MOST_NODES: u32 = 4;
/// When none has come for so long, none is waited for.
const SILENCE: Duration = Duration::from_millis(3);
/// Commands in one batch at most.
const BATCH: usize = 512;
/// What is worth a call fits in one.
const _: () = assert!(WORTH * (BATCHERS + MOST_NODES as usize) <= BATCH);
/// Bytes in one batch, about, unless a single command has more.
const BATCH_BYTES: usize = 1024 * 1024;
/// A batch that is under way for so long holds up the others no more.
const SLOW: Duration = Duration::from_secs(1);
/// Where a command waits for so long, no other may wait behind it: who comes now is told at once to come back later.
const STUCK: Duration = Duration::from_secs(5);

/// The queues of a node.
pub(crate) struct Queues {
    inner: Mutex<Inner>,
    /// Something is worth looking at again.
    work: Notify,
    nonce: [u8; 8],
    /// How many keys this node has made.
    keys: AtomicU64,
}

struct Inner {
    shards: Vec<Queue>,
    /// Shards in which something waits and nothing is under way, in the order in which that became so.
    ready: VecDeque<Shard>,
    /// How many commands wait in those.
    ready_commands: usize,
    waiting: usize,
    waiting_bytes: usize,
    /// When the batches began that are under way and whose outcome is not in doubt, by number.
    under_way: BTreeMap<u64, Instant>,
    /// The last batch.
    last: Ended,
    /// When a command last came that can leave.
    pushed: Instant,
    /// How long commands wait for company.
    patience: Duration,
    /// How many other nodes share the database.
    others: usize,
    /// So many commands are worth a call beside each one that is under way.
    worth: usize,
    batches: u64,
    closed: bool,
}

/// A batch that is done.
struct Ended {
    at: Instant,
    /// How many commands it had, and how many could have left when it ended: so many are about to come again, perhaps.
    company: usize,
}

/// One shard's.
#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// A batch with commands of this shard is under way, and those that follow wait for it: since when its oldest waits.
    busy: Option<Instant>,
    /// The outcome of its last batch was in doubt: until one is not, it shares none, so that others need not wait for it.
    alone: bool,
}

impl Queue {
    /// Whether something has waited here for too long.
    fn is_stuck(&self) -> bool {
        let since = self.busy.or_else(|| self.jobs.front().map(|job| job.asked));
        since.is_some_and(|since| since.elapsed() > STUCK)
    }
}

/// A command that waits for its commit, with the key that it keeps however often it is sent.
pub(crate) struct Job {
    pub(crate) shard: Shard,
    pub(crate) command: Command,
    pub(crate) key: Key,
    asked: Instant,
    /// Bytes that it takes, about.
    size: usize,
    /// An earlier attempt may yet be committed.
    pub(crate) in_doubt: bool,
    reply: oneshot::Sender<Result<Answer>>,
}

impl Job {
    pub(crate) fn order(&self) -> Order<'_> {
        Order { shard: self.shard, command: &self.command, key: &self.key }
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    pub(crate) fn finish(self, result: Result<Answer>) {
        // A caller that went away does not need its answer.
        self.reply.send(result).ok();
    }
}

/// Commands on their way, those of a shard together and in order. Their shards are taken until this is dropped.
pub(crate) struct Batch<'a> {
    pub(crate) jobs: Vec<Job>,
    shards: Vec<Shard>,
    number: u64,
    /// How many commands it was taken with.
    size: usize,
    in_doubt: bool,
    queues: &'a Queues,
}

impl Batch<'_> {
    /// It takes longer than others need to wait for.
    pub(crate) fn doubt(&mut self) {
        if !mem::replace(&mut self.in_doubt, true) {
            self.queues.inner.lock().under_way.remove(&self.number);
            self.queues.work.notify_one();
        }
    }

    /// Whether it has commands of several shards.
    pub(crate) fn is_shared(&self) -> bool {
        self.shards.len() > 1
    }

    /// Puts all of its commands back to where they were, each shard's for a batch of its own.
    pub(crate) fn give_back(&mut self, jobs: Vec<Job>) {
        // They are counted where they wait.
        self.size = 0;
        let mut inner = self.queues.inner.lock();
        for shard in &self.shards {
            inner.shards[*shard as usize].alone = true;
        }
        inner.waiting += jobs.len();
        inner.waiting_bytes += jobs.iter().map(|job| job.size).sum::<usize>();
        for job in jobs.into_iter().rev() {
            inner.shards[job.shard as usize].jobs.push_front(job);
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut inner = self.queues.inner.lock();
        inner.under_way.remove(&self.number);
        for shard in self.shards.drain(..) {
            inner.shards[shard as usize].alone = self.in_doubt;
            inner.free(shard);
        }
        inner.last = Ended { at: Instant::now(), company: self.size + inner.ready_commands };
        // Whoever drops it looks for the next one; others wait only for the end.
        if inner.closed {
            self.queues.work.notify_waiters();
        }
    }
}

impl Queues {
    /// `nonce`: what the keys of this node begin with; no other node has the same. `worth`: [`WORTH`], or fewer.
    pub(crate) fn new(shards: usize, nonce: [u8; 8], worth: usize) -> Self {
        let now = Instant::now();
        let inner = Inner {
            shards: (0..shards).map(|_| Queue::default()).collect(),
            ready: VecDeque::new(),
            ready_commands: 0,
            waiting: 0,
            waiting_bytes: 0,
            under_way: BTreeMap::new(),
            last: Ended { at: now, company: 0 },
            pushed: now,
            patience: GATHER,
            others: 0,
            worth,
            batches: 0,
            closed: false,
        };
        Self { inner: Mutex::new(inner), work: Notify::new(), nonce, keys: AtomicU64::new(0) }
    }

    /// So many nodes share the database, this one included.
    pub(crate) fn set_nodes(&self, nodes: u32) {
        let nodes = nodes.clamp(1, MOST_NODES);
        let mut inner = self.inner.lock();
        (inner.patience, inner.others) = (GATHER * nodes, nodes as usize - 1);
        // What waits may be enough now.
        self.work.notify_one();
    }

    /// Puts a command at the end of its shard's queue.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if too many wait or the shard is stuck, [`Error::Closed`], [`Error::NoRoom`] for a shard that
    /// is none.
    pub(crate) fn push(&self, shard: Shard, command: Command) -> Result<oneshot::Receiver<Result<Answer>>> {
        let (reply, answer) = oneshot::channel();
        let (key, asked, size) = (self.key(&command), Instant::now(), command.size());
        let job = Job { shard, command, key, asked, size, in_doubt: false, reply };
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Error::Closed);
        }
        if inner.waiting >= LIMIT || inner.waiting_bytes >= LIMIT_BYTES {
            return Err(Error::Overloaded);
        }
        let queue = inner.shards.get_mut(shard as usize).ok_or(Error::NoRoom)?;
        if queue.is_stuck() {
            return Err(Error::Overloaded);
        }
        queue.jobs.push_back(job);
        let (is_ready, is_first) = (queue.busy.is_none(), queue.jobs.len() == 1);
        inner.waiting += 1;
        inner.waiting_bytes += size;
        if is_ready {
            inner.pushed = asked;
            inner.ready_commands += 1;
            if is_first {
                inner.ready.push_back(shard);
            }
        }
        // Those between have woken somebody already, or wait for one of these.
        if [1, inner.last.company, inner.worth()].contains(&inner.ready_commands) {
            self.work.notify_one();
        }
        Ok(answer)
    }

    /// The next batch, as soon as there is one; none once closed and empty.
    pub(crate) async fn next(&self) -> Option<Batch<'_>> {
        loop {
            // Requests that are ready to run get to ask for their commits before the batch leaves.
            tokio::task::yield_now().await;
            let mut work = std::pin::pin!(self.work.notified());
            work.as_mut().enable();
            let patience = {
                let mut inner = self.inner.lock();
                if inner.is_worth_a_call() {
                    let (jobs, shards) = inner.take();
                    inner.batches += 1;
                    let number = inner.batches;
                    inner.under_way.insert(number, Instant::now());
                    // What is left may turn out to wait behind a slow batch: somebody has to look again in time.
                    if inner.ready_commands > 0 {
                        self.work.notify_one();
                    }
                    let size = jobs.len();
                    return Some(Batch { jobs, shards, number, size, in_doubt: false, queues: self });
                }
                if inner.closed && inner.waiting == 0 {
                    return None;
                }
                (inner.ready_commands > 0).then(|| inner.look_again())
            };
            match patience {
                Some(patience) => drop(timeout(patience, work).await),
                None => work.await,
            }
        }
    }

    /// Takes no more commands; those that wait are done.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.work.notify_waiters();
    }

    /// The client's transaction id; without one, a key that no other command ever has.
    fn key(&self, command: &Command) -> Key {
        if let Command::Commit(commit) = command
            && let Some(txn) = &commit.txn
        {
            return Key { user_id: txn.user_id.clone(), key: txn.digest() };
        }
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.nonce);
        key[8..].copy_from_slice(&self.keys.fetch_add(1, Relaxed).to_be_bytes());
        Key { user_id: "".into(), key }
    }
}

impl Inner {
    /// How many commands are worth another call: the more calls the database has already, of other nodes too, which have
    /// about one each, the less one more is of use.
    fn worth(&self) -> usize {
        let calls = self.under_way.values().filter(|begun| begun.elapsed() < SLOW).count();
        self.worth * (calls.max(1) + self.others)
    }

    fn is_worth_a_call(&self) -> bool {
        let is_due = || self.is_alone() && self.gathers().is_none();
        self.ready_commands >= self.worth() || (self.ready_commands > 0 && is_due())
    }

    /// Whether no batch is under way for which others wait.
    fn is_alone(&self) -> bool {
        self.under_way.values().all(|begun| begun.elapsed() >= SLOW)
    }

    /// How long others may yet join what waits: until as many are here as last time, none has come for a while, or what
    /// waits has done so for long enough. Where more and more come, each batch is larger than the last, until that ends it.
    fn gathers(&self) -> Option<Duration> {
        let first = &self.shards[*self.ready.front()? as usize];
        let &Ended { at, company } = &self.last;
        let asked = first.jobs.front()?.asked;
        // Who comes long after the last batch is alone.
        let has_company = company >= COMPANY && self.ready_commands < company && asked <= at + self.patience;
        if !has_company || first.alone || self.closed {
            return None;
        }
        let until = (asked.max(at) + self.patience).min(self.pushed.max(at) + SILENCE);
        until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    }

    /// How long nothing needs to be looked at, if nothing happens: until what waits has gathered, or the batch that is under
    /// way may have turned out slow.
    fn look_again(&self) -> Duration {
        self.gathers().filter(|_| self.is_alone()).unwrap_or(SLOW)
    }

    /// Takes the next batch off what waits. A key stands in it once for a shard: the second command under it finds what
    /// the first did.
    fn take(&mut self) -> (Vec<Job>, Vec<Shard>) {
        let (mut jobs, mut shards, mut bytes) = (Vec::<Job>::new(), Vec::new(), 0);
        let worth = self.worth();
        while jobs.len() < worth
            && let Some(shard) = self.ready.pop_front()
        {
            let queue = &mut self.shards[shard as usize];
            let first = queue.jobs.front().map_or(0, |job| job.size);
            if !shards.is_empty() && (queue.alone || bytes + first > BATCH_BYTES) {
                // It is the next batch's, before all others.
                self.ready.push_front(shard);
                break;
            }
            self.ready_commands -= queue.jobs.len();
            queue.busy = queue.jobs.front().map(|job| job.asked);
            shards.push(shard);
            let mut keys = HashSet::new();
            while let Some(next) = queue.jobs.front() {
                bytes += next.size;
                let full = jobs.len() == BATCH || (bytes > BATCH_BYTES && !jobs.is_empty());
                if full || !keys.insert(next.key.clone()) {
                    break;
                }
                self.waiting -= 1;
                self.waiting_bytes -= next.size;
                jobs.extend(queue.jobs.pop_front().filter(|job| !job.is_abandoned()));
            }
            if queue.alone || bytes > BATCH_BYTES {
                break;
            }
        }
        (jobs, shards)
    }

    /// The batch that had the shard is done.
    fn free(&mut self, shard: Shard) {
        let queue = &mut self.shards[shard as usize];
        queue.busy = None;
        if !queue.jobs.is_empty() {
            self.ready_commands += queue.jobs.len();
            self.ready.push_back(shard);
        }
    }
}

/// The commands as they are sent.
pub(crate) fn orders(jobs: &[Job]) -> Vec<Order<'_>> {
    jobs.iter().map(Job::order).collect()
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
