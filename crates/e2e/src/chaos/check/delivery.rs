//! Every follower was given what it is entitled to: each event once, in the order of the room's history, without gaps, by
//! tokens that never go back, and nothing that was sent after the person had left.

use std::collections::{HashMap, HashSet};

use super::{Changes, Index, any_between, last_before};
use crate::chaos::history::{Action, Batch, Operation};

/// How long a message may take when nothing is broken, milliseconds.
const PROMPT_MS: u64 = 10_000;

/// Messages that are sent when all faults are over have texts that begin so.
pub(in crate::chaos) const LAST: &str = "last";

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    let changes = index.changes();
    let sends: HashMap<&str, &Operation> = index
        .history
        .operations
        .iter()
        .filter(|operation| matches!(operation.action, Action::Send(_)))
        .filter_map(|operation| Some((operation.made()?, operation)))
        .collect();
    for (client, batches) in index.history.followed.iter().enumerate() {
        tokens(client, batches, violations);
        let mut rooms: HashMap<&str, Vec<(&str, &Batch)>> = HashMap::new();
        for batch in batches {
            for (room, event) in &batch.events {
                rooms.entry(room).or_default().push((event, batch));
            }
        }
        for (room, events) in &rooms {
            let follower = Follower { index, client, room };
            follower.order(events, violations);
            follower.after_the_end(events, &sends, changes.get(&(*room, index.user(client))), violations);
        }
        // Of a follower that never got anything the harness has complained.
        if !batches.is_empty() {
            complete(index, client, &rooms, violations);
            prompt(index, client, &rooms, violations);
        }
    }
}

fn tokens(client: usize, batches: &[Batch], violations: &mut Vec<String>) {
    for batch in batches {
        if batch.since.iter().zip(&batch.next).any(|(since, next)| next < since) {
            violations.push(format!(
                "client {client} at {} ms: the token went back from {:?} to {:?}",
                batch.at.ms, batch.since, batch.next
            ));
        }
    }
    for pair in batches.windows(2) {
        if pair[0].next != pair[1].since {
            violations.push(format!("client {client} at {} ms: the harness lost a token", pair[1].at.ms));
        }
    }
}

struct Follower<'a> {
    index: &'a Index<'a>,
    client: usize,
    room: &'a str,
}

impl Follower<'_> {
    fn name(&self) -> String {
        format!("client {} ({})", self.client, self.index.user(self.client))
    }

    /// Each once and in order. Of each batch the first violation is told.
    fn order(&self, events: &[(&str, &Batch)], violations: &mut Vec<String>) {
        let (mut last, mut told) = (0, 0);
        for (event, batch) in events.iter().filter(|(event, _)| !self.tells_of_an_end(event)) {
            let how = match self.index.seq(self.room, event) {
                None => "is not in the history".to_owned(),
                Some(seq) if seq == last => format!("(number {seq}) came twice"),
                Some(seq) if seq < last => format!("(number {seq}) came out of order, after {last}"),
                Some(seq) => {
                    last = seq;
                    continue;
                }
            };
            if told != batch.at.tick {
                told = batch.at.tick;
                violations.push(format!("{}: {event} of {} {how}; {}", self.name(), self.room, self.context(batch)));
            }
        }
    }

    /// What one needs to understand what went wrong in a batch.
    fn context(&self, batch: &Batch) -> String {
        let Batch { at, socket, since, next, events, .. } = batch;
        let way = if *socket { "WebSocket" } else { "sync" };
        let here = events.iter().filter(|(room, _)| room == self.room);
        let numbers: Vec<_> = here.map(|(_, event)| self.index.seq(self.room, event).unwrap_or(0)).collect();
        let stays = self.index.stays(self.room, self.index.user(self.client));
        let shard = self.index.row(self.room, 1).map_or(0, |row| row.shard);
        format!(
            "by {way} at {} ms, token {since:?} to {next:?}, shard {shard}, numbers {numbers:?}, member {stays:?}",
            at.ms
        )
    }

    /// Whether it only tells somebody who was no member that an invitation or a ban is over: not part of the timeline that
    /// begins anew with the join.
    fn tells_of_an_end(&self, event: &str) -> bool {
        let (user, room) = (self.index.user(self.client), self.room);
        let Some(seq) = self.index.seq(room, event) else { return false };
        self.index.row(room, seq).is_some_and(|row| row.member() == Some(user))
            && !self.index.stays(room, user).iter().any(|(from, to)| (*from..=*to).contains(&seq))
    }

    /// Nothing that was sent after the person had left or was removed.
    fn after_the_end(
        &self,
        events: &[(&str, &Batch)],
        sends: &HashMap<&str, &Operation>,
        changes: Option<&Changes<'_>>,
        violations: &mut Vec<String>,
    ) {
        let (user, room) = (self.index.user(self.client), self.room);
        let stays = self.index.stays(room, user);
        for (event, batch) in events {
            let Some(seq) = self.index.seq(room, event) else { continue };
            if self.index.row(room, seq).is_some_and(|row| row.member() == Some(user)) {
                continue;
            }
            // What was shared before the join is everyone's who joined.
            if !stays.iter().any(|(_, to)| seq <= *to) {
                violations.push(format!(
                    "{} was given {event}, number {seq} of {room}, without being a member: {stays:?}",
                    self.name()
                ));
            }
            let (Some(send), Some(changes)) = (sends.get(event), changes) else { continue };
            let ends = changes.ends.iter().chain(&changes.bans);
            if let Some(end) = last_before(ends, send.invoked.tick)
                && !any_between(&changes.joins, end, batch.at.tick)
            {
                violations.push(format!(
                    "{} was given {event} at {} ms, sent at {} ms to {room}, which it had left at {} ms ({:?})",
                    self.name(),
                    batch.at.ms,
                    send.invoked.ms,
                    end.ended.ms,
                    end.action
                ));
            }
        }
    }
}

/// Everything that was sent while the person was a member has come.
fn complete(
    index: &Index<'_>,
    client: usize,
    rooms: &HashMap<&str, Vec<(&str, &Batch)>>,
    violations: &mut Vec<String>,
) {
    let user = index.user(client);
    for (room, rows) in &index.ending.rooms {
        let events = rooms.get(room.as_str()).map_or(&[][..], Vec::as_slice);
        let given: HashSet<_> = events.iter().filter_map(|(event, _)| index.seq(room, event)).collect();
        for (from, to) in index.stays(room, user) {
            let missing: Vec<_> = rows
                .iter()
                .filter(|row| (*from..=*to).contains(&row.seq) && !given.contains(&row.seq))
                .map(|row| format!("{} {} by {} at {}", row.seq, row.id, row.sender, row.pos))
                .collect();
            if !missing.is_empty() {
                violations.push(format!(
                    "client {client} ({user}), a member of {room} (shard {}) from {from} to {to}, was never given {} events: {}",
                    rows[0].shard,
                    missing.len(),
                    missing[..missing.len().min(5)].join("; ")
                ));
            }
        }
    }
}

/// What was sent when all faults were over has come soon, by whatever transport the follower was using.
fn prompt(index: &Index<'_>, client: usize, rooms: &HashMap<&str, Vec<(&str, &Batch)>>, violations: &mut Vec<String>) {
    let user = index.user(client);
    for operation in &index.history.operations {
        let (Action::Send(text), Some(event)) = (&operation.action, operation.made()) else { continue };
        let member = index.stays(&operation.room, user).last().is_some_and(|(_, to)| *to == i64::MAX);
        if !text.starts_with(LAST) || !member {
            continue;
        }
        let events = rooms.get(operation.room.as_str()).map_or(&[][..], Vec::as_slice);
        let at = events.iter().find(|(given, _)| *given == event).map_or(u64::MAX, |(_, batch)| batch.at.ms);
        if at > operation.ended.ms + PROMPT_MS {
            violations.push(format!(
                "client {client} ({user}) was given {event} of {} at {at} ms, though it was sent at {} ms, when no fault was left",
                operation.room, operation.ended.ms
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Example;
    use crate::chaos::history::{Action, Moderation};

    /// Ann has made the room (1, 2), Bob joins (3), Ann says a (4), b (5).
    fn example() -> Example {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        example.says("ann", "a");
        example.says("ann", "b");
        example
    }

    #[test]
    fn who_is_given_everything_once_and_in_order_has_no_complaint() {
        let mut example = example();
        example.given("bob", &[&[1, 2, 3], &[4], &[5]]);
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn a_missing_a_doubled_and_a_swapped_event_are_found() {
        for (given, expected) in [
            (&[&[1, 2, 3][..], &[5]][..], "was never given 1 events: 4"),
            (&[&[1, 2, 3], &[4], &[4, 5]], "(number 4) came twice"),
            (&[&[1, 2, 3], &[5], &[4]], "(number 4) came out of order"),
            (&[&[1, 2, 3], &[4, 5, 99]], "$99 of !room is not in the history"),
        ] {
            let mut example = example();
            example.given("bob", given);
            assert!(example.violations(super::check).contains(expected), "{given:?}");
        }
    }

    #[test]
    fn a_token_that_goes_back_is_found() {
        let mut example = example();
        example.given("bob", &[&[1, 2, 3], &[4], &[5]]);
        example.history.followed[1][2].next = vec![1, 0];
        assert!(example.violations(super::check).contains("the token went back"));
    }

    #[test]
    fn what_was_sent_after_a_ban_must_not_come() {
        let mut example = example();
        example.does("ann", Action::Moderate(Moderation::Ban, "bob".into()));
        example.says("ann", "c");
        example.given("bob", &[&[1, 2, 3], &[4, 5, 6]]);
        assert_eq!(example.violations(super::check), "");
        example.given("bob", &[&[7]]);
        let violations = example.violations(super::check);
        assert!(violations.contains("without being a member") && violations.contains("had left"), "{violations}");
    }

    #[test]
    fn what_was_sent_meanwhile_may_come_once_the_person_is_back_and_not_before() {
        let mut example = example();
        example.does("bob", Action::Leave);
        example.says("ann", "c");
        let mut early = example.clone();
        early.given("bob", &[&[1, 2, 3, 4, 5, 6, 7]]);
        for example in [&mut example, &mut early] {
            example.does("bob", Action::Join);
        }
        example.given("bob", &[&[1, 2, 3, 4, 5, 6, 7, 8]]);
        assert_eq!(example.violations(super::check), "");
        early.given("bob", &[&[8]]);
        assert!(early.violations(super::check).contains("had left"));
    }

    #[test]
    fn the_end_of_an_invitation_may_come_again_with_the_timeline_of_a_later_join() {
        let mut example = Example::new();
        example.does("ann", Action::Moderate(Moderation::Invite, "bob".into()));
        example.does("bob", Action::Leave);
        example.given("bob", &[&[4]]);
        example.does("bob", Action::Join);
        example.given("bob", &[&[1, 2, 3, 4, 5]]);
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn a_message_that_comes_late_though_nothing_is_broken_is_found() {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        example.says("ann", "last1");
        example.given("bob", &[&[1, 2, 3], &[4]]);
        assert_eq!(example.violations(super::check), "");
        example.history.followed[1][1].at.ms += 20_000;
        assert!(example.violations(super::check).contains("when no fault was left"));
    }
}
