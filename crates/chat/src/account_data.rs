//! A user's account data, global and per room, and the tags that are part of it.

use std::sync::Arc;

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

/// The content, if it was set. `room_id` is empty for global account data.
pub async fn get(chat: &Chat, user_id: &str, room_id: &str, kind: &str) -> Result<Option<Arc<RawValue>>> {
    Ok(chat.hot_user(user_id).await?.account_data(room_id, kind))
}

/// Sets account data of a type that is the client's to set.
///
/// # Errors
/// M_BAD_JSON for one of the server's types, M_TOO_LARGE.
pub async fn set(chat: &Chat, user_id: &str, room_id: &str, kind: &str, content: &Map<String, Value>) -> Result<()> {
    if RESERVED.contains(&kind) {
        return Err(Error::matrix(405, "M_BAD_JSON", format!("{kind} has an endpoint of its own.")));
    }
    put(chat, user_id, room_id, kind, content).await
}

/// Sets account data of any type.
///
/// # Errors
/// M_TOO_LARGE, M_RESOURCE_LIMIT_EXCEEDED.
pub async fn put(chat: &Chat, user_id: &str, room_id: &str, kind: &str, content: &impl Serialize) -> Result<()> {
    let json = to_raw_value(content).map_err(|e| Error::invalid(e.to_string()))?;
    if json.get().len() > MAX || kind.len() > 255 {
        return Err(Error::matrix(413, "M_TOO_LARGE", "This is too large for account data."));
    }
    let (current, all) = {
        let user = chat.hot_user(user_id).await?;
        (user.account_data(room_id, kind), user.account_data_bytes())
    };
    if current.as_ref().is_some_and(|current| current.get() == json.get()) {
        return Ok(());
    }
    if all - current.map_or(0, |current| current.get().len()) + json.get().len() > MAX_ALL {
        let message = "You keep too much account data on this server already.";
        return Err(Error::matrix(403, "M_RESOURCE_LIMIT_EXCEEDED", message));
    }
    let shard = chat.user_shard(user_id);
    let commit = Commit {
        shard,
        ts: chat.env.now(),
        writes: vec![store::account_data::put(shard, user_id, room_id, kind, json.get())],
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
    #[derive(serde::Deserialize, Default)]
    struct Tags {
        #[serde(default)]
        tags: Map<String, Value>,
    }
    let content = get(chat, user_id, room_id, "m.tag").await?;
    Ok(content.and_then(|json| serde_json::from_str::<Tags>(json.get()).ok()).unwrap_or_default().tags)
}

/// Tags the room, or takes a tag away (none).
///
/// # Errors
/// M_INVALID_PARAM for a tag that is too long.
pub async fn tag(
    chat: &Chat,
    user_id: &str,
    room_id: &str,
    tag: &str,
    content: Option<Map<String, Value>>,
) -> Result<()> {
    if tag.is_empty() || tag.len() > 255 {
        return Err(Error::invalid("A tag has 1 to 255 bytes."));
    }
    // Read, change, write: two at the same time would lose one.
    let _turn = chat.changing.take(&user_id.into()).await;
    let mut tags = tags(chat, user_id, room_id).await?;
    match content {
        Some(content) => tags.insert(tag.to_owned(), content.into()),
        None => tags.remove(tag),
    };
    put(chat, user_id, room_id, "m.tag", &serde_json::json!({ "tags": tags })).await
}
