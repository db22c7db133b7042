//! Messages to devices: each once, in order, and no later than a message to a room that the same sender sent afterwards.

use std::collections::HashMap;

use super::Index;
use crate::chaos::history::{Action, Operation};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    let mut sent: HashMap<u64, &Operation> = HashMap::new();
    let mut messages: HashMap<&str, &Operation> = HashMap::new();
    for operation in &index.history.operations {
        match (&operation.action, operation.made()) {
            (Action::ToDevice(_, _, number), _) => drop(sent.insert(*number, operation)),
            (Action::Send(_), Some(event)) => drop(messages.insert(event, operation)),
            _ => {}
        }
    }
    for client in 0..index.history.clients.len() {
        let given = given(index, client);
        counts(index, client, &sent, &given, violations);
        order(client, &sent, &given, violations);
        before_messages(index, client, (&sent, &messages), &given, violations);
    }
    for ((user, device), count) in &index.ending.to_device {
        violations.push(format!("{count} messages to {device} of {user} were acknowledged and are still there"));
    }
}

/// What a follower was given: the number, and in which of its batches.
fn given(index: &Index<'_>, client: usize) -> Vec<(u64, usize)> {
    let batches = index.history.followed[client].iter().enumerate();
    batches.flat_map(|(n, batch)| batch.to_device.iter().map(move |number| (*number, n))).collect()
}

/// Acknowledged ones once, others at most once, refused ones and those of other devices never.
fn counts(
    index: &Index<'_>,
    client: usize,
    sent: &HashMap<u64, &Operation>,
    given: &[(u64, usize)],
    violations: &mut Vec<String>,
) {
    let who = &index.history.clients[client];
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for (number, _) in given {
        *counts.entry(*number).or_default() += 1;
    }
    for (number, operation) in sent {
        let Action::ToDevice(user, device, _) = &operation.action else { continue };
        let for_it = *user == who.user && *device == who.device;
        let count = counts.remove(number).unwrap_or(0);
        let most = usize::from(for_it && operation.may_be_done());
        let least = usize::from(for_it && operation.is_done());
        if !(least..=most).contains(&count) {
            violations.push(format!(
                "client {client} was given a message {count} times, not {least} to {most}: {operation:?}"
            ));
        }
    }
    for (number, _) in counts {
        violations.push(format!("client {client} was given the message {number}, which nobody sent"));
    }
}

/// What was acknowledged before another was begun comes before it.
fn order(client: usize, sent: &HashMap<u64, &Operation>, given: &[(u64, usize)], violations: &mut Vec<String>) {
    let mut latest: Option<&Operation> = None;
    for operation in given.iter().filter_map(|(number, _)| sent.get(number)) {
        if let Some(latest) = latest.filter(|latest| operation.is_done() && latest.invoked.tick > operation.ended.tick)
        {
            violations.push(format!("client {client} was given in the wrong order: {latest:?}, then {operation:?}"));
        }
        if latest.is_none_or(|latest| latest.invoked.tick < operation.invoked.tick) {
            latest = Some(operation);
        }
    }
}

/// What was acknowledged before its sender sent a message to a room comes with that message or before it.
fn before_messages(
    index: &Index<'_>,
    client: usize,
    (sent, messages): (&HashMap<u64, &Operation>, &HashMap<&str, &Operation>),
    given: &[(u64, usize)],
    violations: &mut Vec<String>,
) {
    let mut by_sender: HashMap<usize, Vec<(&Operation, usize)>> = HashMap::new();
    for (number, batch) in given {
        if let Some(operation) = sent.get(number).filter(|operation| operation.is_done()) {
            by_sender.entry(operation.client).or_default().push((operation, *batch));
        }
    }
    for (n, batch) in index.history.followed[client].iter().enumerate() {
        for message in batch.events.iter().filter_map(|(_, event)| messages.get(event.as_str())) {
            let keys = by_sender.get(&message.client).map_or(&[][..], Vec::as_slice);
            let late = keys.iter().find(|(key, at)| key.ended.tick < message.invoked.tick && *at > n);
            if let Some((key, at)) = late {
                violations
                    .push(format!("client {client} was given {message:?} in batch {n}, before {key:?} in batch {at}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Example;
    use crate::chaos::history::{Action, Outcome};

    fn sends(example: &mut Example, number: u64) {
        example.does("ann", Action::ToDevice("bob".into(), "D".into(), number));
    }

    fn given(example: &mut Example, numbers: &[u64]) {
        example.given("bob", &[&[]]);
        example.history.followed[1].last_mut().expect("a batch").to_device = numbers.to_vec();
    }

    #[test]
    fn what_comes_once_and_in_order_has_no_complaint() {
        let mut example = Example::new();
        sends(&mut example, 1);
        sends(&mut example, 2);
        given(&mut example, &[1]);
        given(&mut example, &[2]);
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn what_is_missing_doubled_swapped_or_made_up_is_found() {
        for (numbers, expected) in [
            (&[1][..], "0 times, not 1 to 1"),
            (&[1, 2, 1], "2 times, not 1 to 1"),
            (&[2, 1], "in the wrong order"),
            (&[1, 2, 7], "which nobody sent"),
        ] {
            let mut example = Example::new();
            sends(&mut example, 1);
            sends(&mut example, 2);
            given(&mut example, numbers);
            assert!(example.violations(super::check).contains(expected), "{numbers:?}");
        }
    }

    #[test]
    fn what_nobody_knows_of_may_come_or_not_and_what_was_refused_must_not() {
        let mut example = Example::new();
        sends(&mut example, 1);
        example.history.operations[0].outcome = Outcome::Unknown;
        assert_eq!(example.violations(super::check), "");
        given(&mut example, &[1]);
        assert_eq!(example.violations(super::check), "");
        example.history.operations[0].outcome = Outcome::Refused(403, String::new());
        assert!(example.violations(super::check).contains("1 times, not 0 to 0"));
    }

    #[test]
    fn a_key_that_comes_after_its_message_is_found() {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        sends(&mut example, 1);
        example.says("ann", "a");
        let mut late = example.clone();
        example.given("bob", &[&[1, 2, 3, 4]]);
        example.history.followed[1][0].to_device = vec![1];
        assert_eq!(example.violations(super::check), "");
        late.given("bob", &[&[1, 2, 3, 4]]);
        given(&mut late, &[1]);
        assert!(late.violations(super::check).contains("in batch 0, before"));
    }

    #[test]
    fn what_was_acknowledged_must_be_gone_at_the_end() {
        let mut example = Example::new();
        example.ending.to_device.insert(("bob".into(), "D".into()), 1);
        assert!(example.violations(super::check).contains("are still there"));
    }
}
