//! Values that replace each other: what was acknowledged last stands at the end, receipts never go back, and of an event
//! that was redacted nothing is left, at no node.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::Index;
use crate::chaos::history::{Action, Operation};

/// An operation that took longer than this was perhaps sent twice, by the load balancer: the copy may come at any time.
const DOUBTFUL_MS: u64 = 900;

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    let mut written: HashMap<(&str, &str, &str), Vec<(&Operation, u64)>> = HashMap::new();
    let mut read: HashMap<(&str, &str), i64> = HashMap::new();
    for operation in index.history.operations.iter().filter(|operation| operation.may_be_done()) {
        let (user, room) = (index.user(operation.client), operation.room.as_str());
        match &operation.action {
            Action::AccountData(kind, n) => written.entry((user, "", kind)).or_default().push((operation, *n)),
            Action::Tag(tag, n) => written.entry((user, room, tag)).or_default().push((operation, *n)),
            Action::Read(event) if operation.is_done() => {
                let seq = index.seq(room, event).unwrap_or(0);
                let newest = read.entry((room, user)).or_default();
                *newest = (*newest).max(seq);
            }
            _ => {}
        }
    }
    for ((user, room, key), operations) in written {
        let kind = if room.is_empty() { key } else { "m.tag" };
        let json = index.ending.account_data.get(&(user.to_owned(), room.to_owned(), kind.to_owned()));
        let stands =
            json.and_then(|json| if room.is_empty() { json["n"].as_u64() } else { json["tags"][key]["n"].as_u64() });
        if !allowed(&operations).contains(&stands) {
            let last = operations.last();
            violations.push(format!("{key} of {user} in {room:?} is {stands:?} at the end, the last was {last:?}"));
        }
    }
    contents(index, violations);
    for ((room, user), seq) in read {
        let stands = index.ending.receipts.get(&(room.to_owned(), user.to_owned())).copied();
        if stands.is_none_or(|stands| stands < seq) {
            violations.push(format!("the receipt of {user} in {room} is at {stands:?}, though {seq} was acknowledged"));
        }
    }
}

/// A message says what was sent, unless somebody has redacted it.
fn contents(index: &Index<'_>, violations: &mut Vec<String>) {
    let operations = &index.history.operations;
    let redactions = operations.iter().filter_map(|operation| match &operation.action {
        Action::Redact(event, _) if operation.may_be_done() => Some((event.as_str(), operation)),
        _ => None,
    });
    let mut doubtful: HashSet<&str> = HashSet::new();
    for (event, redaction) in redactions {
        doubtful.insert(event);
        let left = index.ending.contents.get(event).filter(|content| **content != json!({}));
        if let Some(left) = left.filter(|_| redaction.is_done()) {
            violations.push(format!("{left} is left of {event} after {redaction:?}"));
        }
    }
    for operation in operations {
        let (Action::Send(text), Some(event)) = (&operation.action, operation.made()) else { continue };
        let content = index.ending.contents.get(event).filter(|content| content["body"] != **text);
        if let Some(content) = content.filter(|_| !doubtful.contains(event)) {
            violations.push(format!("{event} says {content}, not what was sent: {operation:?}"));
        }
    }
}

/// The values that may stand: the last that was acknowledged, and any of which a copy may still have been on its way.
fn allowed(operations: &[(&Operation, u64)]) -> Vec<Option<u64>> {
    let doubtful =
        |o: &Operation| !o.is_done() || o.attempts > 1 || o.ended.ms.saturating_sub(o.invoked.ms) > DOUBTFUL_MS;
    let last = operations.iter().filter(|(operation, _)| operation.is_done()).max_by_key(|(o, _)| o.ended.tick);
    let copies = operations.iter().filter(|(operation, _)| doubtful(operation)).map(|(_, n)| Some(*n));
    copies.chain([last.map(|(_, n)| *n)]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::example::{Example, ROOM};
    use crate::chaos::history::{Action, Outcome};

    fn stands(n: u64) -> String {
        let mut example = Example::new();
        example.does("ann", Action::AccountData("a".into(), 1));
        example.does("ann", Action::AccountData("a".into(), 2)).outcome = Outcome::Unknown;
        example.does("ann", Action::AccountData("a".into(), 3));
        example.ending.account_data.insert(("ann".into(), String::new(), "a".into()), json!({ "n": n }));
        example.violations(super::check)
    }

    #[test]
    fn the_last_acknowledged_value_or_one_nobody_knows_of_may_stand() {
        assert_eq!(stands(3), "");
        assert_eq!(stands(2), "");
        assert!(stands(1).contains("a of ann in \"\" is Some(1) at the end"));
    }

    #[test]
    fn a_lost_tag_is_found() {
        let mut example = Example::new();
        example.does("ann", Action::Tag("u.x".into(), 1));
        assert!(example.violations(super::check).contains("is None at the end"));
        let key = ("ann".to_owned(), ROOM.to_owned(), "m.tag".to_owned());
        example.ending.account_data.insert(key, json!({ "tags": { "u.x": { "n": 1 } } }));
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn content_that_is_left_of_a_redacted_event_or_is_another_is_found() {
        let mut example = Example::new();
        example.says("ann", "a");
        let says = |content| {
            let mut example = example.clone();
            example.ending.contents.insert("$3".into(), content);
            let before = example.violations(super::check);
            example.does("ann", Action::Redact("$3".into(), "r".into()));
            (before, example.violations(super::check))
        };
        let (before, after) = says(json!({ "body": "a" }));
        assert!(before.is_empty() && after.contains("is left of $3"), "{before} {after}");
        let (before, after) = says(json!({}));
        assert!(before.contains("not what was sent") && after.is_empty(), "{before} {after}");
    }

    #[test]
    fn a_receipt_that_went_back_is_found() {
        let mut example = Example::new();
        example.says("ann", "a");
        example.does("ann", Action::Read("$3".into()));
        for (seq, right) in [(3, true), (4, true), (2, false)] {
            example.ending.receipts.insert((ROOM.into(), "ann".into()), seq);
            assert_eq!(example.violations(super::check).is_empty(), right);
        }
    }
}
