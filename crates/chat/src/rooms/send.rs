//! Sending an event: decide on the room's present state, append, and decide again if the state moved meanwhile.

use std::sync::Arc;

use ruma::UserId;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::{
    events,
    log::{Commit, Event, Guard, Mention, NewEvent, NewReceipt, Outcome, RoomPart, TxnKey},
    user_rooms,
};

use super::{
    auth_rules::{self, Proposed},
    membership, redact,
    room::{Inner, Room, content_as},
};
use crate::{Chat, Error, Result, canonical, messages, sessions::Session};

/// The largest event, bytes of JSON. Client-Server API, "Size limits".
pub(crate) const MAX_EVENT: usize = 65_536;
/// Types, state keys and ids are at most so long, bytes.
const MAX_KEY: usize = 255;
/// Addresses that a room can name beside its main one.
const MAX_ALIASES: usize = 100;
/// How often a command is decided anew before its client is asked to come back.
pub(super) const ATTEMPTS: usize = 20;

/// Sends a message under the device's transaction id and returns its event id.
///
/// # Errors
/// M_FORBIDDEN, M_BAD_JSON, M_TOO_LARGE, M_LIMIT_EXCEEDED.
pub async fn message(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    kind: &str,
    txn_id: &str,
    content: Box<RawValue>,
) -> Result<Arc<str>> {
    if kind == "m.room.redaction" {
        let redaction: redact::Redaction = serde_json::from_str(content.get())
            .map_err(|error| Error::matrix(400, "M_BAD_JSON", format!("This is no redaction: {error}.")))?;
        return redact::remove(chat, session, room_id, &redaction.redacts, txn_id, redaction.reason).await;
    }
    chat.rate_limits.check_message(&session.user_id)?;
    let draft = Draft {
        kind: kind.into(),
        state_key: None,
        content,
        txn: Some((session.device_id.clone(), checked_txn(txn_id)?)),
        redacts: None,
        only_from: &[],
    };
    send(chat, room_id, &session.user_id, &draft).await
}

/// Sets a piece of the room's state and returns the event's id.
///
/// # Errors
/// M_FORBIDDEN, M_BAD_JSON, M_TOO_LARGE, M_LIMIT_EXCEEDED; M_BAD_ALIAS for a main address that is not the room's.
pub async fn state(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    kind: &str,
    state_key: &str,
    content: Box<RawValue>,
) -> Result<Arc<str>> {
    chat.rate_limits.check_message(&session.user_id)?;
    if kind == "m.room.create" {
        return Err(Error::forbidden("A room is created once."));
    }
    if kind == "m.room.canonical_alias" && state_key.is_empty() {
        check_aliases(chat, room_id, &content).await?;
    }
    let content = if kind == "m.room.member" {
        membership::checked(chat, room_id, &session.user_id, state_key, &content).await?
    } else {
        content
    };
    let draft = Draft {
        kind: kind.into(),
        state_key: Some(state_key.into()),
        content,
        txn: None,
        redacts: None,
        only_from: &[],
    };
    send(chat, room_id, &session.user_id, &draft).await
}

pub(super) fn checked_txn(txn_id: &str) -> Result<Arc<str>> {
    if txn_id.is_empty() || txn_id.len() > MAX_KEY {
        return Err(Error::invalid("A transaction id has 1 to 255 bytes."));
    }
    Ok(txn_id.into())
}

/// The addresses that the content of an `m.room.canonical_alias` names.
///
/// # Errors
/// M_BAD_JSON; M_INVALID_PARAM for too many of them.
pub(crate) fn named_aliases(content: &RawValue) -> Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Content {
        alias: Option<String>,
        #[serde(default)]
        alt_aliases: Vec<String>,
    }
    let content: Content = serde_json::from_str(content.get())
        .map_err(|error| Error::matrix(400, "M_BAD_JSON", format!("The content is not valid: {error}.")))?;
    if content.alt_aliases.len() > MAX_ALIASES {
        return Err(Error::invalid(format!("A room names at most {MAX_ALIASES} other addresses.")));
    }
    Ok(content.alias.into_iter().filter(|alias| !alias.is_empty()).chain(content.alt_aliases).collect())
}

async fn check_aliases(chat: &Chat, room_id: &str, content: &RawValue) -> Result<()> {
    for alias in named_aliases(content)? {
        let row = store::directory::alias(&chat.db, &alias).await?;
        if row.is_none_or(|row| row.room_id.as_ref() != room_id) {
            return Err(Error::matrix(400, "M_BAD_ALIAS", format!("{alias} does not point to this room.")));
        }
    }
    Ok(())
}

/// An event that a user wants to send.
pub(crate) struct Draft {
    /// Its type.
    pub(crate) kind: Arc<str>,
    /// Its state key, if it is a state event.
    pub(crate) state_key: Option<Arc<str>>,
    /// Its content.
    pub(crate) content: Box<RawValue>,
    /// The device and transaction id it is sent with.
    pub(crate) txn: Option<(Arc<str>, Arc<str>)>,
    /// The event that it redacts, if it is a redaction.
    pub(crate) redacts: Option<Arc<str>>,
    /// The memberships of the state key's user from which it is meant; none for any. Asked at each attempt, since
    /// what the command was meant for can be overtaken.
    pub(crate) only_from: &'static [&'static str],
}

impl Draft {
    /// What it is known by when it is sent again.
    fn key(&self, room: &Room, sender: &UserId) -> Option<TxnKey> {
        self.txn.as_ref().map(|(device_id, txn_id)| TxnKey {
            user_id: sender.as_str().into(),
            device_id: device_id.clone(),
            scope: format!("{} {} {}", room.id, self.kind, self.redacts.as_deref().unwrap_or_default()),
            txn_id: txn_id.clone(),
        })
    }

    /// A state event.
    pub(crate) fn state(kind: &str, state_key: &str, content: &impl Serialize) -> Result<Self> {
        let content = to_raw_value(content).map_err(|e| Error::invalid(e.to_string()))?;
        Ok(Self {
            kind: kind.into(),
            state_key: Some(state_key.into()),
            content,
            txn: None,
            redacts: None,
            only_from: &[],
        })
    }
}

/// Refuses what no event may be, whatever the room.
pub(crate) fn check(draft: &Draft) -> Result<()> {
    let too_large = |what: &str| Error::matrix(413, "M_TOO_LARGE", format!("The {what} is too large for an event."));
    if draft.kind.is_empty() || draft.kind.len() > MAX_KEY {
        return Err(too_large("type"));
    }
    if draft.state_key.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
        return Err(too_large("state key"));
    }
    if draft.kind.contains('\0') || draft.state_key.as_ref().is_some_and(|key| key.contains('\0')) {
        return Err(Error::invalid("Types and state keys contain no NUL characters."));
    }
    if draft.content.get().len() > MAX_EVENT - 1024 {
        return Err(too_large("content"));
    }
    if !draft.content.get().trim_start().starts_with('{') {
        return Err(Error::matrix(400, "M_BAD_JSON", "The content has to be a JSON object."));
    }
    canonical::check(draft.content.get()).map_err(|reason| {
        Error::matrix(400, "M_BAD_JSON", format!("The content is not allowed in an event: {reason}."))
    })
}

/// Sends an event and returns its id. Under a transaction id that was used before, returns the first event's id.
///
/// # Errors
/// M_NOT_FOUND for an unknown room, M_FORBIDDEN by the authorization rules, M_BAD_JSON, M_TOO_LARGE.
pub(crate) async fn send(chat: &Chat, room_id: &str, sender: &UserId, draft: &Draft) -> Result<Arc<str>> {
    check(draft)?;
    let mut turn = None;
    let mut fresh = !chat.db.is_shared();
    for _ in 0..ATTEMPTS {
        // Decided on what this node knows: the commit checks it. Only a refusal has nothing to check it.
        let Some(room) = chat.known_room(room_id).await? else {
            chat.fresh().await?;
            if chat.known_room(room_id).await?.is_some() {
                continue;
            }
            return Err(not_in_room());
        };
        let commit = {
            let inner = room.inner.read();
            match decide(&inner, &room, sender, draft) {
                Ok(guards) => match unchanged(&inner, sender, draft) {
                    Some(event_id) if fresh => return Ok(event_id),
                    Some(_) => Ok(None),
                    None => Ok(Some(prepare(chat, &room, &inner, sender, draft, guards)?)),
                },
                Err(error) if fresh => Err(error),
                Err(_) => Ok(None),
            }
        };
        let commit = match commit {
            Ok(Some(commit)) => commit,
            Ok(None) => {
                chat.fresh().await?;
                fresh = true;
                continue;
            }
            // Who repeats what was done is answered as then, whatever they may do now.
            Err(error) => return done_before(chat, &room, sender, draft).await?.ok_or(error),
        };
        match chat.commit(commit).await {
            Ok(Outcome::Committed(record)) => {
                return record.events.first().map(|e| e.event_id.clone()).ok_or_else(busy);
            }
            Ok(Outcome::Duplicate { event_id }) => return Ok(event_id.into()),
            // Who was overtaken once queues with the others, so that many changes at once all come through.
            // The room's state has moved, or what the event repeats was redacted.
            Err(store::Error::Stale | store::Error::Expectation(_)) => {
                if turn.is_none() {
                    turn = Some(room.turn.clone().lock_owned().await);
                }
                chat.fresh().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// The event that was sent under the same transaction id.
async fn done_before(chat: &Chat, room: &Room, sender: &UserId, draft: &Draft) -> Result<Option<Arc<str>>> {
    let Some(txn) = draft.key(room, sender) else { return Ok(None) };
    let event_id = store::events::under_txn(&chat.db, room.shard, &txn, chat.env.now()).await?;
    Ok(event_id.map(Into::into))
}

/// What somebody hears of a room that is unknown or not theirs: the same, so that room ids cannot be probed.
pub(crate) fn not_in_room() -> Error {
    Error::forbidden("You are not a member of this room.")
}

pub(crate) fn busy() -> Error {
    Error::RateLimited { retry_after_ms: 500 }
}

fn decide(inner: &Inner, room: &Room, sender: &UserId, draft: &Draft) -> Result<Vec<Guard>> {
    match &draft.state_key {
        None => auth_rules::check_message(inner, sender, &draft.kind),
        Some(state_key) => {
            let from = inner.membership(state_key);
            if !draft.only_from.is_empty() && !from.is_some_and(|from| draft.only_from.contains(&from)) {
                return Err(Error::forbidden("The membership has changed meanwhile."));
            }
            let proposed = Proposed { sender, kind: &draft.kind, state_key: Some(state_key), content: &draft.content };
            auth_rules::check_state(inner, &room.id, &room.rules, &proposed)
        }
    }
}

/// The event that already says the same under the same state key, by the same sender: setting it again changes nothing.
fn unchanged(inner: &Inner, sender: &UserId, draft: &Draft) -> Option<Arc<str>> {
    let current = inner.get(&draft.kind, draft.state_key.as_deref()?)?;
    if current.sender.as_ref() != sender.as_str() {
        return None;
    }
    let same = content_as::<serde_json::Value>(current)?
        == serde_json::from_str::<serde_json::Value>(draft.content.get()).ok()?;
    same.then(|| current.event_id.clone())
}

/// The commit that appends the event and its projections.
pub(crate) fn prepare(
    chat: &Chat,
    room: &Room,
    inner: &Inner,
    sender: &UserId,
    draft: &Draft,
    guards: Vec<Guard>,
) -> Result<Commit> {
    let event = build(chat, &room.id, inner, sender, draft)?;
    let mut commit = Commit { shard: room.shard, ts: event.ts, ..Commit::default() };
    commit.txn = draft.key(room, sender);
    project(chat, room, inner, &event, &draft.content, 0, &mut commit);
    // A state event repeats what it replaces.
    if let Some(replaced) = draft.state_key.as_ref().and_then(|state_key| inner.get(&draft.kind, state_key)) {
        commit.writes.push(events::unredacted(room.shard, &room.id, replaced.seq, replaced.json.get()));
    }
    let events = vec![event];
    commit.room = Some(RoomPart {
        room_id: room.id.clone(),
        create: None,
        guards,
        decided_at: inner.seq,
        epoch: room.epoch,
        events,
    });
    Ok(commit)
}

/// Adds to the commit what follows from its `n`-th event.
pub(crate) fn project(
    chat: &Chat,
    room: &Room,
    inner: &Inner,
    event: &NewEvent,
    content: &RawValue,
    n: usize,
    commit: &mut Commit,
) {
    match &event.state_key {
        None => {
            commit.receipts.push(NewReceipt::Own { user_id: event.sender.clone(), n });
            let mentioned = messages::mentions(&event.sender, content, inner).into_iter();
            commit.mentions.extend(mentioned.map(|user_id| Mention { user_id, n }));
        }
        Some(user_id) if event.kind.as_ref() == "m.room.member" => {
            let membership = membership_in(content);
            if inner.membership(user_id) != Some(membership) {
                commit.writes.push(user_rooms::put(chat.user_shard(user_id), user_id, &room.id, membership));
                if membership == "join" {
                    commit.receipts.push(NewReceipt::Own { user_id: user_id.clone(), n });
                }
            }
        }
        Some(_) => {}
    }
}

fn membership_in(content: &RawValue) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    let content = serde_json::from_str::<Content<'_>>(content.get()).ok();
    content.map_or("leave", |content| crate::sync::user::membership(&content.membership))
}

#[derive(Serialize)]
struct ClientEvent<'a> {
    content: &'a RawValue,
    event_id: &'a str,
    origin_server_ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<&'a str>,
    room_id: &'a str,
    sender: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsigned: Option<Unsigned<'a>>,
}

#[derive(Serialize)]
struct Unsigned<'a> {
    prev_content: &'a RawValue,
    prev_sender: &'a str,
    replaces_state: &'a str,
}

/// Serializes the event, once: the same bytes are stored and go to every client.
pub(crate) fn build(
    chat: &Chat,
    room_id: &Arc<str>,
    inner: &Inner,
    sender: &UserId,
    draft: &Draft,
) -> Result<NewEvent> {
    build_as(chat, room_id, inner, sender, draft, &format!("${}", chat.env.ordered_id()))
}

/// [`build`] under a given id.
pub(crate) fn build_as(
    chat: &Chat,
    room_id: &Arc<str>,
    inner: &Inner,
    sender: &UserId,
    draft: &Draft,
    event_id: &str,
) -> Result<NewEvent> {
    let ts = chat.env.now();
    let replaced = draft.state_key.as_ref().and_then(|state_key| inner.get(&draft.kind, state_key));
    let json = serialize(room_id, sender, draft, event_id, ts, replaced)?;
    if json.get().len() > MAX_EVENT + 2048 {
        return Err(Error::matrix(413, "M_TOO_LARGE", "The event is too large."));
    }
    Ok(NewEvent {
        event_id: event_id.into(),
        kind: draft.kind.clone(),
        state_key: draft.state_key.clone(),
        sender: sender.as_str().into(),
        txn: draft.txn.clone(),
        notifies: draft.state_key.is_none() && messages::notifies(&draft.kind, &draft.content),
        ts,
        json: json.into(),
    })
}

fn serialize(
    room_id: &str,
    sender: &UserId,
    draft: &Draft,
    event_id: &str,
    ts: i64,
    replaced: Option<&Arc<Event>>,
) -> Result<Box<RawValue>> {
    let unsigned = replaced.and_then(|event| {
        Some(Unsigned {
            prev_content: content_as::<&RawValue>(event)?,
            prev_sender: &event.sender,
            replaces_state: &event.event_id,
        })
    });
    let event = ClientEvent {
        content: &draft.content,
        event_id,
        origin_server_ts: ts,
        redacts: draft.redacts.as_deref(),
        room_id,
        sender: sender.as_str(),
        state_key: draft.state_key.as_deref(),
        kind: &draft.kind,
        unsigned,
    };
    to_raw_value(&event).map_err(|e| Error::invalid(e.to_string()))
}
