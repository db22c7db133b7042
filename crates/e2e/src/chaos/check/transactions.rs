//! One transaction id, one event: acknowledged operations stand in the history once, unknown ones at most once, refused
//! ones not at all; and what was acknowledged before something else was begun stands before it.

use std::collections::HashMap;

use super::Index;
use crate::chaos::{
    ending::EventRow,
    history::{Action, Operation, Outcome},
};

/// By sender, device and transaction id.
type ByTxn<'a> = HashMap<(&'a str, &'a str, &'a str), Vec<(&'a str, &'a EventRow)>>;

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    let mut by_txn: ByTxn<'_> = HashMap::new();
    let mut by_topic: HashMap<&str, Vec<(&str, &EventRow)>> = HashMap::new();
    let all = index.ending.rooms.iter().flat_map(|(room, rows)| rows.iter().map(move |row| (room.as_str(), row)));
    for (room, row) in all {
        if let Some((device, txn)) = &row.txn {
            by_txn.entry((&row.sender, device, txn)).or_default().push((room, row));
        }
        if row.kind == "m.room.topic" {
            by_topic.entry(&row.says).or_default().push((room, row));
        }
    }
    for operation in &index.history.operations {
        let who = &index.history.clients[operation.client];
        let found = match &operation.action {
            Action::Send(txn) | Action::Redact(_, txn) => by_txn.remove(&(who.user.as_str(), who.device.as_str(), txn)),
            Action::Topic(text) => by_topic.remove(text.as_str()),
            Action::Create => {
                let lost = operation.made().is_some_and(|room| !index.ending.rooms.contains_key(room));
                if lost {
                    violations.push(format!("{operation:?}: the room is not there"));
                }
                continue;
            }
            _ => continue,
        };
        one(index, operation, &found.unwrap_or_default(), violations);
    }
    for (txn, rows) in by_txn {
        violations.push(format!("nobody sent {rows:?} ({txn:?})"));
    }
    order(index, violations);
}

/// `found`: what stands there under the operation's transaction id. (An event that was redacted has lost its id.)
fn one(index: &Index<'_>, operation: &Operation, found: &[(&str, &EventRow)], violations: &mut Vec<String>) {
    // State has no transaction id: each attempt may set it, if something else was set meanwhile.
    let idempotent = !matches!(operation.action, Action::Topic(_));
    let mut ids: Vec<_> = found.iter().map(|(_, row)| row.id.as_str()).collect();
    match &operation.outcome {
        Outcome::Done(_) => {
            let made = operation.made().unwrap_or_default();
            if index.seq(&operation.room, made).is_none() {
                violations.push(format!("it was acknowledged and is not there: {operation:?}, found {found:?}"));
            }
            ids.push(made);
        }
        Outcome::Refused(..) if !found.is_empty() => {
            violations.push(format!("it was refused and is there: {operation:?}, {found:?}"));
        }
        Outcome::Refused(..) | Outcome::Unknown => {}
    }
    ids.sort_unstable();
    ids.dedup();
    if idempotent && ids.len() > 1 {
        violations.push(format!("one transaction id made several events: {operation:?}, {found:?}"));
    }
}

/// What was acknowledged before something was begun has the lower number.
fn order(index: &Index<'_>, violations: &mut Vec<String>) {
    let mut rooms: HashMap<&str, Vec<(i64, &Operation)>> = HashMap::new();
    for operation in &index.history.operations {
        let made = operation.made().filter(|_| !matches!(operation.action, Action::Create));
        if let Some(seq) = made.and_then(|event| index.seq(&operation.room, event)) {
            rooms.entry(&operation.room).or_default().push((seq, operation));
        }
    }
    for (room, mut operations) in rooms {
        operations.sort_by_key(|(seq, _)| *seq);
        let mut latest: Option<&Operation> = None;
        for (seq, operation) in operations {
            // What an `unchanged` state was set to before has its old number.
            if matches!(operation.action, Action::Topic(_)) {
                continue;
            }
            if let Some(latest) = latest.filter(|latest| latest.invoked.tick > operation.ended.tick) {
                violations.push(format!("number {seq} of {room} was acknowledged before the one before it was begun: {operation:?}, {latest:?}"));
            }
            if latest.is_none_or(|latest| operation.invoked.tick > latest.invoked.tick) {
                latest = Some(operation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Example;
    use crate::chaos::history::{Action, Outcome};

    #[test]
    fn what_was_acknowledged_once_has_no_complaint() {
        let mut example = Example::new();
        example.says("ann", "a");
        example.does("ann", Action::Topic("tea".into()));
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn an_acknowledged_event_that_is_not_there_is_found() {
        let mut example = Example::new();
        example.says("ann", "a").outcome = Outcome::Done(vec!["$lost".into()]);
        assert!(example.violations(super::check).contains("acknowledged and is not there"));
    }

    #[test]
    fn a_repetition_that_made_a_second_event_is_found_whatever_the_outcome() {
        for outcome in [Outcome::Done(vec!["$3".into()]), Outcome::Unknown] {
            let mut example = Example::new();
            example.says("ann", "a").outcome = outcome;
            assert_eq!(example.violations(super::check), "");
            example.append("ann", "m.room.message", None, Some("a"), "");
            assert!(example.violations(super::check).contains("several events"));
        }
    }

    #[test]
    fn what_was_refused_must_not_be_there_and_what_nobody_sent_neither() {
        let mut example = Example::new();
        example.says("bob", "a").outcome = Outcome::Refused(403, "M_FORBIDDEN".into());
        assert!(example.violations(super::check).contains("refused and is there"));
        let mut example = Example::new();
        example.append("ann", "m.room.message", None, Some("ghost"), "");
        assert!(example.violations(super::check).contains("nobody sent"));
    }

    #[test]
    fn what_was_acknowledged_first_stands_first() {
        let mut example = Example::new();
        example.says("ann", "a");
        example.says("ann", "b");
        let events = example.ending.rooms.get_mut("!room").expect("the room");
        (events[2].seq, events[3].seq) = (4, 3);
        assert!(example.violations(super::check).contains("was acknowledged before"));
    }
}
