//! A small run, made by hand, in which everything is as it should be until a test breaks it.

use super::Index;
use crate::chaos::{
    ending::{Ending, EventRow, LogRow},
    history::{Action, Batch, History, Moderation, Moment, Operation, Outcome, Who},
};

/// The only room. Ann makes it.
pub(super) const ROOM: &str = "!room";
/// Its shard, of two.
const SHARD: i64 = 1;

/// A run of Ann, Bob and Cat.
#[derive(Clone)]
pub(super) struct Example {
    pub(super) history: History,
    pub(super) ending: Ending,
    tick: u64,
}

impl Example {
    /// Ann has made the room.
    pub(super) fn new() -> Self {
        let who = |user: &str| Who { user: user.into(), device: "D".into() };
        let clients: Vec<_> = ["ann", "bob", "cat"].map(who).to_vec();
        let followed = clients.iter().map(|_| Vec::new()).collect();
        let history = History { clients, followed, ..History::default() };
        let ending = Ending { shards: vec![(1, 0), (1, 0)], ..Ending::default() };
        let mut example = Self { history, ending, tick: 0 };
        example.append("ann", "m.room.create", Some(""), None, "");
        example.append("ann", "m.room.member", Some("ann"), None, "join");
        example
    }

    pub(super) fn client(&self, user: &str) -> usize {
        self.history.clients.iter().position(|who| who.user == user).expect("somebody of the example")
    }

    pub(super) fn now(&mut self) -> Moment {
        self.tick += 1;
        Moment { tick: self.tick, ms: self.tick * 10 }
    }

    /// Appends an event to the room, its number being its id, and everything that follows from it.
    pub(super) fn append(
        &mut self,
        sender: &str,
        kind: &str,
        key: Option<&str>,
        txn: Option<&str>,
        says: &str,
    ) -> String {
        let events = self.ending.rooms.entry(ROOM.into()).or_default();
        let seq = events.len() as i64 + 1;
        let pos = self.ending.shards[SHARD as usize].1 + 1;
        self.ending.shards[SHARD as usize].1 = pos;
        events.push(EventRow {
            shard: SHARD,
            seq,
            pos,
            id: format!("${seq}"),
            kind: kind.into(),
            state_key: key.map(ToOwned::to_owned),
            sender: sender.into(),
            txn: txn.map(|txn| ("D".to_owned(), txn.to_owned())),
            says: says.into(),
        });
        self.ending.log.push(LogRow { shard: SHARD, pos, room: ROOM.into(), seq, events: 1 });
        if let Some(key) = key {
            self.ending.state.insert((ROOM.into(), kind.into(), key.into()), seq);
            if kind == "m.room.member" {
                self.ending.user_rooms.insert((ROOM.into(), key.into()), (says.into(), pos));
            }
        }
        format!("${seq}")
    }

    /// Somebody does something that is acknowledged.
    pub(super) fn does(&mut self, user: &str, action: Action) -> &mut Operation {
        let invoked = self.now();
        let member = |whom: &str, membership: &str| Some(("m.room.member", whom.to_owned(), membership.to_owned()));
        let state = match &action {
            Action::Join => member(user, "join"),
            Action::Leave => member(user, "leave"),
            Action::Moderate(Moderation::Ban, whom) => member(whom, "ban"),
            Action::Moderate(Moderation::Kick | Moderation::Unban, whom) => member(whom, "leave"),
            Action::Moderate(Moderation::Invite, whom) => member(whom, "invite"),
            Action::Topic(text) => Some(("m.room.topic", String::new(), text.clone())),
            _ => None,
        };
        let event = match (&action, state) {
            (Action::Send(text), _) => Some(self.append(user, "m.room.message", None, Some(text), "")),
            (_, Some((kind, key, says))) => Some(self.append(user, kind, Some(&key), None, &says)),
            _ => None,
        };
        let made = event.filter(|_| matches!(action, Action::Send(_) | Action::Topic(_)));
        let outcome = Outcome::Done(made.into_iter().collect());
        let (client, ended) = (self.client(user), self.now());
        self.history.operations.push(Operation {
            client,
            room: ROOM.into(),
            action,
            invoked,
            ended,
            attempts: 1,
            outcome,
        });
        self.history.operations.last_mut().expect("it was pushed")
    }

    /// Somebody says something.
    pub(super) fn says(&mut self, user: &str, text: &str) -> &mut Operation {
        self.does(user, Action::Send(text.into()))
    }

    /// Somebody's follower is given events by their numbers, a batch after the other.
    pub(super) fn given(&mut self, user: &str, batches: &[&[i64]]) {
        for numbers in batches {
            let (client, at) = (self.client(user), self.now());
            let batches = &mut self.history.followed[client];
            let since = batches.last().map(|batch| batch.next.clone()).unwrap_or_default();
            let reached = since.get(1).copied().unwrap_or(0);
            let next = vec![0, numbers.iter().copied().fold(reached, i64::max), 0];
            let events = numbers.iter().map(|number| (ROOM.to_owned(), format!("${number}"))).collect();
            batches.push(Batch { at, socket: false, since, next, events, to_device: Vec::new() });
        }
    }

    /// What a check finds, a line each.
    pub(super) fn violations(&self, check: fn(&Index<'_>, &mut Vec<String>)) -> String {
        let mut violations = Vec::new();
        check(&Index::new(&self.history, &self.ending), &mut violations);
        violations.join("\n")
    }
}
