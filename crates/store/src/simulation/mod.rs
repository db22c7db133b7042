//! A model of the database that nodes share, in simulated time: everything above [`Append`](crate::command::Append) runs
//! on it as it does on PostgreSQL, with every failure that the seed says.
//!
//! Modelled are the lock of a shard's row, statements that see what was committed when they began, commits that happen
//! at one point in time, connections that break before or after it, transactions that go on without their node, an end
//! of the database, and a failover that loses the newest commits and begins a new epoch. Needs a paused clock.

mod appender;
mod lock;
mod random;
mod tables;

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::{task::JoinHandle, time::sleep};

pub use self::random::Random;
use self::{
    appender::Appender,
    lock::Lock,
    tables::{Delta, Tables},
};
pub use crate::doors::Task;
use crate::{
    command::Failure,
    doors::Doors,
    error::{Error, Result},
    log::{Head, Record, Shard},
    stats::Stats,
};

/// What is wrong with the model, to see that it would be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// Nothing.
    #[default]
    Nothing,
    /// Transactions do not wait for each other.
    NoLock,
    /// Transactions see what was committed before they had the lock.
    StaleSnapshot,
}

/// What kind of database it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its chances come from.
    pub random: Random,
    /// How many shards it has.
    pub shards: usize,
    /// Whether those who wait for a lock get it in the order they came.
    pub fair_locks: bool,
    /// What is wrong with it.
    pub broken: Broken,
}

/// The database. Clones share it.
#[derive(Clone)]
pub struct Model {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    settings: Settings,
    random: Random,
    rows: Vec<Row>,
    /// What was committed, in the order of time.
    history: Vec<Vec<(Shard, Delta)>>,
    lost: Vec<Arc<Record>>,
    /// So much of the history is never lost.
    kept: usize,
    /// Raised whenever the database ends: nothing that was begun before goes on.
    generation: u64,
    up: bool,
    full: bool,
    /// How many in a hundred calls break.
    trouble: usize,
    nodes: u64,
}

struct Row {
    tables: Tables,
    lock: Lock,
}

impl Model {
    /// An empty store.
    pub fn new(settings: Settings) -> Self {
        let inner = Inner {
            random: settings.random.clone(),
            rows: (0..settings.shards).map(|_| Row { tables: Tables::new(), lock: Lock::default() }).collect(),
            settings,
            history: Vec::new(),
            lost: Vec::new(),
            kept: 0,
            generation: 0,
            up: true,
            full: false,
            trouble: 0,
            nodes: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn shards(&self) -> usize {
        self.inner.lock().rows.len()
    }

    /// So many in a hundred calls break from now on.
    pub fn set_trouble(&self, percent: usize) {
        self.inner.lock().trouble = percent;
    }

    /// Whether its disk is full.
    pub fn set_full(&self, full: bool) {
        self.inner.lock().full = full;
    }

    /// Ends: what was not committed never will be.
    pub fn stop(&self) {
        self.inner.lock().end();
    }

    /// Ends [`Model::stop`].
    pub fn start(&self) {
        self.inner.lock().up = true;
    }

    /// No failover will lose what was committed by now.
    pub fn keep(&self) {
        let mut inner = self.inner.lock();
        inner.kept = inner.history.len();
    }

    /// Another server takes over, which never heard of the newest transactions, `lose` of them at most; a new epoch begins.
    pub fn fail_over(&self, lose: usize) {
        let mut inner = self.inner.lock();
        inner.end();
        inner.forget(lose);
        inner.begin_epoch();
        inner.up = true;
    }

    /// A new epoch begins while everything goes on, unless the database ends meanwhile.
    pub async fn bump_epoch(&self) {
        let mut held = Vec::new();
        let Ok(generation) = self.connect() else { return };
        for shard in 0..self.shards() {
            match self.lock(shard as Shard, generation).await {
                Ok(lock) => held.push(lock),
                Err(_) => return,
            }
        }
        let Ok(mut inner) = self.running(generation) else { return };
        inner.begin_epoch();
    }

    /// The end of each shard's log, now.
    pub fn heads_now(&self) -> Vec<Head> {
        self.inner.lock().heads()
    }

    /// A shard's log, now, after position `after` up to position `to`.
    pub fn log(&self, shard: Shard, after: i64, to: i64) -> Vec<Arc<Record>> {
        self.inner.lock().log(shard, after, to).cloned().collect()
    }

    /// What a failover has lost.
    pub fn lost(&self) -> Vec<Arc<Record>> {
        self.inner.lock().lost.clone()
    }

    /// The positions of the messages that wait for a device, after position `after` up to position `to`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn mail(&self, shard: Shard, user: &str, device: &str, after: i64, to: i64) -> Result<Vec<i64>> {
        self.query(|inner| {
            let mail = inner.rows[shard as usize].tables.mail.iter();
            let wanted = mail.filter(|mail| mail.0.as_ref() == user && mail.1.as_ref() == device);
            wanted.map(|mail| mail.2).filter(|pos| *pos > after && *pos <= to).collect()
        })
        .await
    }

    async fn records(&self, shard: Shard, after: i64, to: i64) -> Result<Vec<Record>> {
        self.query(|inner| inner.log(shard, after, to).map(|record| Record::clone(record)).collect()).await
    }

    /// A statement that reads: it sees what was committed when it began.
    async fn query<T>(&self, read: impl FnOnce(&Inner) -> T) -> Result<T> {
        let (there, back, breaks) = {
            let mut inner = self.inner.lock();
            let (trouble, random) = (inner.trouble, &mut inner.random);
            (random.delay(3, 100), random.delay(3, 150), random.chance(trouble))
        };
        sleep(there).await;
        let (answer, generation) = {
            let inner = self.inner.lock();
            if !inner.up || breaks {
                return Err(Error::Unavailable);
            }
            (read(&inner), inner.generation)
        };
        sleep(back).await;
        if self.inner.lock().generation == generation { Ok(answer) } else { Err(Error::Unavailable) }
    }

    fn connect(&self) -> Result<u64, Failure> {
        let inner = self.inner.lock();
        if inner.up { Ok(inner.generation) } else { Err(Failure::Unknown("the database is not there".into())) }
    }

    /// The database, if it did not end since `generation`.
    fn running(&self, generation: u64) -> Result<MutexGuard<'_, Inner>, Failure> {
        let inner = self.inner.lock();
        if inner.generation == generation { Ok(inner) } else { Err(Failure::Unknown("the database has ended".into())) }
    }
}

impl Inner {
    fn heads(&self) -> Vec<Head> {
        self.rows.iter().map(|row| Head { epoch: row.tables.epoch, pos: row.tables.head }).collect()
    }

    fn log(&self, shard: Shard, after: i64, to: i64) -> impl Iterator<Item = &Arc<Record>> {
        let log = self.rows[shard as usize].tables.log.iter();
        log.filter(move |record| record.pos > after && record.pos <= to)
    }

    fn commit(&mut self, deltas: Vec<(Shard, Delta)>) {
        deltas.iter().for_each(|(shard, delta)| self.rows[*shard as usize].tables.apply(delta));
        self.history.push(deltas);
    }

    fn begin_epoch(&mut self) {
        let deltas = self.rows.iter().enumerate().map(|(shard, row)| (shard as Shard, row.tables.new_epoch()));
        self.commit(deltas.collect());
    }

    fn end(&mut self) {
        self.up = false;
        self.generation += 1;
        self.rows.iter_mut().for_each(|row| row.lock = Lock::default());
    }

    /// Loses the newest commits of this epoch.
    fn forget(&mut self, lose: usize) {
        for _ in 0..lose.min(self.history.len() - self.kept) {
            let is_of_commands = |deltas: &mut Vec<(Shard, Delta)>| deltas.iter().any(|(_, delta)| !delta.is_empty());
            let Some(deltas) = self.history.pop_if(is_of_commands) else { break };
            self.lost.extend(deltas.into_iter().flat_map(|(_, delta)| delta.records));
        }
        for row in &mut self.rows {
            row.tables = Tables::new();
        }
        for (shard, delta) in self.history.iter().flatten() {
            self.rows[*shard as usize].tables.apply(delta);
        }
    }
}

/// A node's door to the model.
pub(crate) struct Simulated {
    model: Model,
    pub(crate) doors: Doors,
}

impl Simulated {
    pub(crate) fn open(model: &Model, stats: &Arc<Stats>, spawn: impl Fn(Task) -> JoinHandle<()>) -> Self {
        let (nonce, worth) = {
            let mut inner = model.inner.lock();
            inner.nodes += 1;
            // Few commands are under way here, and calls beside each other are to happen all the same.
            (inner.nodes.to_be_bytes(), 1 + inner.random.below(3))
        };
        let doors = Doors::new(model.shards(), (nonce, worth), || Appender { model: model.clone() }, stats, spawn);
        Self { model: model.clone(), doors }
    }

    pub(crate) async fn heads(&self) -> Result<Vec<Head>> {
        self.model.query(Inner::heads).await
    }

    pub(crate) async fn records(&self, shard: Shard, after: i64, to: i64) -> Result<Vec<Record>> {
        self.model.records(shard, after, to).await
    }

    /// The model knows no SQL.
    pub(crate) fn unknown(sql: &str) -> Error {
        Error::Database(format!("not simulated: {sql}").into())
    }
}
