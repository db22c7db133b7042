//! The log: dense per shard within an epoch, every event of a room in it and numbered without gap, and its replay is the
//! state and the memberships that stand in the tables.

use std::collections::{BTreeMap, HashMap};

use super::Index;
use crate::chaos::ending::{Ending, EventRow};

/// A new epoch begins so far after the last position of the old one, at least.
const EPOCH_GAP: i64 = 1 << 32;

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    dense(index.ending, violations);
    let log: HashMap<_, _> = index.ending.log.iter().map(|row| ((row.shard, row.pos), row)).collect();
    let mut events = 0;
    for (room, rows) in &index.ending.rooms {
        for (row, seq) in rows.iter().zip(1..) {
            let logged = log.get(&(row.shard, row.pos));
            let logged = logged.is_some_and(|l| l.room == *room && (l.seq..l.seq + l.events).contains(&row.seq));
            if row.seq != seq || !logged {
                violations.push(format!("{room}: number {seq} is {row:?}, in the log: {logged}"));
                break;
            }
        }
        events += rows.len() as i64;
    }
    let logged: i64 = index.ending.log.iter().map(|row| row.events).sum();
    if logged != events {
        violations.push(format!("the log has {logged} events, the rooms have {events}"));
    }
    replay(index.ending, violations);
}

fn dense(ending: &Ending, violations: &mut Vec<String>) {
    for (shard, (epoch, head)) in (0..).zip(&ending.shards) {
        let mut jumps = 0;
        let mut last = 0;
        let positions = ending.log.iter().filter(|row| row.shard == shard).map(|row| row.pos);
        // A new epoch may have no commit yet.
        for pos in positions.chain([*head]) {
            if pos >= last + EPOCH_GAP {
                jumps += 1;
            } else if pos != last + 1 && pos != *head {
                violations.push(format!("shard {shard}: after position {last} comes {pos}"));
            }
            last = pos;
        }
        if jumps > epoch - 1 {
            violations.push(format!("shard {shard}: {jumps} jumps in epoch {epoch}"));
        }
        let end = ending.log.iter().filter(|row| row.shard == shard).map(|row| row.pos).max().unwrap_or(0);
        if *head != end && *head < end + EPOCH_GAP {
            violations.push(format!("shard {shard}: the head is {head}, the last position {end}"));
        }
    }
}

fn replay(ending: &Ending, violations: &mut Vec<String>) {
    let mut state = BTreeMap::new();
    let mut members: BTreeMap<(String, String), (String, i64)> = BTreeMap::new();
    let mut rows: Vec<(&String, &EventRow)> =
        ending.rooms.iter().flat_map(|(room, rows)| rows.iter().map(move |row| (room, row))).collect();
    rows.sort_by_key(|(room, row)| (*room, row.pos, row.seq));
    for (room, row) in rows {
        let Some(key) = &row.state_key else { continue };
        state.insert((room.clone(), row.kind.clone(), key.clone()), row.seq);
        if row.kind == "m.room.member" {
            let tie = members.entry((room.clone(), key.clone())).or_default();
            if tie.0 != row.says {
                *tie = (row.says.clone(), row.pos);
            }
        }
    }
    differences("state", &state, &ending.state, violations);
    differences("user_room", &members, &ending.user_rooms, violations);
}

fn differences<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    table: &str,
    replayed: &BTreeMap<K, V>,
    stored: &BTreeMap<K, V>,
    violations: &mut Vec<String>,
) {
    let mut keys: Vec<_> = replayed.keys().chain(stored.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys.into_iter().filter(|key| replayed.get(key) != stored.get(key)) {
        violations.push(format!("{table} {key:?}: replayed {:?}, stored {:?}", replayed.get(key), stored.get(key)));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::example::Example, EPOCH_GAP};
    use crate::chaos::history::Action;

    fn example() -> Example {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        example.says("bob", "a");
        example
    }

    #[test]
    fn a_dense_log_has_no_complaint_also_over_epochs() {
        let mut example = example();
        assert_eq!(example.violations(super::check), "");
        example.ending.shards[1] = (2, 4 + EPOCH_GAP);
        assert_eq!(example.violations(super::check), "");
        example.says("ann", "b");
        example.ending.shards[0] = (3, EPOCH_GAP);
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn a_gap_a_lost_row_and_a_wrong_head_are_found() {
        let mut gap = example();
        gap.ending.log.remove(1);
        assert!(gap.violations(super::check).contains("after position 1 comes 3"));
        let mut jump = example();
        jump.ending.shards[1] = (1, 4 + EPOCH_GAP);
        assert!(jump.violations(super::check).contains("1 jumps in epoch 1"));
        let mut head = example();
        head.ending.shards[1] = (1, 3);
        assert!(head.violations(super::check).contains("the head is 3"));
        let mut lost = example();
        lost.ending.rooms.get_mut("!room").expect("the room").remove(2);
        let violations = lost.violations(super::check);
        assert!(violations.contains("number 3 is") && violations.contains("4 events, the rooms have 3"));
    }

    #[test]
    fn tables_that_do_not_follow_from_the_log_are_found() {
        let mut example = example();
        example.ending.state.insert(("!room".into(), "m.room.member".into(), "bob".into()), 2);
        example.ending.user_rooms.insert(("!room".into(), "bob".into()), ("leave".into(), 3));
        let violations = example.violations(super::check);
        assert!(violations.contains("state (") && violations.contains("user_room ("), "{violations}");
    }
}
