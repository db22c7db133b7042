//! Clients that write: messages and guarded state, with and without transaction ids, again and elsewhere whenever the
//! outcome is unknown.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use store::{
    Error, Stmt,
    log::{Change, Commit, Guard, NewEvent, Outcome, Record, RoomPart, Shard, TxnKey},
    simulation::Random,
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    node::Node,
    world::{DEVICE, NODES, World},
};

/// Commands of one client.
const COMMANDS: usize = 9;
/// How often a command is tried.
const ATTEMPTS: usize = 60;
/// The state that commands are decided on.
const KIND: &str = "m.topic";

pub(super) struct Writer {
    pub(super) world: Arc<World>,
    pub(super) random: Random,
    pub(super) number: usize,
    /// How long it pauses between commands, milliseconds at most.
    pub(super) pace: usize,
}

/// What a client is told.
enum Answer {
    Committed(Arc<Record>),
    Duplicate(Arc<str>),
    /// Nothing was done, it is said.
    Refused(Error),
    /// Nothing is known.
    Unknown,
}

/// What a client wants.
struct Wish {
    name: String,
    room: Arc<str>,
    is_state: bool,
    /// Its event is too large for a hint.
    is_large: bool,
    guarded: bool,
    has_txn: bool,
    /// It is sent with a statement that the database refuses.
    is_bad: bool,
    /// What it was sent after: the user, the position in the user's log.
    after: Option<(usize, i64)>,
}

impl Writer {
    /// Makes the rooms, at a node that nothing has befallen yet.
    pub(super) async fn create_rooms(world: &Arc<World>) {
        let Some(node) = world.node(0) else { return };
        for room in &world.rooms {
            let part = RoomPart {
                room_id: room.clone(),
                create: Some(("12".to_owned(), "@creator".to_owned())),
                events: vec![event(&format!("$create{room}"), true, false)],
                ..RoomPart::default()
            };
            let shard = world.shard_of(room);
            let commit = Commit { shard, ts: 1, room: Some(part), ..Commit::default() };
            if let Err(error) = node.freshness.commit(commit).await {
                world.violation(format!("a room was not made: {error}"));
            }
        }
    }

    pub(super) async fn run(mut self) {
        for command in 0..COMMANDS {
            sleep(self.random.pause(0, self.pace + 1)).await;
            let after = if self.random.chance(30) { self.mail(command).await } else { None };
            let wish = Wish {
                name: format!("w{}c{command}", self.number),
                room: self.random.pick(&self.world.rooms).clone(),
                is_state: self.random.chance(25),
                is_large: self.random.chance(2),
                guarded: self.random.chance(60),
                has_txn: self.random.chance(75),
                is_bad: after.is_none() && self.random.chance(4),
                after,
            };
            self.fulfil(&wish).await;
        }
    }

    /// Sends something to a user's device, and says where it stands if that is known.
    async fn mail(&mut self, command: usize) -> Option<(usize, i64)> {
        let user = self.random.below(self.world.users.len());
        let user_id = self.world.users[user].clone();
        let shard = self.world.shard_of(&user_id);
        let name = format!("w{}m{command}", self.number);
        let changes = vec![Change::ToDevice { user_id, device_id: DEVICE.into() }];
        for _ in 0..ATTEMPTS {
            let commit = Commit { shard, ts: 1, txn: Some(txn(&name)), changes: changes.clone(), ..Commit::default() };
            match self.submit(commit).await {
                Answer::Committed(record) => {
                    self.world.memory.lock().commits.push((shard, record.pos));
                    return Some((user, record.pos));
                }
                Answer::Duplicate(_) => return None,
                Answer::Refused(_) | Answer::Unknown => sleep(self.random.pause(1, 200)).await,
            }
        }
        self.world.violation(format!("{name}: never answered"));
        None
    }

    /// Sends the event until it is known what became of it.
    async fn fulfil(&mut self, wish: &Wish) {
        for attempt in 0..ATTEMPTS {
            let (index, id) = (self.random.below(NODES), format!("${}a{attempt}", wish.name));
            let Some(node) = self.world.node(index) else {
                sleep(self.random.pause(1, 200)).await;
                continue;
            };
            let commit = self.commit(&node, wish, &id);
            let shard = commit.shard;
            match self.submit_at(&node, commit).await {
                Answer::Committed(record) => {
                    if wish.is_bad {
                        self.world.violation(format!("{id}: was committed with a statement that fails"));
                    }
                    self.answered(wish, shard, &id.into(), Some(record.pos));
                }
                Answer::Duplicate(first) => self.answered(wish, shard, &first, None),
                Answer::Refused(error) => {
                    self.world.memory.lock().refused.insert(id.into(), error.to_string());
                    match error {
                        Error::Stale => {
                            let at = node.clone();
                            timeout(Duration::from_secs(6), node.spawn(async move { at.freshness.fresh().await }))
                                .await
                                .ok();
                        }
                        Error::Full => sleep(self.random.pause(1, 200)).await,
                        Error::Expectation(_) if wish.is_bad => return,
                        other => return self.world.violation(format!("{}: {other}", wish.name)),
                    }
                    continue;
                }
                Answer::Unknown if wish.has_txn => {
                    sleep(self.random.pause(1, 200)).await;
                    continue;
                }
                Answer::Unknown => return,
            }
            // Now and then the answer does not reach the client, who asks again.
            if !wish.has_txn || !self.random.chance(15) {
                return;
            }
        }
        self.world.violation(format!("{}: never answered", wish.name));
    }

    /// The command as the node decides it on what it knows.
    fn commit(&mut self, node: &Node, wish: &Wish, id: &str) -> Commit {
        let (world, shard) = (&self.world, self.world.shard_of(&wish.room));
        let known = world.model.log(shard, 0, node.hub.cursor(shard));
        let events = || known.iter().flat_map(|record| &record.events).filter(|event| event.room_id == wish.room);
        let topic =
            events().filter(|event| event.kind.as_ref() == KIND).map(|event| event.seq).next_back().unwrap_or(0);
        let guard = Guard { kind: KIND.into(), state_key: "".into(), seq: topic };
        let decided_at = events().map(|event| event.seq).next_back().unwrap_or(0);
        let mut memory = world.memory.lock();
        if wish.guarded {
            memory.guards.insert(id.into(), guard.clone());
        }
        if let Some(after) = wish.after {
            memory.before.insert(id.into(), after);
        }
        if wish.has_txn {
            memory.txns.entry(wish.name.clone()).or_default().sent.insert(id.into());
        }
        Commit {
            shard,
            ts: 1,
            txn: wish.has_txn.then(|| txn(&wish.name)),
            room: Some(RoomPart {
                room_id: wish.room.clone(),
                create: None,
                guards: wish.guarded.then_some(guard).into_iter().collect(),
                decided_at,
                epoch: node.hub.epoch(shard),
                events: vec![event(id, wish.is_state, wish.is_large)],
            }),
            writes: wish
                .is_bad
                .then(|| Stmt::new("a statement that finds no row", Vec::new()).expect(1))
                .into_iter()
                .collect(),
            ..Commit::default()
        }
    }

    fn answered(&self, wish: &Wish, shard: Shard, first: &Arc<str>, pos: Option<i64>) {
        let mut memory = self.world.memory.lock();
        memory.events.push((shard, first.clone()));
        if wish.has_txn {
            memory.txns.entry(wish.name.clone()).or_default().answered.insert(first.clone());
        }
        drop(memory);
        let pos = pos.or_else(|| {
            let log = self.world.model.log(shard, 0, i64::MAX);
            log.iter()
                .find(|record| record.events.iter().any(|event| event.event_id == *first))
                .map(|record| record.pos)
        });
        if let Some(pos) = pos {
            self.world.acknowledged(shard, pos);
        }
    }

    async fn submit(&mut self, commit: Commit) -> Answer {
        let index = self.random.below(NODES);
        match self.world.node(index) {
            Some(node) => self.submit_at(&node, commit).await,
            None => Answer::Unknown,
        }
    }

    /// Asks a node, as long as the client has patience.
    async fn submit_at(&mut self, node: &Arc<Node>, commit: Commit) -> Answer {
        let patience = if self.random.chance(30) { self.random.pause(1, 300) } else { Duration::from_secs(6) };
        let (world, shard, index) = (self.world.clone(), commit.shard, node.index);
        let name = commit.room.as_ref().map_or("mail".into(), |room| room.events[0].event_id.clone());
        world.note(|| format!("{name}: asked of node {index}, shard {shard}"));
        let at = node.clone();
        let mut call = node.spawn(async move {
            let started = Instant::now();
            let outcome = at.freshness.commit(commit).await;
            // Where it was acknowledged, it is known.
            if let Ok(Outcome::Committed(record)) = &outcome
                && at.hub.cursor(shard) < record.pos
                && started.elapsed() < Duration::from_secs(5)
            {
                at_once_unknown(&world, &at, record);
            }
            outcome
        });
        let answer = match timeout(patience, &mut call).await {
            Ok(Ok(Ok(Outcome::Committed(record)))) => Answer::Committed(record),
            Ok(Ok(Ok(Outcome::Duplicate { event_id }))) => Answer::Duplicate(event_id.into()),
            Ok(Ok(Err(Error::Unavailable | Error::Closed | Error::Overloaded))) | Ok(Err(_)) => Answer::Unknown,
            Ok(Ok(Err(error))) => Answer::Refused(error),
            Err(_) => {
                // Some servers notice that their client has gone.
                if self.random.chance(70) {
                    call.abort();
                }
                Answer::Unknown
            }
        };
        self.world.note(|| format!("{name}: {}", answer.text()));
        if let Answer::Committed(record) = &answer {
            self.world.acknowledged(shard, record.pos);
            self.look_elsewhere(shard, record.pos);
        }
        answer
    }

    /// What was acknowledged at one node is known at any other that is asked to be up to date.
    fn look_elsewhere(&mut self, shard: Shard, pos: i64) {
        let index = self.random.below(NODES);
        let Some(node) = self.world.node(index).filter(|_| self.random.chance(30)) else { return };
        let world = self.world.clone();
        drop(node.clone().spawn(async move {
            if node.freshness.fresh().await.is_ok() && node.hub.cursor(shard) < pos {
                let cursor = node.hub.cursor(shard);
                world.violation(format!(
                    "node {index} is fresh and at {cursor}, {pos} of shard {shard} was acknowledged"
                ));
            }
        }));
    }
}

fn at_once_unknown(world: &World, node: &Node, record: &Record) {
    let (shard, pos) = (record.shard, record.pos);
    world.violation(format!("node {} acknowledged {pos} of shard {shard} before it knew it", node.index));
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Committed(record) => format!("committed at {} of shard {}", record.pos, record.shard),
            Self::Duplicate(first) => format!("was done before, as {first}"),
            Self::Refused(error) => format!("refused: {error}"),
            Self::Unknown => "not answered".into(),
        }
    }
}

fn txn(name: &str) -> TxnKey {
    TxnKey { user_id: "@w".into(), device_id: DEVICE.into(), scope: "send".into(), txn_id: name.into() }
}

fn event(id: &str, is_state: bool, is_large: bool) -> NewEvent {
    const TOO_LARGE: usize = 260 * 1024;
    let large = || RawValue::from_string(format!("\"{}\"", "x".repeat(TOO_LARGE))).ok();
    let json = is_large.then(large).flatten().unwrap_or_else(|| RawValue::NULL.to_owned());
    NewEvent {
        event_id: id.into(),
        kind: if is_state { KIND } else { "m.room.message" }.into(),
        state_key: is_state.then(|| "".into()),
        sender: "@w".into(),
        txn: None,
        notifies: !is_state,
        ts: 1,
        json: json.into(),
    }
}
