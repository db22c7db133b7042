//! The recent end of one shard's log, in order and without gaps: what came early waits until what is before it is here.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use store::log::{Change, Head, Record};

/// Records kept.
const WINDOW: usize = 16_384;
/// Bytes that they take at most, about.
const WINDOW_BYTES: usize = 32 * 1024 * 1024;
/// After so many records, rooms without one in the window are forgotten.
const SWEEP: i64 = 4_096;
/// Records that came early and are kept, and bytes of them; others are read from the log when their turn comes.
const EARLY: usize = 4_096;
const EARLY_BYTES: usize = 16 * 1024 * 1024;

/// The recent end of a shard's log.
pub(crate) struct Tail {
    /// Positions of another epoch mean nothing here.
    pub(crate) epoch: i64,
    /// Everything up to here was taken in.
    cursor: i64,
    /// With the size of each: what is dropped has not been looked at for long, and the processor would have to wait for it.
    window: VecDeque<(Arc<Record>, usize)>,
    window_bytes: usize,
    /// The last change of each room in the window, and of some that have left it.
    rooms: HashMap<Arc<str>, i64>,
    /// Records after this position are in the window.
    from: i64,
    early: BTreeMap<i64, Arc<Record>>,
    early_bytes: usize,
}

/// What a record is to a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// It follows the last one.
    Next,
    /// Something is missing before it.
    Early,
    /// It was taken in before.
    Known,
}

impl Tail {
    pub(crate) fn new(head: Head) -> Self {
        Self {
            epoch: head.epoch,
            cursor: head.pos,
            window: VecDeque::new(),
            window_bytes: 0,
            rooms: HashMap::new(),
            from: head.pos,
            early: BTreeMap::new(),
            early_bytes: 0,
        }
    }

    /// Says what the record is; keeps it if it came early. The next one is given to [`Tail::push`] by the caller.
    pub(crate) fn arrived(&mut self, record: &Arc<Record>) -> Arrived {
        if record.pos == self.cursor + 1 {
            return Arrived::Next;
        }
        if record.pos <= self.cursor {
            return Arrived::Known;
        }
        if self.early.len() < EARLY && self.early_bytes < EARLY_BYTES && !self.early.contains_key(&record.pos) {
            self.early_bytes += record.size();
            self.early.insert(record.pos, record.clone());
        }
        Arrived::Early
    }

    /// A record that came early and whose turn it is now.
    pub(crate) fn next_early(&mut self) -> Option<Arc<Record>> {
        while let Some(first) = self.early.first_entry() {
            if *first.key() > self.cursor + 1 {
                return None;
            }
            let record = first.remove();
            self.early_bytes -= record.size();
            if record.pos == self.cursor + 1 {
                return Some(record);
            }
        }
        None
    }

    /// Whether something is missing before a record that is here.
    pub(crate) fn has_gap(&self) -> bool {
        !self.early.is_empty()
    }

    /// Takes in the next record, which changed these rooms.
    pub(crate) fn push(&mut self, record: Arc<Record>, changed: &[Arc<str>]) {
        self.cursor = record.pos;
        for room_id in changed {
            self.rooms.insert(room_id.clone(), record.pos);
        }
        let size = record.size();
        self.window_bytes += size;
        self.window.push_back((record, size));
        while self.window.len() > WINDOW || self.window_bytes > WINDOW_BYTES {
            let Some((_, size)) = self.window.pop_front() else { break };
            self.window_bytes -= size;
            self.from += 1;
            // From time to time, and not by the rooms of what is dropped, for the same reason.
            if self.from % SWEEP == 0 {
                self.rooms.retain(|_, last| *last > self.from);
            }
        }
    }

    /// The records after `pos`, unless they are not all in the window any more.
    pub(crate) fn since(&self, pos: i64) -> Option<Vec<Arc<Record>>> {
        // They follow each other without gaps.
        let start = usize::try_from(pos - self.from).ok()?.min(self.window.len());
        Some(self.window.range(start..).map(|(record, _)| record.clone()).collect())
    }

    /// Of `rooms`, those that changed after `pos`; nothing if that is before the window.
    pub(crate) fn changed_since<'a>(
        &self,
        pos: i64,
        rooms: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Vec<Arc<str>>> {
        let changed = |room: &&Arc<str>| self.rooms.get(*room).is_some_and(|last| *last > pos);
        (pos >= self.from).then(|| rooms.filter(changed).cloned().collect())
    }
}

/// The rooms in which a record changes something that their members see.
pub(crate) fn changed_rooms(record: &Record, rooms: &mut Vec<Arc<str>>) {
    let of_events = record.events.iter().map(|event| &event.room_id);
    let of_changes = record.changes.iter().filter_map(Change::room_id);
    for room_id in of_events.chain(of_changes) {
        if !rooms.contains(room_id) {
            rooms.push(room_id.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pos: i64) -> Arc<Record> {
        Arc::new(Record { shard: 0, pos, events: Vec::new(), changes: Vec::new() })
    }

    /// Offers records by position, and says in which order they were taken in.
    fn take(tail: &mut Tail, positions: &[i64]) -> Vec<i64> {
        let mut taken = Vec::new();
        for pos in positions {
            if tail.arrived(&record(*pos)) == Arrived::Next {
                tail.push(record(*pos), &[]);
                taken.push(*pos);
            }
            while let Some(early) = tail.next_early() {
                taken.push(early.pos);
                tail.push(early, &[]);
            }
        }
        taken
    }

    #[test]
    fn records_are_taken_in_once_and_in_order_however_they_come() {
        let mut tail = Tail::new(Head { epoch: 1, pos: 10 });
        assert_eq!(take(&mut tail, &[12, 14, 9, 13]), [0; 0]);
        assert!(tail.has_gap());
        assert_eq!(take(&mut tail, &[11, 12, 11, 15]), [11, 12, 13, 14, 15]);
        assert!(!tail.has_gap());
        assert_eq!(take(&mut tail, &[15, 10, 1]), [0; 0]);
    }

    #[test]
    fn rooms_in_which_nothing_happens_any_more_are_forgotten() {
        let mut tail = Tail::new(Head { epoch: 1, pos: 0 });
        for pos in 1..=WINDOW as i64 + 2 * SWEEP {
            let room: Arc<str> = if pos <= SWEEP { format!("!{pos}").into() } else { "!busy".into() };
            tail.push(record(pos), std::slice::from_ref(&room));
        }
        assert_eq!(tail.rooms.len(), 1);
        let busy = "!busy".into();
        assert_eq!(tail.changed_since(tail.from, [&busy].into_iter()).map(|rooms| rooms.len()), Some(1));
    }

    #[test]
    fn records_that_take_much_room_are_kept_for_less_long() {
        let large = |pos| {
            let json = serde_json::value::RawValue::from_string(format!("\"{}\"", "x".repeat(1 << 20))).unwrap();
            let (user_id, room_id, kind) = ("@a:b".into(), "".into(), "m.tag".into());
            let change = Change::AccountData { user_id, room_id, kind, json: json.into() };
            Arc::new(Record { shard: 0, pos, events: Vec::new(), changes: vec![change] })
        };
        let mut tail = Tail::new(Head { epoch: 1, pos: 0 });
        for pos in 1..=100 {
            tail.push(large(pos), &[]);
            assert!(tail.window.len() <= WINDOW_BYTES >> 20);
        }
        assert_eq!(tail.since(99).map(|records| records[0].pos), Some(100));
        assert!(tail.since(tail.from - 1).is_none());
        for pos in 102..=200 {
            tail.arrived(&large(pos));
        }
        assert!(tail.early.len() <= 1 + (EARLY_BYTES >> 20), "others are read from the log");
        tail.push(large(101), &[]);
        while let Some(record) = tail.next_early() {
            tail.push(record, &[]);
        }
        assert_eq!((tail.early_bytes, tail.has_gap()), (0, false));
        let small: Vec<_> = (tail.cursor + 1..=tail.cursor + WINDOW as i64).collect();
        take(&mut tail, &small);
        assert_eq!(tail.window_bytes, WINDOW * record(0).size());
    }

    #[test]
    fn what_is_before_the_window_is_said_to_be_unknown() {
        let mut tail = Tail::new(Head { epoch: 1, pos: 10 });
        take(&mut tail, &[11, 12]);
        assert!(tail.since(9).is_none());
        assert_eq!(tail.since(10).map(|records| records.len()), Some(2));
        assert_eq!(tail.since(12).map(|records| records.len()), Some(0));
    }
}
