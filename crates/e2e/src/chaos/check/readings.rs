//! What was read from a room is as the room was at one moment, and not before what had been acknowledged by then.

use std::collections::{BTreeMap, HashMap};

use super::Index;
use crate::chaos::history::{Action, Operation, Outcome};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    // By room: when what was made was acknowledged, and its number.
    let mut known: HashMap<&str, Vec<(u64, i64, bool)>> = HashMap::new();
    for operation in &index.history.operations {
        let topic = matches!(operation.action, Action::Topic(_));
        if let Some(seq) = operation.made().and_then(|event| index.seq(&operation.room, event)) {
            known.entry(&operation.room).or_default().push((operation.ended.tick, seq, topic));
        }
    }
    for operation in &index.history.operations {
        let Outcome::Done(ids) = &operation.outcome else { continue };
        let known = known.get(operation.room.as_str()).map_or(&[][..], Vec::as_slice);
        let before = known.iter().filter(|(tick, ..)| *tick < operation.invoked.tick);
        let complaint = match operation.action {
            Action::History => {
                let newest = before.map(|(_, seq, _)| *seq).max().unwrap_or(0);
                history(index, operation, ids, newest)
            }
            Action::State | Action::Members => {
                let topic = before.filter(|(.., topic)| *topic).map(|(_, seq, _)| *seq).max().unwrap_or(0);
                state(index, operation, ids, topic)
            }
            _ => None,
        };
        violations.extend(complaint.map(|what| {
            format!(
                "{:?} of client {} at {} ms in {}: {what}",
                operation.action, operation.client, operation.invoked.ms, operation.room
            )
        }));
    }
}

/// A page: without gaps, and with everything that had been acknowledged.
fn history(index: &Index<'_>, operation: &Operation, ids: &[String], newest: i64) -> Option<String> {
    let seqs: Option<Vec<_>> = ids.iter().map(|id| index.seq(&operation.room, id)).collect();
    let Some(seqs) = seqs else { return Some(format!("not all of {ids:?} are in the history")) };
    if seqs.windows(2).any(|pair| pair[0] != pair[1] + 1) {
        return Some(format!("the page has gaps: {seqs:?}"));
    }
    let first = *seqs.first()?;
    // Who has left sees nothing after that.
    let ends = index.stays(&operation.room, index.user(operation.client)).iter().any(|(_, to)| *to == first);
    (first < newest && !ends).then(|| format!("it ends with {first}, though {newest} was acknowledged before"))
}

/// The state: that of one moment, with the topic that had been acknowledged or a later one.
fn state(index: &Index<'_>, operation: &Operation, ids: &[String], topic: i64) -> Option<String> {
    let rows = index.ending.rooms.get(&operation.room)?;
    let row = |id: &String| index.row(&operation.room, index.seq(&operation.room, id)?);
    let read: Option<Vec<_>> = ids.iter().map(row).collect();
    let Some(read) = read else { return Some(format!("not all of {ids:?} are in the history")) };
    let moment = read.iter().map(|row| row.seq).max()?;
    let only_members = operation.action == Action::Members;
    let mut expected = BTreeMap::new();
    for row in rows.iter().filter(|row| row.seq <= moment && (!only_members || row.member().is_some())) {
        if let Some(key) = &row.state_key {
            expected.insert((row.kind.as_str(), key.as_str()), row.seq);
        }
    }
    let read: BTreeMap<_, _> =
        read.iter().filter_map(|row| Some(((row.kind.as_str(), row.state_key.as_deref()?), row.seq))).collect();
    if read != expected {
        return Some(format!("it is of no moment: {read:?}, at {moment} it was {expected:?}"));
    }
    let user = index.user(operation.client);
    let member = index.stays(&operation.room, user).iter().any(|(from, to)| *from <= moment && moment < *to);
    let of_topic = read.get(&("m.room.topic", "")).copied().unwrap_or(0);
    (member && !only_members && of_topic < topic)
        .then(|| format!("the topic is number {of_topic}, though {topic} was acknowledged before"))
}

#[cfg(test)]
mod tests {
    use super::super::example::Example;
    use crate::chaos::history::{Action, Outcome};

    fn read(example: &mut Example, action: Action, numbers: &[i64]) {
        let ids = numbers.iter().map(|number| format!("${number}")).collect();
        example.does("ann", action).outcome = Outcome::Done(ids);
    }

    /// Ann has made the room (1, 2), Bob joins (3), Ann sets two topics (4, 5).
    fn example() -> Example {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        example.does("ann", Action::Topic("tea".into()));
        example.does("ann", Action::Topic("cake".into()));
        example
    }

    #[test]
    fn what_is_up_to_date_has_no_complaint() {
        let mut example = example();
        read(&mut example, Action::History, &[5, 4, 3]);
        read(&mut example, Action::State, &[1, 2, 3, 5]);
        read(&mut example, Action::Members, &[2, 3]);
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn a_page_that_lacks_something_is_found() {
        for (numbers, expected) in [(&[4, 3][..], "though 5 was acknowledged"), (&[5, 3], "gaps"), (&[9], "not all")] {
            let mut example = example();
            read(&mut example, Action::History, numbers);
            assert!(example.violations(super::check).contains(expected), "{numbers:?}");
        }
    }

    #[test]
    fn state_that_is_old_or_of_no_moment_is_found() {
        for (numbers, expected) in
            [(&[1, 2, 3, 4][..], "though 5 was acknowledged"), (&[1, 2, 5], "of no moment"), (&[1, 2, 3, 9], "not all")]
        {
            let mut example = example();
            read(&mut example, Action::State, numbers);
            assert!(example.violations(super::check).contains(expected), "{numbers:?}");
        }
    }

    #[test]
    fn who_has_left_reads_up_to_the_leave() {
        let mut example = example();
        example.does("bob", Action::Leave);
        example.says("ann", "a");
        let ids = vec!["$6".to_owned(), "$5".into()];
        example.does("bob", Action::History).outcome = Outcome::Done(ids);
        assert_eq!(example.violations(super::check), "");
    }
}
