//! A user's account data, global and per room, and the tags that are part of it.

use std::{future::ready, sync::Arc};

use ruma::UserId;
use serde::Serialize;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use store::log::{Change, Commit};

use crate::{Chat, Error, Result};

/// The largest content, bytes of JSON.
const MAX: usize = 65_536;
/// All that one user keeps, bytes: it stands in memory while the user is here.
const MAX_ALL: usize = 32 * 1024 * 1024;
/// What the server keeps itself: read and written through endpoints of their own.
const RESERVED: [&str; 2] = ["m.fully_read", "m.push_rules"];

/// How often a change is made anew that another device's change has overtaken.
const ATTEMPTS: usize = 20;

/// The content, if it was set. `room_id` is empty for global account data.
pub async fn get(chat: &Chat, user_id: &str, room_id: &str, kind: &str) -> Result<Option<Arc<RawValue>>> {
    Ok(chat.hot_user(user_id).await?.account_data(room_id, kind).map(|(json, _)| json))
}

/// Sets account data of a type that is the client's to set.
///
/// # Errors
/// M_BAD_JSON for one of the server's types, M_TOO_LARGE, M_LIMIT_EXCEEDED.
pub async fn set(chat: &Chat, user_id: &UserId, room_id: &str, kind: &str, content: &Map<String, Value>) -> Result<()> {
    chat.rate_limits.check_message(user_id)?;
    if RESERVED.contains(&kind) {
        return Err(Error::matrix(405, "M_BAD_JSON", format!("{kind} has an endpoint of its own.")));
    }
    put(chat, user_id.as_str(), room_id, kind, content).await
}

/// Sets account data of any type.
///
/// # Errors
/// M_TOO_LARGE, M_RESOURCE_LIMIT_EXCEEDED.
pub async fn put(chat: &Chat, user_id: &str, room_id: &str, kind: &str, content: &impl Serialize) -> Result<()> {
    let json = to_raw_value(content).map_err(|e| Error::invalid(e.to_string()))?;
    write(chat, (user_id, room_id, kind), json, None).await
}

/// Changes account data to what `change` makes of it; nothing for no change. What others change meanwhile is not lost:
/// then `change` is asked again.
///
/// # Errors
/// As [`put`], and what `change` answers.
pub(crate) async fn modify<T: Serialize, F: Future<Output = Result<Option<T>>>>(
    chat: &Chat,
    user_id: &str,
    room_id: &str,
    kind: &str,
    change: impl Fn(Option<Arc<RawValue>>) -> F,
) -> Result<()> {
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        let current = chat.hot_user(user_id).await?.account_data(room_id, kind);
        let (json, pos) = current.map_or((None, 0), |(json, pos)| (Some(json), pos));
        let Some(content) = change(json).await? else { return Ok(()) };
        let json = to_raw_value(&content).map_err(|e| Error::invalid(e.to_string()))?;
        match write(chat, (user_id, room_id, kind), json, Some(pos)).await {
            // Who was overtaken once queues with the others, so that many changes at once all come through.
            Err(Error::Store(store::Error::Expectation(_))) if turn.is_none() => {
                turn = Some(chat.changing.take(&user_id.into()).await);
            }
            Err(Error::Store(store::Error::Expectation(_))) => {}
            result => return result,
        }
    }
    Err(Error::RateLimited { retry_after_ms: 500 })
}

/// Writes it, if need be only over what was set at position `before` (0 for nothing).
async fn write(
    chat: &Chat,
    (user_id, room_id, kind): (&str, &str, &str),
    json: Box<RawValue>,
    before: Option<i64>,
) -> Result<()> {
    if json.get().len() > MAX || kind.len() > 255 {
        return Err(Error::matrix(413, "M_TOO_LARGE", "This is too large for account data."));
    }
    let (current, all) = {
        let user = chat.hot_user(user_id).await?;
        (user.account_data(room_id, kind).map(|(json, _)| json), user.account_data_bytes())
    };
    if current.as_ref().is_some_and(|current| current.get() == json.get()) {
        return Ok(());
    }
    if all - current.map_or(0, |current| current.get().len()) + json.get().len() > MAX_ALL {
        let message = "You keep too much account data on this server already.";
        return Err(Error::matrix(403, "M_RESOURCE_LIMIT_EXCEEDED", message));
    }
    let shard = chat.user_shard(user_id);
    let write = match before {
        None => store::account_data::put(shard, user_id, room_id, kind, json.get()),
        Some(before) => store::account_data::replace(shard, user_id, room_id, kind, json.get(), before),
    };
    let commit = Commit {
        shard,
        ts: chat.env.now(),
        writes: vec![write],
        changes: vec![Change::AccountData {
            user_id: user_id.into(),
            room_id: room_id.into(),
            kind: kind.into(),
            json: json.into(),
        }],
        ..Commit::default()
    };
    chat.commit(commit).await?;
    Ok(())
}

/// The room's tags: `{tag: {"order": …}}`.
pub async fn tags(chat: &Chat, user_id: &str, room_id: &str) -> Result<Map<String, Value>> {
    Ok(read_tags(get(chat, user_id, room_id, "m.tag").await?.as_deref()))
}

fn read_tags(json: Option<&RawValue>) -> Map<String, Value> {
    #[derive(serde::Deserialize, Default)]
    struct Tags {
        #[serde(default)]
        tags: Map<String, Value>,
    }
    json.and_then(|json| serde_json::from_str::<Tags>(json.get()).ok()).unwrap_or_default().tags
}

/// Tags the room, or takes a tag away (none).
///
/// # Errors
/// M_INVALID_PARAM for a tag that is too long, M_LIMIT_EXCEEDED.
pub async fn tag(
    chat: &Chat,
    user_id: &UserId,
    room_id: &str,
    tag: &str,
    content: Option<Map<String, Value>>,
) -> Result<()> {
    chat.rate_limits.check_message(user_id)?;
    if tag.is_empty() || tag.len() > 255 {
        return Err(Error::invalid("A tag has 1 to 255 bytes."));
    }
    let change = |current: Option<Arc<RawValue>>| {
        let mut tags = read_tags(current.as_deref());
        match content.clone() {
            Some(content) => tags.insert(tag.to_owned(), content.into()),
            None => tags.remove(tag),
        };
        ready(Ok(Some(serde_json::json!({ "tags": tags }))))
    };
    modify(chat, user_id.as_str(), room_id, "m.tag", change).await
}
