//! The checker: whether what was recorded of a run, and what stands at its end, is as the design promises. Pure functions;
//! each answers with a sentence for each violation.

mod delivery;
#[cfg(test)]
mod example;
mod log;
mod membership;
mod readings;
mod to_device;
mod transactions;
mod values;

use std::collections::HashMap;

pub(super) use delivery::LAST;

use super::{
    ending::{Ending, EventRow},
    history::{Action, History, Moderation, Operation},
};

/// Everything that is wrong.
#[must_use]
pub fn all(history: &History, ending: &Ending) -> Vec<String> {
    let index = Index::new(history, ending);
    let mut violations: Vec<_> = history.bad_answers.iter().map(|what| format!("a bad answer: {what}")).collect();
    for check in [
        delivery::check,
        transactions::check,
        membership::check,
        readings::check,
        to_device::check,
        values::check,
        log::check,
    ] {
        check(&index, &mut violations);
    }
    violations.extend(ending.nodes.iter().cloned());
    violations
}

/// The record, and ways to find things in it.
struct Index<'a> {
    history: &'a History,
    ending: &'a Ending,
    /// Room and number of each event.
    places: HashMap<&'a str, (&'a str, i64)>,
    /// By room and user: from which event up to which the user was a member. The last one ends with the leave.
    stays: HashMap<(&'a str, &'a str), Vec<(i64, i64)>>,
}

impl<'a> Index<'a> {
    fn new(history: &'a History, ending: &'a Ending) -> Self {
        let (mut places, mut stays) = (HashMap::new(), HashMap::<_, Vec<(i64, i64)>>::new());
        for (room, events) in &ending.rooms {
            for event in events {
                places.insert(event.id.as_str(), (room.as_str(), event.seq));
            }
            for (user, event) in events.iter().filter_map(|event| Some((event.member()?, event))) {
                let stays = stays.entry((room.as_str(), user)).or_default();
                let open = stays.last_mut().filter(|(_, to)| *to == i64::MAX);
                match (open, event.says == "join") {
                    (None, true) => stays.push((event.seq, i64::MAX)),
                    (Some(stay), false) => stay.1 = event.seq,
                    _ => {}
                }
            }
        }
        Self { history, ending, places, stays }
    }

    /// The number of an event, if it stands in the room.
    fn seq(&self, room: &str, event: &str) -> Option<i64> {
        self.places.get(event).filter(|(of, _)| *of == room).map(|(_, seq)| *seq)
    }

    /// The event with this number.
    fn row(&self, room: &str, seq: i64) -> Option<&'a EventRow> {
        self.ending.rooms.get(room)?.get(usize::try_from(seq - 1).ok()?)
    }

    fn stays<'b>(&'b self, room: &'b str, user: &'b str) -> &'b [(i64, i64)] {
        self.stays.get(&(room, user)).map_or(&[], Vec::as_slice)
    }

    fn user(&self, client: usize) -> &'a str {
        &self.history.clients[client].user
    }

    /// What was done to a user's membership, by anybody, in order: joins, and ends.
    fn changes(&self) -> HashMap<(&'a str, &'a str), Changes<'a>> {
        let mut changes: HashMap<_, Changes<'a>> = HashMap::new();
        for operation in self.history.operations.iter().filter(|operation| operation.may_be_done()) {
            let own = self.user(operation.client);
            let user = if let Action::Moderate(_, user) = &operation.action { user } else { own };
            let of_user = changes.entry((operation.room.as_str(), user)).or_default();
            match &operation.action {
                Action::Join => of_user.joins.push(operation),
                Action::Leave | Action::Moderate(Moderation::Kick, _) => of_user.ends.push(operation),
                Action::Moderate(Moderation::Ban, _) => of_user.bans.push(operation),
                Action::Moderate(Moderation::Unban, _) => of_user.unbans.push(operation),
                _ => {}
            }
        }
        changes
    }
}

/// Operations that may have changed a user's membership of a room.
#[derive(Default)]
struct Changes<'a> {
    joins: Vec<&'a Operation>,
    ends: Vec<&'a Operation>,
    bans: Vec<&'a Operation>,
    unbans: Vec<&'a Operation>,
}

/// The last moment at which an operation may have had its effect: any time, if nobody knows.
fn latest_effect(operation: &Operation) -> u64 {
    if operation.is_done() { operation.ended.tick } else { u64::MAX }
}

/// Whether one of the operations may have had its effect after `after` was begun and before `before`.
fn any_between(operations: &[&Operation], after: &Operation, before: u64) -> bool {
    operations.iter().any(|o| o.invoked.tick < before && latest_effect(o) > after.invoked.tick)
}

/// The last operation that was acknowledged before a moment.
fn last_before<'a>(operations: impl Iterator<Item = &'a &'a Operation>, tick: u64) -> Option<&'a Operation> {
    let known = operations.filter(|o| o.is_done() && o.ended.tick < tick);
    known.max_by_key(|o| o.invoked.tick).copied()
}

impl EventRow {
    /// Of a member event, whose it is.
    fn member(&self) -> Option<&str> {
        self.state_key.as_deref().filter(|_| self.kind == "m.room.member")
    }
}
