//! Everything there is in one run, and what is remembered of it to be checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use store::{
    log::{Guard, Shard, shard_of},
    simulation::Model,
};
use tokio::time::Instant;

use super::{bus::Bus, node::Node};

/// Nodes in a cluster.
pub(super) const NODES: usize = 3;
/// Rooms, and users who read.
pub(super) const ROOMS: usize = 4;
pub(super) const USERS: usize = 3;
/// The device that each user reads with.
pub(super) const DEVICE: &str = "D";

pub(super) struct World {
    pub(super) model: Model,
    pub(super) bus: Bus,
    pub(super) shards: usize,
    pub(super) rooms: Vec<Arc<str>>,
    pub(super) users: Vec<Arc<str>>,
    /// Each node while it is alive.
    pub(super) nodes: Mutex<Vec<Option<Arc<Node>>>>,
    pub(super) memory: Mutex<Memory>,
    /// Whether readers should end.
    pub(super) over: AtomicBool,
    started: Instant,
    traced: bool,
}

/// What clients remember.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) violations: Vec<String>,
    pub(super) trace: Vec<String>,
    /// The newest acknowledged position, by shard.
    pub(super) acknowledged: Vec<i64>,
    /// Acknowledged events, with the log they are in.
    pub(super) events: Vec<(Shard, Arc<str>)>,
    /// Acknowledged commits without events.
    pub(super) commits: Vec<(Shard, i64)>,
    /// The events that were sent under each transaction id, and what each answer said.
    pub(super) txns: BTreeMap<String, Txn>,
    /// What an event was decided on.
    pub(super) guards: BTreeMap<Arc<str>, Guard>,
    /// What was sent to a user, and where it stands in the user's log, before an event.
    pub(super) before: BTreeMap<Arc<str>, (usize, i64)>,
    /// Events that were refused.
    pub(super) refused: BTreeMap<Arc<str>, String>,
}

#[derive(Default)]
pub(super) struct Txn {
    pub(super) sent: BTreeSet<Arc<str>>,
    pub(super) answered: BTreeSet<Arc<str>>,
}

impl World {
    pub(super) fn new(model: Model, bus: Bus, shards: usize, traced: bool) -> Self {
        let named = |sigil: char, n: usize| -> Arc<str> { format!("{sigil}{n}").into() };
        Self {
            model,
            bus,
            shards,
            rooms: (0..ROOMS).map(|n| named('!', n)).collect(),
            users: (0..USERS).map(|n| named('@', n)).collect(),
            nodes: Mutex::new(vec![None; NODES]),
            memory: Mutex::new(Memory { acknowledged: vec![0; shards], ..Memory::default() }),
            over: AtomicBool::new(false),
            started: Instant::now(),
            traced,
        }
    }

    pub(super) fn shard_of(&self, id: &str) -> Shard {
        shard_of(id, self.shards)
    }

    pub(super) fn node(&self, index: usize) -> Option<Arc<Node>> {
        self.nodes.lock()[index].clone()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Adds a line to the trace, if there is one.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        if self.traced {
            let line = format!("{:>6} ms  {}", self.started.elapsed().as_millis(), line());
            self.memory.lock().trace.push(line);
        }
    }

    /// Something is not as it must be.
    pub(super) fn violation(&self, what: String) {
        self.note(|| format!("VIOLATION {what}"));
        self.memory.lock().violations.push(what);
    }

    /// A commit in the shard was acknowledged.
    pub(super) fn acknowledged(&self, shard: Shard, pos: i64) {
        let newest = &mut self.memory.lock().acknowledged[shard as usize];
        *newest = pos.max(*newest);
    }
}
