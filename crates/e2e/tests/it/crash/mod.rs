//! SIGKILL in the middle of many concurrent sends: what was acknowledged is there, once, in the order that everybody
//! saw, and clients carry on from their tokens.
//!
//! `CHATBOOK_CRASH_SEEDS` and `CHATBOOK_CRASH_SENDS` set how many kills (20) amid how many sends (2,000 each; `make test`
//! takes 10,000).

mod receiver;
mod sender;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use e2e::{Client, Process, User, json};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use receiver::{Receiver, Transport};
use sender::Sender;

const USERS: usize = 6;
const ROOMS: usize = 4;
/// The first users also follow the rooms, over both transports in turn.
const RECEIVERS: usize = 4;
/// Requests in flight.
const SENDERS: usize = 48;
/// Past this a run has lost something that it waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the clients of a run share.
pub(crate) struct Run {
    /// The server as it can be reached now.
    server: watch::Sender<Client>,
    rooms: Vec<String>,
    acknowledged: AtomicUsize,
    /// Messages seen, by receiver.
    received: [AtomicUsize; RECEIVERS],
    sends: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_doubled_or_reordered_when_the_server_is_killed() {
    let (seeds, sends) = (number("CHATBOOK_CRASH_SEEDS", 20), number("CHATBOOK_CRASH_SENDS", 2_000));
    let mut unknown = 0;
    for seed in 0..seeds {
        unknown += run(seed as u64, sends).await;
    }
    println!("{seeds} seeds of {sends} sends; {unknown} sends had an unknown outcome and were repeated");
    assert!(unknown > 0, "no kill hit a send: the test proves nothing");
}

/// One kill. Returns how many sends had an unknown outcome.
async fn run(seed: u64, sends: usize) -> usize {
    let mut random = Random(seed);
    let mut process = Process::spawn().await;
    let mut users = Vec::new();
    for index in 0..USERS {
        users.push(process.register(&format!("user{index}")).await);
    }
    let rooms = rooms(&process, &users).await;
    let run = Arc::new(Run {
        server: watch::Sender::new((*process).clone()),
        rooms,
        acknowledged: AtomicUsize::new(0),
        received: Default::default(),
        sends,
    });
    let state = || format!("seed {seed} hangs at {:?} of {sends} sent, {:?} received", run.acknowledged, run.received);
    let mut receivers = JoinSet::new();
    for (index, user) in users.iter().take(RECEIVERS).enumerate() {
        let transport = if index % 2 == 0 { Transport::Sync } else { Transport::WebSocket };
        let receiver = Receiver::new(run.clone(), index, user.clone(), transport).await;
        receivers.spawn(receiver.receive());
    }
    let mut senders = JoinSet::new();
    for index in 0..SENDERS {
        let share = (sends + SENDERS - 1 - index) / SENDERS;
        let sender =
            Sender { run: run.clone(), user: users[index % USERS].clone(), index, random: Random(random.next()) };
        senders.spawn(sender.send(share));
    }
    let moment = sends / 20 + random.below(sends * 9 / 10);
    let reached = async {
        while run.acknowledged.load(SeqCst) < moment {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{}", state()));
    tokio::time::sleep(Duration::from_micros(random.below(3000) as u64)).await;
    process.kill().await;
    process = process.restart().await;
    run.server.send_replace((*process).clone());

    let sent = timeout(PATIENCE, senders.join_all()).await.unwrap_or_else(|_| panic!("{}", state()));
    let sent: Vec<_> = sent.into_iter().flatten().collect();
    let histories = histories(&process, &users[0], &run.rooms).await;
    for seen in timeout(PATIENCE, receivers.join_all()).await.unwrap_or_else(|_| panic!("{}", state())) {
        for (room, history) in &histories {
            let events: Vec<_> = history.iter().map(|(event, _)| event).collect();
            let seen: Vec<_> = seen.get(room).into_iter().flatten().collect();
            assert_eq!(seen, events, "seed {seed}: a receiver saw another order, a gap or a double in {room}");
        }
    }
    check(seed, &sent, &histories);
    sent.iter().filter(|sent| sent.repeated).count()
}

/// Every message stands in the histories once, under the id that was acknowledged.
fn check(seed: u64, sent: &[sender::Sent], histories: &BTreeMap<String, Vec<(String, String)>>) {
    let mut stored: BTreeMap<&str, &str> = BTreeMap::new();
    for (event, body) in histories.values().flatten() {
        assert_eq!(stored.insert(body, event), None, "seed {seed}: {body} is there twice");
    }
    for sender::Sent { body, event_id, .. } in sent {
        let found = stored.remove(body.as_str());
        assert_eq!(found, Some(event_id.as_str()), "seed {seed}: {body} was acknowledged as {event_id}");
    }
    assert!(stored.is_empty(), "seed {seed}: nobody sent {stored:?}");
}

async fn rooms(client: &Client, users: &[User]) -> Vec<String> {
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        let created = client.post("/_matrix/client/v3/createRoom", json!({ "preset": "public_chat" })).by(&users[0]);
        let room = created.ok().await["room_id"].as_str().expect("a room id").to_owned();
        for user in &users[1..] {
            client.post(&format!("/_matrix/client/v3/join/{}", encode(&room)), json!({})).by(user).ok().await;
        }
        rooms.push(room);
    }
    rooms
}

/// Id and body of every message, by room, in the order of the rooms' histories.
async fn histories(client: &Client, user: &User, rooms: &[String]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut histories = BTreeMap::new();
    for room in rooms {
        let (mut history, mut from, mut ids) = (Vec::new(), String::new(), BTreeSet::new());
        loop {
            let path = format!("/_matrix/client/v3/rooms/{}/messages?dir=f&limit=500{from}", encode(room));
            let page = client.get(&path).by(user).ok().await;
            for event in page["chunk"].as_array().expect("a chunk").iter().filter(|e| e["type"] == "m.room.message") {
                let id = event["event_id"].as_str().expect("an id").to_owned();
                assert!(ids.insert(id.clone()), "{id} is in the history twice");
                history.push((id, event["content"]["body"].as_str().expect("a body").to_owned()));
            }
            match page["end"].as_str() {
                Some(end) => from = format!("&from={}", encode(end)),
                None => break,
            }
        }
        histories.insert(room.clone(), history);
    }
    histories
}

/// Encodes a part of a path or of a query.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[expect(clippy::disallowed_methods, reason = "how long a test runs is its caller's choice")]
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// SplitMix64: the same seed makes the same run, as far as the scheduler lets it.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }
}
