//! What must be true of the logs when all is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use store::log::{Event, Record, Shard};

use super::world::{Memory, NODES, World};

/// Positions of different epochs differ here.
const EPOCH_BITS: u32 = 32;

pub(super) fn check(world: &World) {
    let logs: Vec<_> = (0..world.shards as Shard).map(|shard| world.model.log(shard, 0, i64::MAX)).collect();
    let mut violations = Vec::new();
    for (shard, log) in logs.iter().enumerate() {
        dense(shard, log, &mut violations);
    }
    let events: Vec<_> = logs.iter().flatten().flat_map(|record| &record.events).collect();
    numbers(&events, &mut violations);
    let memory = std::mem::take(&mut *world.memory.lock());
    decided(&events, &memory, &mut violations);
    answers(world, &events, &logs, &memory, &mut violations);
    *world.memory.lock() = memory;
    violations.into_iter().for_each(|what| world.violation(what));
}

/// Every node has everything.
pub(super) fn check_nodes(world: &World) {
    let heads = world.model.heads_now();
    for index in 0..NODES {
        let Some(node) = world.node(index) else { continue };
        node.watch.look_back(world, &node);
        for (shard, head) in heads.iter().enumerate() {
            let (epoch, cursor) = (node.hub.epoch(shard as Shard), node.hub.cursor(shard as Shard));
            if (epoch, cursor) != (head.epoch, head.pos) {
                world
                    .violation(format!("node {index} shard {shard}: ended at {cursor} of epoch {epoch}, not {head:?}"));
            }
        }
    }
}

/// Positions follow each other without a hole, but for where an epoch begins.
fn dense(shard: usize, log: &[Arc<Record>], violations: &mut Vec<String>) {
    let mut last = 0;
    for record in log {
        let begins = record.pos >> EPOCH_BITS > last >> EPOCH_BITS;
        if !begins && record.pos != last + 1 {
            violations.push(format!("shard {shard}: {} follows {last} in the log", record.pos));
        }
        last = record.pos;
    }
}

/// A room's events are numbered from 1 without a hole, and no event stands in the logs twice.
fn numbers(events: &[&Arc<Event>], violations: &mut Vec<String>) {
    let (mut last, mut ids) = (BTreeMap::new(), BTreeSet::new());
    for event in events {
        let last = last.entry(&event.room_id).or_insert(0);
        if event.seq != *last + 1 {
            violations.push(format!("room {}: {} follows {last}", event.room_id, event.seq));
        }
        *last = event.seq;
        if !ids.insert(&event.event_id) {
            violations.push(format!("{} stands in the logs twice", event.event_id));
        }
    }
}

/// What an event was decided on was still so when it was committed.
fn decided(events: &[&Arc<Event>], memory: &Memory, violations: &mut Vec<String>) {
    let mut state = BTreeMap::new();
    for event in events {
        if let Some(guard) = memory.guards.get(&event.event_id) {
            let now = state.get(&(&event.room_id, &guard.kind)).copied().unwrap_or(0);
            if now != guard.seq {
                violations.push(format!("{} was decided on state {}, committed on {now}", event.event_id, guard.seq));
            }
        }
        if event.state_key.is_some() {
            state.insert((&event.room_id, &event.kind), event.seq);
        }
    }
}

/// What was acknowledged is there unless a failover lost it, what was refused is not, and an id yields one event.
fn answers(
    world: &World,
    events: &[&Arc<Event>],
    logs: &[Vec<Arc<Record>>],
    memory: &Memory,
    violations: &mut Vec<String>,
) {
    let lost = world.model.lost();
    let lost_events: BTreeSet<_> = lost.iter().flat_map(|record| &record.events).map(|event| &event.event_id).collect();
    let there: BTreeSet<_> = events.iter().map(|event| &event.event_id).collect();
    for (shard, id) in &memory.events {
        if !there.contains(id) && !lost_events.contains(id) {
            violations.push(format!("{id} was acknowledged and is not in shard {shard}"));
        }
    }
    for (shard, pos) in &memory.commits {
        let is_it = |record: &Arc<Record>| (record.shard, record.pos) == (*shard, *pos);
        if !logs[*shard as usize].iter().any(is_it) && !lost.iter().any(is_it) {
            violations.push(format!("{pos} was acknowledged and is not in shard {shard}"));
        }
    }
    for (name, txn) in &memory.txns {
        let made: Vec<_> = txn.sent.iter().filter(|id| there.contains(id)).collect();
        let answered: Vec<_> = txn.answered.iter().filter(|id| !lost_events.contains(id)).collect();
        if made.len() > 1 || answered.len() > 1 || (!answered.is_empty() && made != answered) {
            violations.push(format!("{name}: made {made:?}, and {answered:?} was answered"));
        }
    }
    for (id, why) in memory.refused.iter().filter(|(id, _)| there.contains(id)) {
        violations.push(format!("{id} was refused ({why}) and is in the log"));
    }
}
