//! Which events a client wants to hear of: filters as uploaded or given inline, parsed once, and what they let through.
//!
//! Client-Server API, "Filtering".

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use dashmap::DashMap;
use ruma::{RoomId, UserId};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{Chat, Error, Result};

/// The largest filter, bytes of JSON.
const MAX_BYTES: usize = 64 * 1024;
/// Filters one user may keep; clients keep a handful.
const MAX_PER_USER: i64 = 1000;
/// Parsed filters kept in memory; when full, they are forgotten and parsed again as they are asked for.
const CACHED: usize = 20_000;

/// A whole filter. Without any field it lets everything through except left rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Fields of events to keep, as dot-separated paths; all if absent.
    pub event_fields: Option<Vec<String>>,
    /// In which format events are wanted. Without federation both are the same.
    pub event_format: EventFormat,
    /// Presence updates.
    #[serde(deserialize_with = "object")]
    pub presence: EventFilter,
    /// The user's account data that belongs to no room.
    #[serde(deserialize_with = "object")]
    pub account_data: EventFilter,
    /// What comes from rooms.
    #[serde(deserialize_with = "object")]
    pub room: RoomFilter,
}

/// The format of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// As the Client-Server API has them.
    #[default]
    Client,
    /// As servers exchange them.
    Federation,
}

/// What comes from rooms. `rooms` and `not_rooms` apply before those of the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RoomFilter {
    /// Only these rooms; all if absent.
    #[serde(deserialize_with = "room_ids")]
    pub rooms: Option<Vec<String>>,
    /// None of these rooms.
    #[serde(deserialize_with = "room_ids")]
    pub not_rooms: Option<Vec<String>>,
    /// Whether rooms that the user has left are included.
    pub include_leave: bool,
    /// State events.
    pub state: RoomEventFilter,
    /// Messages and state changes in their order.
    pub timeline: RoomEventFilter,
    /// Typing and receipts.
    pub ephemeral: RoomEventFilter,
    /// The user's account data of the room.
    pub account_data: RoomEventFilter,
}

/// Which events, by type and sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// At most so many events; the caller has a default and a maximum. 0 is accepted, as clients ask for it when they
    /// want no events at all.
    pub limit: Option<u64>,
    /// Only these types; `*` stands for any characters.
    pub types: Option<Vec<String>>,
    /// None of these types; `*` stands for any characters.
    pub not_types: Option<Vec<String>>,
    /// Only of these senders.
    #[serde(deserialize_with = "user_ids")]
    pub senders: Option<Vec<String>>,
    /// Of none of these senders.
    #[serde(deserialize_with = "user_ids")]
    pub not_senders: Option<Vec<String>>,
}

/// Which events of which rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RoomEventFilter {
    /// By type and sender.
    #[serde(flatten)]
    pub event: EventFilter,
    /// Only these rooms; all if absent.
    #[serde(deserialize_with = "room_ids")]
    pub rooms: Option<Vec<String>>,
    /// None of these rooms.
    #[serde(deserialize_with = "room_ids")]
    pub not_rooms: Option<Vec<String>>,
    /// Only events with (true) or without (false) a `url` in their content.
    pub contains_url: Option<bool>,
    /// Whether only those members are sent whose events are.
    pub lazy_load_members: bool,
    /// Whether members that were sent before are sent again.
    pub include_redundant_members: bool,
    /// Whether unread counts are given per thread.
    pub unread_thread_notifications: bool,
}

impl EventFilter {
    /// Whether an event of this type and sender gets through. Events without a sender pass unless `senders` is given.
    pub fn admits(&self, kind: &str, sender: Option<&str>) -> bool {
        let by_type = |list: &Vec<String>| list.iter().any(|pattern| wildcard(pattern, kind));
        let by_sender = |list: &Vec<String>| sender.is_some_and(|sender| list.iter().any(|user| user == sender));
        self.types.as_ref().is_none_or(by_type)
            && self.senders.as_ref().is_none_or(by_sender)
            && !self.not_types.as_ref().is_some_and(by_type)
            && !self.not_senders.as_ref().is_some_and(by_sender)
    }

    /// Whether every event gets through, whatever its type and sender.
    pub fn admits_all(&self) -> bool {
        let none = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
        self.types.is_none() && self.senders.is_none() && none(&self.not_types) && none(&self.not_senders)
    }

    /// The limit, `default` without one and `max` at most.
    pub fn limit(&self, default: usize, max: usize) -> usize {
        self.limit.map_or(default, |limit| usize::try_from(limit).unwrap_or(usize::MAX)).min(max)
    }
}

impl RoomEventFilter {
    /// Reads the inline JSON of a query parameter such as that of `/messages`.
    ///
    /// # Errors
    /// M_NOT_JSON, M_BAD_JSON or M_TOO_LARGE.
    pub fn parse(json: &str) -> Result<Self> {
        read(json)
    }

    /// Whether events of the room get through.
    pub fn admits_room(&self, room_id: &str) -> bool {
        in_rooms(self.rooms.as_deref(), self.not_rooms.as_deref(), room_id)
    }

    /// Whether an event gets through, its room aside. `has_url` is asked only if the filter cares.
    pub fn admits(&self, kind: &str, sender: Option<&str>, has_url: impl FnOnce() -> bool) -> bool {
        self.event.admits(kind, sender) && self.contains_url.is_none_or(|wanted| wanted == has_url())
    }

    /// Whether every event gets through, its room and the limit aside.
    pub fn admits_all(&self) -> bool {
        self.contains_url.is_none() && self.event.admits_all()
    }
}

impl RoomFilter {
    /// Whether anything of the room gets through.
    pub fn admits_room(&self, room_id: &str) -> bool {
        in_rooms(self.rooms.as_deref(), self.not_rooms.as_deref(), room_id)
    }
}

impl Filter {
    /// Reads a filter's JSON.
    ///
    /// # Errors
    /// M_NOT_JSON, M_BAD_JSON or M_TOO_LARGE.
    pub fn parse(json: &str) -> Result<Self> {
        read(json)
    }

    /// The event with only the fields of `event_fields`; unchanged if all are wanted.
    pub fn select_fields(&self, event: Value) -> Value {
        match &self.event_fields {
            None => event,
            Some(paths) => {
                let mut kept = Value::Object(Map::new());
                for path in paths {
                    copy_path(&event, &split_path(path), &mut kept);
                }
                kept
            }
        }
    }
}

/// Parsed filters: uploaded ones by owner and id, inline ones by their text (and no owner).
#[derive(Default)]
pub(crate) struct Cache(DashMap<(String, String), Arc<Filter>>);

impl Cache {
    fn insert(&self, key: (String, String), filter: Arc<Filter>) {
        if self.0.len() >= CACHED {
            self.0.clear();
        }
        self.0.insert(key, filter);
    }
}

/// The filter that a `filter` parameter names: JSON if it starts with `{`, otherwise the id of one the user uploaded.
///
/// # Errors
/// M_INVALID_PARAM for an unknown id; otherwise as [`Filter::parse`].
pub async fn load(chat: &Chat, user_id: &str, id_or_inline_json: &str) -> Result<Arc<Filter>> {
    let inline = id_or_inline_json.trim_start().starts_with('{');
    let key = if inline {
        (String::new(), URL_SAFE_NO_PAD.encode(Sha256::digest(id_or_inline_json)))
    } else {
        (user_id.to_owned(), id_or_inline_json.to_owned())
    };
    if let Some(filter) = chat.filters.0.get(&key) {
        return Ok(filter.clone());
    }
    let filter = if inline {
        Filter::parse(id_or_inline_json)?
    } else {
        let stored = store::filters::get(&chat.db, user_id, id_or_inline_json).await?;
        Filter::parse(&stored.ok_or_else(|| Error::invalid("There is no filter with this id: upload it again."))?)?
    };
    let filter = Arc::new(filter);
    chat.filters.insert(key, filter.clone());
    Ok(filter)
}

/// Keeps a filter for the user and returns its id: the same for the same content.
///
/// # Errors
/// M_BAD_JSON or M_TOO_LARGE if it is no filter, M_FORBIDDEN if the user has too many.
pub async fn define(chat: &Chat, user_id: &str, content: Map<String, Value>) -> Result<String> {
    let json = Value::Object(content).to_string();
    Filter::parse(&json)?;
    // A hash of the content cannot start with "{" (url-safe alphabet) and makes every id of a user immutable.
    let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(&json)[..15]);
    if store::filters::put(&chat.db, user_id, &id, &json, MAX_PER_USER).await? {
        Ok(id)
    } else {
        Err(Error::forbidden("You have uploaded too many filters: use one of those, or give it inline."))
    }
}

/// The user's filter as it was uploaded.
///
/// # Errors
/// M_NOT_FOUND.
pub async fn get(chat: &Chat, user_id: &str, filter_id: &str) -> Result<String> {
    let stored = store::filters::get(&chat.db, user_id, filter_id).await?;
    stored.ok_or_else(|| Error::not_found("You have no filter with this id."))
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    if json.len() > MAX_BYTES {
        return Err(Error::matrix(413, "M_TOO_LARGE", "The filter is too large."));
    }
    let mut input = serde_json::Deserializer::from_str(json);
    object(&mut input).and_then(|filter| input.end().map(|()| filter)).map_err(|error| {
        let errcode = if error.is_data() { "M_BAD_JSON" } else { "M_NOT_JSON" };
        Error::matrix(400, errcode, format!("This is not a filter: {error}."))
    })
}

/// Reads a JSON object only: serde would take an array of a struct's fields as well.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(input: D) -> Result<T, D::Error> {
    let fields = Map::<String, Value>::deserialize(input)?;
    T::deserialize(Value::Object(fields)).map_err(D::Error::custom)
}

fn room_ids<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<String>>, D::Error> {
    ids(input, "room id", |id| RoomId::parse(id).is_ok())
}

fn user_ids<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<String>>, D::Error> {
    ids(input, "user id", |id| UserId::parse(id).is_ok())
}

fn ids<'de, D: Deserializer<'de>>(
    input: D,
    what: &str,
    valid: fn(&str) -> bool,
) -> Result<Option<Vec<String>>, D::Error> {
    let list = Option::<Vec<String>>::deserialize(input)?;
    match list.iter().flatten().find(|id| !valid(id)) {
        Some(_) => Err(D::Error::custom(format!("a list of {what}s holds something else"))),
        None => Ok(list),
    }
}

fn in_rooms(rooms: Option<&[String]>, not_rooms: Option<&[String]>, room_id: &str) -> bool {
    let listed = |list: &[String]| list.iter().any(|room| room == room_id);
    rooms.is_none_or(listed) && !not_rooms.is_some_and(listed)
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters. The parts between the stars are searched
/// from left to right, each once: no pattern makes it slow.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Splits a dot-separated property path: `\.` is a dot and `\\` a backslash inside of a name (appendices,
/// "Dot-separated property paths").
fn split_path(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = (character == '\\').then(|| characters.next_if(|next| matches!(next, '.' | '\\'))).flatten();
        match (escaped, names.last_mut()) {
            (None, _) if character == '.' => names.push(String::new()),
            (escaped, Some(name)) => name.push(escaped.unwrap_or(character)),
            (_, None) => {}
        }
    }
    names
}

fn copy_path(from: &Value, path: &[String], to: &mut Value) {
    let [name, rest @ ..] = path else { return };
    let (Some(value), Some(to)) = (from.get(name), to.as_object_mut()) else { return };
    if rest.is_empty() {
        to.insert(name.clone(), value.clone());
    } else if value.is_object() {
        copy_path(value, rest, to.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())));
    }
}

#[cfg(test)]
#[path = "filters_tests.rs"]
mod tests;
