//! What a node takes in from each log: everything, once, in order.

use std::sync::Arc;

use parking_lot::Mutex;
use store::log::{Event, Record, Shard};

use super::{node::Node, world::World};
use crate::sync::hub::Hub;

/// How far a node was seen to have come, by shard.
pub(super) struct Watch(Mutex<Vec<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    epoch: i64,
    /// Where it began.
    from: i64,
    cursor: i64,
}

impl Seen {
    fn now(hub: &Hub, shard: Shard) -> Self {
        let cursor = hub.cursor(shard);
        Self { epoch: hub.epoch(shard), from: cursor, cursor }
    }
}

impl Watch {
    pub(super) fn new(hub: &Hub) -> Self {
        Self(Mutex::new((0..hub.cursors().len() as Shard).map(|shard| Seen::now(hub, shard)).collect()))
    }

    /// Compares what the node has taken in since the last look with what is in the logs.
    pub(super) fn look(&self, world: &World, node: &Node) {
        for (shard, seen) in self.0.lock().iter_mut().enumerate() {
            let now = Seen::now(&node.hub, shard as Shard);
            let name = format!("node {} shard {shard}", node.index);
            if now.epoch < seen.epoch || now.cursor < seen.cursor {
                world.violation(format!("{name}: went back from {seen:?} to {now:?}"));
            }
            if now.epoch != seen.epoch {
                world.note(|| format!("{name}: begins anew at {now:?}"));
                *seen = now;
            } else if now.cursor != seen.cursor {
                compare(world, node, shard as Shard, seen.cursor, now.cursor);
                seen.cursor = now.cursor;
            }
        }
    }

    /// Compares all that the node still knows.
    pub(super) fn look_back(&self, world: &World, node: &Node) {
        self.look(world, node);
        for (shard, seen) in self.0.lock().iter().enumerate() {
            compare(world, node, shard as Shard, seen.from, seen.cursor);
        }
    }
}

/// What the node has taken in after position `after` must be every record up to `to`, in order.
fn compare(world: &World, node: &Node, shard: Shard, after: i64, to: i64) {
    let mut taken = Vec::new();
    if !node.hub.adopt(shard, after, |records| taken = records.to_vec()) {
        // It began anew within the epoch.
        return;
    }
    let name = format!("node {} shard {shard}", node.index);
    let positions: Vec<_> = taken.iter().map(|record| record.pos).collect();
    if positions != (after + 1..=to).collect::<Vec<_>>() {
        world.violation(format!("{name}: took {positions:?} after {after} up to {to}"));
    }
    taken.iter().for_each(|record| check_is_true(world, &name, record));
}

/// The record is in its log, or was before a failover.
pub(super) fn check_is_true(world: &World, who: &str, record: &Record) {
    let (log, lost) = (world.model.log(record.shard, record.pos - 1, record.pos), world.model.lost());
    if !log.iter().chain(&lost).any(|other| is_same(record, other)) {
        world.violation(format!("{who}: has a record at {} that is in no log", record.pos));
    }
}

fn is_same(a: &Record, b: &Record) -> bool {
    let same = |(a, b): (&Arc<Event>, &Arc<Event>)| {
        (&a.event_id, a.seq, a.count) == (&b.event_id, b.seq, b.count) && a.json.get() == b.json.get()
    };
    let of = |record: &Record| (record.shard, record.pos, record.changes.len(), record.events.len());
    of(a) == of(b) && a.events.iter().zip(&b.events).all(same)
}
