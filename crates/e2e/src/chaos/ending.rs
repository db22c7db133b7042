//! The end of a run: what stands in PostgreSQL, and what each node says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cluster::Cluster;
use crate::{Client, User, encode};

/// A row of the table `event`, in the order of its room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventRow {
    /// The room's shard.
    pub shard: i64,
    /// Its number in the room.
    pub seq: i64,
    /// Its position in the log.
    pub pos: i64,
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its state key, if it is a state event.
    pub state_key: Option<String>,
    /// Who sent it.
    pub sender: String,
    /// The device and the transaction id that it was sent with.
    pub txn: Option<(String, String)>,
    /// Of a member event, the membership; of a topic, the topic.
    pub says: String,
}

/// A row of the table `log`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogRow {
    /// The shard.
    pub shard: i64,
    /// The position.
    pub pos: i64,
    /// The room, if it has events.
    pub room: String,
    /// The number of its first event.
    pub seq: i64,
    /// How many events it has.
    pub events: i64,
}

/// What stands at the end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// The events by room, in their order.
    pub rooms: BTreeMap<String, Vec<EventRow>>,
    /// The logs by shard, in their order.
    pub log: Vec<LogRow>,
    /// Of each shard epoch and head.
    pub shards: Vec<(i64, i64)>,
    /// The table `state`: (room, type, state key) and the event's number.
    pub state: BTreeMap<(String, String, String), i64>,
    /// The table `user_room`: (room, user), their membership and where it began.
    pub user_rooms: BTreeMap<(String, String), (String, i64)>,
    /// The receipts: (room, user) and the number of the event that was read.
    pub receipts: BTreeMap<(String, String), i64>,
    /// The account data: (user, room, type) and its JSON.
    pub account_data: BTreeMap<(String, String, String), Value>,
    /// The content of each event, as the nodes give it out to members.
    pub contents: BTreeMap<String, Value>,
    /// How many messages still wait for each device.
    pub to_device: BTreeMap<(String, String), usize>,
    /// What each node says of each room's history and state, if it is not what stands in PostgreSQL.
    pub nodes: Vec<String>,
}

/// Rows of psql, as a shape that is easier to read from.
type Rows = Vec<Vec<String>>;

fn int(text: &str) -> i64 {
    text.parse().unwrap_or(i64::MIN)
}

/// Reads what stands in PostgreSQL.
///
/// # Errors
/// PostgreSQL's message.
pub async fn read(cluster: &Cluster) -> Result<Ending, String> {
    let mut ending = Ending::default();
    let events = "select room_id, shard, seq, pos, event_id, type, coalesce('k' || state_key, ''), sender,
        coalesce(device_id, ''), coalesce(txn_id, ''),
        replace(coalesce(json::json->'content'->>'membership', json::json->'content'->>'topic', ''), '|', '/')
        from event order by room_id, seq;";
    for row in cluster.rows(events).await? {
        let event = EventRow {
            shard: int(&row[1]),
            seq: int(&row[2]),
            pos: int(&row[3]),
            id: row[4].clone(),
            kind: row[5].clone(),
            state_key: row[6].strip_prefix('k').map(ToOwned::to_owned),
            sender: row[7].clone(),
            txn: (!row[9].is_empty()).then(|| (row[8].clone(), row[9].clone())),
            says: row[10].clone(),
        };
        ending.rooms.entry(row[0].clone()).or_default().push(event);
    }
    let log = "select shard, pos, coalesce(room_id, ''), seq, events from log order by shard, pos;";
    let read = |row: &Vec<String>| LogRow {
        shard: int(&row[0]),
        pos: int(&row[1]),
        room: row[2].clone(),
        seq: int(&row[3]),
        events: int(&row[4]),
    };
    ending.log = cluster.rows(log).await?.iter().map(read).collect();
    ending.shards = heads(cluster).await?;
    let state = cluster.rows("select room_id, type, state_key, seq from state;").await?;
    ending.state = state.iter().map(|r| ((r[0].clone(), r[1].clone(), r[2].clone()), int(&r[3]))).collect();
    projections(cluster, &mut ending).await?;
    Ok(ending)
}

/// Epoch and head of each shard.
///
/// # Errors
/// PostgreSQL's message.
pub async fn heads(cluster: &Cluster) -> Result<Vec<(i64, i64)>, String> {
    let rows: Rows = cluster.rows("select epoch, head from shard order by shard;").await?;
    Ok(rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect())
}

async fn projections(cluster: &Cluster, ending: &mut Ending) -> Result<(), String> {
    let rooms = cluster.rows("select room_id, user_id, membership, pos from user_room;").await?;
    ending.user_rooms = rooms.iter().map(|r| ((r[0].clone(), r[1].clone()), (r[2].clone(), int(&r[3])))).collect();
    let receipts = "select room_id, user_id, seq from receipt where kind = 'm.read' and thread = '';";
    let receipts = cluster.rows(receipts).await?;
    ending.receipts = receipts.iter().map(|r| ((r[0].clone(), r[1].clone()), int(&r[2]))).collect();
    for row in cluster.rows("select user_id, room_id, type, json from account_data;").await? {
        let json = serde_json::from_str(&row[3..].join("|")).unwrap_or_default();
        ending.account_data.insert((row[0].clone(), row[1].clone(), row[2].clone()), json);
    }
    for row in cluster.rows("select user_id, device_id, count(*) from to_device group by 1, 2;").await? {
        ending.to_device.insert((row[0].clone(), row[1].clone()), usize::try_from(int(&row[2])).unwrap_or(0));
    }
    Ok(())
}

/// Asks every node for what it says of each room to somebody who is in it, and of each person's rooms, and notes what is
/// not as it stands in PostgreSQL, or not as another node says.
pub async fn ask_nodes(cluster: &Cluster, users: &[User], ending: &mut Ending) {
    for node in &cluster.nodes {
        let (client, number) = (node.client(), node.number);
        for (room, events) in &ending.rooms {
            let is_member = |user: &&User| {
                ending.user_rooms.get(&(room.clone(), user.id.clone())).is_some_and(|(tie, _)| tie == "join")
            };
            let Some(user) = users.iter().find(is_member) else { continue };
            let history = history(&client, user, room).await;
            for event in &history {
                let id = event["event_id"].as_str().unwrap_or_default().to_owned();
                let content = ending.contents.entry(id.clone()).or_insert_with(|| event["content"].clone());
                if *content != event["content"] {
                    ending.nodes.push(format!("node {number}: {id} is {event}, at another node it has {content}"));
                }
            }
            let history = crate::event_ids(&Value::Array(history));
            let expected: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
            if history != expected {
                let what = format!("the history of {room} is {history:?}, in PostgreSQL {expected:?}");
                ending.nodes.push(format!("node {number}: {what}"));
            }
            let state = client.get(&client.room(room, "state")).by(user).ok().await;
            let state: BTreeSet<_> = crate::event_ids(&state).into_iter().collect();
            let rows = ending.state.iter().filter(|((of, ..), _)| of == room);
            let expected = rows.filter_map(|(_, seq)| events.iter().find(|event| event.seq == *seq));
            let expected: BTreeSet<_> = expected.map(|event| event.id.clone()).collect();
            if state != expected {
                let difference: Vec<_> = state.symmetric_difference(&expected).collect();
                ending.nodes.push(format!("node {number}: the state of {room} differs in {difference:?}"));
            }
        }
        ask_for_rooms(&client, number, users, ending).await;
    }
    ask_for_account_data(cluster, users, ending).await;
}

/// The history of a room, in large pages.
async fn history(client: &Client, user: &User, room: &str) -> Vec<Value> {
    let (mut events, mut from) = (Vec::new(), String::new());
    loop {
        let path = client.room(room, &format!("messages?dir=f&limit=500{from}"));
        let page = client.get(&path).by(user).ok().await;
        events.extend(page["chunk"].as_array().into_iter().flatten().cloned());
        match page["end"].as_str() {
            Some(end) => from = format!("&from={}", encode(end)),
            None => return events,
        }
    }
}

async fn ask_for_rooms(client: &Client, number: usize, users: &[User], ending: &mut Ending) {
    for user in users {
        let joined = client.get("/_matrix/client/v3/joined_rooms").by(user).ok().await;
        let joined: BTreeSet<_> =
            joined["joined_rooms"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let rows = ending.user_rooms.iter().filter(|((_, of), (tie, _))| *of == user.id && tie == "join");
        let expected: BTreeSet<_> = rows.map(|((room, _), _)| room.as_str()).collect();
        if joined != expected {
            let what = format!("node {number}: {} is in {joined:?}, in PostgreSQL {expected:?}", user.id);
            ending.nodes.push(what);
        }
    }
}

async fn ask_for_account_data(cluster: &Cluster, users: &[User], ending: &mut Ending) {
    let of_clients = |kind: &str| kind.starts_with("org.example.") || kind == "m.tag";
    for ((user_id, room, kind), json) in ending.account_data.iter().filter(|((.., kind), _)| of_clients(kind)) {
        let Some(user) = users.iter().find(|user| user.id == *user_id) else { continue };
        let of_room = if room.is_empty() { String::new() } else { format!("rooms/{}/", encode(room)) };
        let path = format!("/_matrix/client/v3/user/{}/{of_room}account_data/{kind}", encode(user_id));
        for node in &cluster.nodes {
            let (status, answer) = node.client().get(&path).by(user).send().await;
            if (status, &answer) != (200, json) {
                let what = format!("{path} is {answer} ({status}), in PostgreSQL {json}");
                ending.nodes.push(format!("node {}: {what}", node.number));
            }
        }
    }
}
