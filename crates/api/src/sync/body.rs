//! The body of a sync answer. Client-Server API, "Syncing".

use std::{collections::BTreeMap, sync::Arc};

use chat::{
    Event, Receipt,
    filters::Filter,
    presence::{PresenceEvent, State},
    rooms::read::place,
    sessions::Session,
    sync::{
        changes::Changes,
        room_changes::{JoinedRoom, LeftRoom, Summary, Timeline},
    },
};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::event::{ClientEvent, Viewer};

/// Serializes the changes for the device that asked for them.
pub(super) fn body(changes: &Changes, session: &Session, filter: &Filter) -> serde_json::Result<String> {
    let viewer = Viewer { session, fields: filter.event_fields.is_some().then_some(filter) };
    let rooms = Rooms {
        join: changes.joined.iter().map(|(id, room)| (id.as_ref(), Joined::new(room, viewer))).collect(),
        invite: changes
            .invited
            .iter()
            .map(|(id, state)| (id.as_ref(), Invited { invite_state: stripped(state) }))
            .collect(),
        knock: changes
            .knocked
            .iter()
            .map(|(id, state)| (id.as_ref(), Knocked { knock_state: stripped(state) }))
            .collect(),
        leave: changes.left.iter().map(|(id, room)| (id.as_ref(), Left::new(room, viewer))).collect(),
    };
    let body = Body {
        next_batch: changes.next.to_string(),
        rooms: (!rooms.is_empty()).then_some(rooms),
        presence: Events::unless_empty(changes.presence.iter().map(Presence::new).collect()),
        account_data: Events::unless_empty(typed(&changes.account_data)),
        to_device: Events::unless_empty(changes.to_device.iter().map(AsRef::as_ref).collect()),
    };
    serde_json::to_string(&body)
}

#[derive(Serialize)]
struct Body<'a> {
    next_batch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<Rooms<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<Events<Presence<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_data: Option<Events<Typed<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_device: Option<Events<&'a RawValue>>,
}

#[derive(Serialize)]
struct Events<T> {
    events: Vec<T>,
}

impl<T> Events<T> {
    fn unless_empty(events: Vec<T>) -> Option<Self> {
        (!events.is_empty()).then_some(Self { events })
    }
}

#[derive(Serialize)]
struct Rooms<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    join: BTreeMap<&'a str, Joined<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    invite: BTreeMap<&'a str, Invited>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    knock: BTreeMap<&'a str, Knocked>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    leave: BTreeMap<&'a str, Left<'a>>,
}

impl Rooms<'_> {
    fn is_empty(&self) -> bool {
        self.join.is_empty() && self.invite.is_empty() && self.knock.is_empty() && self.leave.is_empty()
    }
}

#[derive(Serialize)]
struct Invited {
    invite_state: Events<Value>,
}

#[derive(Serialize)]
struct Knocked {
    knock_state: Events<Value>,
}

/// State without anything that only members may know: content, sender, state key and type.
fn stripped(state: &[Arc<Event>]) -> Events<Value> {
    let strip = |event: &Arc<Event>| {
        let mut event: serde_json::Map<String, Value> = serde_json::from_str(event.json.get()).unwrap_or_default();
        event.retain(|key, _| {
            matches!(key.as_str(), "content" | "sender" | "state_key" | "type" | "origin_server_ts" | "event_id")
        });
        Value::Object(event)
    };
    Events { events: state.iter().map(strip).collect() }
}

#[derive(Serialize)]
struct TimelineBody<'a> {
    events: Vec<ClientEvent<'a>>,
    limited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
}

impl<'a> TimelineBody<'a> {
    fn new(timeline: &'a Timeline, viewer: Viewer<'a>) -> Self {
        let prev_batch = (!timeline.events.is_empty() || timeline.limited).then(|| place(timeline.first_seq));
        Self { events: viewer.all(&timeline.events), limited: timeline.limited, prev_batch }
    }
}

#[derive(Serialize)]
struct Joined<'a> {
    timeline: TimelineBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Events<ClientEvent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<SummaryBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral: Option<Events<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_data: Option<Events<Typed<'a>>>,
    unread_notifications: Unread,
}

impl<'a> Joined<'a> {
    fn new(room: &'a JoinedRoom, viewer: Viewer<'a>) -> Self {
        let mut ephemeral = Vec::new();
        if !room.receipts.is_empty() {
            ephemeral.push(receipts(&room.receipts));
        }
        if let Some(typing) = &room.typing {
            ephemeral.push(json!({ "type": "m.typing", "content": { "user_ids": typing } }));
        }
        let (notification_count, highlight_count) = room.unread;
        Self {
            timeline: TimelineBody::new(&room.timeline, viewer),
            state: Events::unless_empty(viewer.all(&room.state)),
            summary: room.summary.as_ref().map(SummaryBody::new),
            ephemeral: Events::unless_empty(ephemeral),
            account_data: Events::unless_empty(typed(&room.account_data)),
            unread_notifications: Unread { notification_count, highlight_count },
        }
    }
}

#[derive(Serialize)]
struct Unread {
    notification_count: i64,
    highlight_count: i64,
}

#[derive(Serialize)]
struct SummaryBody<'a> {
    #[serde(rename = "m.heroes", skip_serializing_if = "<[_]>::is_empty")]
    heroes: &'a [Arc<str>],
    #[serde(rename = "m.joined_member_count")]
    joined: usize,
    #[serde(rename = "m.invited_member_count")]
    invited: usize,
}

impl<'a> SummaryBody<'a> {
    fn new(summary: &'a Summary) -> Self {
        Self { heroes: &summary.heroes, joined: summary.joined, invited: summary.invited }
    }
}

#[derive(Serialize)]
struct Left<'a> {
    timeline: TimelineBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Events<ClientEvent<'a>>>,
}

impl<'a> Left<'a> {
    fn new(room: &'a LeftRoom, viewer: Viewer<'a>) -> Self {
        Self {
            timeline: TimelineBody::new(&room.timeline, viewer),
            state: Events::unless_empty(viewer.all(&room.state)),
        }
    }
}

#[derive(Serialize)]
struct Typed<'a> {
    content: &'a RawValue,
    #[serde(rename = "type")]
    kind: &'a str,
}

fn typed(events: &[(Arc<str>, Arc<RawValue>)]) -> Vec<Typed<'_>> {
    events.iter().map(|(kind, content)| Typed { content, kind }).collect()
}

/// `m.receipt`: event id → kind → user → when. Client-Server API, "Receipts".
fn receipts(receipts: &[Receipt]) -> Value {
    let mut content: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Value>>> = BTreeMap::new();
    for receipt in receipts {
        let data = if receipt.thread.is_empty() {
            json!({ "ts": receipt.ts })
        } else {
            json!({ "ts": receipt.ts, "thread_id": receipt.thread })
        };
        content.entry(&receipt.event_id).or_default().entry(&receipt.kind).or_default().insert(&receipt.user_id, data);
    }
    json!({ "type": "m.receipt", "content": content })
}

#[derive(Serialize)]
struct Presence<'a> {
    content: PresenceContent<'a>,
    sender: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
pub(crate) struct PresenceContent<'a> {
    presence: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_msg: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_ago: Option<i64>,
    currently_active: bool,
}

impl<'a> PresenceContent<'a> {
    pub(crate) fn new(event: &'a PresenceEvent) -> Self {
        Self {
            presence: event.state,
            status_msg: event.status.as_deref(),
            last_active_ago: event.last_active_ago,
            currently_active: event.currently_active,
        }
    }
}

impl<'a> Presence<'a> {
    fn new(event: &'a PresenceEvent) -> Self {
        Self { content: PresenceContent::new(event), sender: &event.user_id, kind: "m.presence" }
    }
}
