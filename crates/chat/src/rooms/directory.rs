//! Room addresses and the public room list.

use std::sync::Arc;

use ruma::{RoomAliasId, RoomId};
use serde::Serialize;
use store::directory;

use super::{
    room::{Inner, content_as},
    send,
};
use crate::{Chat, Error, Result, sessions::Session};

/// Rooms on one page of the public list at most.
const MAX_PAGE: usize = 100;

/// The full address of a local part.
pub(crate) fn alias_of(chat: &Chat, localpart: &str) -> Result<String> {
    let alias = format!("#{localpart}:{}", chat.server_name);
    let sound = !localpart.is_empty()
        && !localpart.contains([':', '#'])
        && !localpart.chars().any(char::is_whitespace)
        && !localpart.contains('\0');
    match RoomAliasId::parse(&alias) {
        Ok(alias) if sound && alias.as_str().len() <= 255 => Ok(alias.to_string()),
        _ => Err(Error::invalid("A room's address may not be empty or contain spaces, colons or \"#\".")),
    }
}

fn check_alias(chat: &Chat, alias: &str) -> Result<()> {
    let parsed = RoomAliasId::parse(alias).map_err(|_| Error::invalid("This is not a room address."))?;
    if parsed.server_name().as_str() != chat.server_name.as_str() {
        return Err(Error::not_found("There is no room with this address on this server."));
    }
    Ok(())
}

/// The room that an address or a room id names.
///
/// # Errors
/// M_NOT_FOUND, M_INVALID_PARAM.
pub async fn resolve(chat: &Chat, room_id_or_alias: &str) -> Result<Arc<str>> {
    if room_id_or_alias.starts_with('#') {
        check_alias(chat, room_id_or_alias)?;
        let row = directory::alias(&chat.db, room_id_or_alias).await?;
        return row.map(|row| row.room_id).ok_or_else(|| Error::not_found("There is no room with this address."));
    }
    RoomId::parse(room_id_or_alias).map_err(|_| Error::invalid("This is neither a room id nor a room address."))?;
    Ok(room_id_or_alias.into())
}

/// Gives a room another address.
///
/// # Errors
/// M_UNKNOWN (409) if it is taken, M_FORBIDDEN if the user is not in the room.
pub async fn put_alias(chat: &Chat, session: &Session, alias: &str, room_id: &str) -> Result<()> {
    check_alias(chat, alias)?;
    let localpart = alias.trim_start_matches('#').split(':').next().unwrap_or_default();
    alias_of(chat, localpart)?;
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    if !room.is_joined(session.user_id.as_str()) {
        return Err(send::not_in_room());
    }
    let taken = || Error::matrix(409, "M_UNKNOWN", "This address belongs to a room already: choose another one.");
    // Mostly that is known, and need not cost a commit that fails.
    if directory::alias(&chat.db, alias).await?.is_some() {
        return Err(taken());
    }
    let write = directory::put_alias(alias, room_id, session.user_id.as_str(), chat.env.now());
    match chat.db.write(room.shard, vec![write]).await {
        Ok(_) => Ok(()),
        Err(store::Error::Expectation(_)) => Err(taken()),
        Err(error) => Err(error.into()),
    }
}

/// Takes an address away from its room: its maker, an administrator, or who may change the room's main address.
///
/// # Errors
/// M_NOT_FOUND, M_FORBIDDEN.
pub async fn delete_alias(chat: &Chat, session: &Session, alias: &str) -> Result<()> {
    check_alias(chat, alias)?;
    let unknown = || Error::not_found("There is no room with this address.");
    let row = directory::alias(&chat.db, alias).await?.ok_or_else(unknown)?;
    let own = row.creator == session.user_id.as_str() || session.admin;
    if !own && !may_change(chat, session, &row.room_id).await? {
        return Err(Error::forbidden("Only who made the address or runs the room may remove it."));
    }
    match chat.db.write(chat.room_shard(&row.room_id), vec![directory::delete_alias(alias)]).await {
        Ok(_) => Ok(()),
        Err(store::Error::Expectation(_)) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the user may change the room's main address, and with it how it is found.
async fn may_change(chat: &Chat, session: &Session, room_id: &str) -> Result<bool> {
    let Some(room) = chat.room(room_id).await? else { return Ok(false) };
    let inner = room.inner.read();
    let joined = inner.membership(session.user_id.as_str()) == Some("join");
    Ok(joined && inner.power_levels.0.user_can_send_state(&session.user_id, "m.room.canonical_alias".into()))
}

/// The room's addresses, for who may look into it.
///
/// # Errors
/// M_FORBIDDEN.
pub async fn aliases(chat: &Chat, session: &Session, room_id: &str) -> Result<Vec<String>> {
    let (_, view) = super::read::readable(chat, session, room_id).await?;
    // The addresses have no history: who left would be told of those given since.
    if view.until() != Some(i64::MAX) {
        return Err(send::not_in_room());
    }
    Ok(directory::aliases(&chat.db, room_id).await?)
}

/// Whether the room stands in the public list.
///
/// # Errors
/// M_NOT_FOUND.
pub async fn is_public(chat: &Chat, room_id: &str) -> Result<bool> {
    chat.room(room_id).await?.ok_or_else(|| Error::not_found("There is no such room."))?;
    Ok(directory::is_public(&chat.db, room_id).await?)
}

/// Puts the room into the public list or takes it out.
///
/// # Errors
/// M_FORBIDDEN, M_NOT_FOUND.
pub async fn set_public(chat: &Chat, session: &Session, room_id: &str, public: bool) -> Result<()> {
    chat.room(room_id).await?.ok_or_else(|| Error::not_found("There is no such room."))?;
    if !session.admin && !may_change(chat, session, room_id).await? {
        return Err(Error::forbidden("You do not have permission to list this room."));
    }
    let write = if public { directory::publish(room_id, chat.env.now()) } else { directory::unpublish(room_id) };
    chat.db.write(chat.room_shard(room_id), vec![write]).await?;
    Ok(())
}

/// A room as the public list shows it. Client-Server API, "PublishedRoomsChunk".
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the specification's")]
pub struct PublicRoom {
    pub room_id: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_type: Option<String>,
    pub num_joined_members: usize,
    pub world_readable: bool,
    pub guest_can_join: bool,
}

/// A page of the public list.
#[derive(Debug, Serialize)]
pub struct PublicRooms {
    /// The rooms, the largest first.
    pub chunk: Vec<PublicRoom>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
    /// Where the page before begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_batch: Option<String>,
    /// How many rooms match.
    pub total_room_count_estimate: usize,
}

/// The public rooms whose name, topic or address contains `term`.
///
/// # Errors
/// M_INVALID_PARAM for a page token that this server did not give out.
pub async fn public_rooms(
    chat: &Chat,
    term: Option<&str>,
    limit: Option<usize>,
    since: Option<&str>,
) -> Result<PublicRooms> {
    let start: usize = match since {
        None => 0,
        Some(token) => token
            .strip_prefix('p')
            .and_then(|offset| offset.parse().ok())
            .ok_or_else(|| Error::invalid("This is not a page of the room list."))?,
    };
    let limit = limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let term = term.map(str::to_lowercase).filter(|term| !term.is_empty());
    let mut found = Vec::new();
    for room_id in directory::public_rooms(&chat.db).await? {
        let Some(room) = chat.room(&room_id).await? else { continue };
        let listed = describe(&room_id, &room.inner.read());
        let texts = [&listed.name, &listed.topic, &listed.canonical_alias];
        let matches = |term: &String| texts.iter().any(|t| t.as_ref().is_some_and(|t| t.to_lowercase().contains(term)));
        if term.as_ref().is_none_or(matches) {
            found.push(listed);
        }
    }
    found.sort_by(|a, b| b.num_joined_members.cmp(&a.num_joined_members).then_with(|| a.room_id.cmp(&b.room_id)));
    let total = found.len();
    let end = start.saturating_add(limit).min(total);
    let chunk = found.into_iter().skip(start).take(limit).collect();
    Ok(PublicRooms {
        chunk,
        next_batch: (end < total).then(|| format!("p{end}")),
        prev_batch: (start > 0).then(|| format!("p{}", start.saturating_sub(limit))),
        total_room_count_estimate: total,
    })
}

fn describe(room_id: &Arc<str>, inner: &Inner) -> PublicRoom {
    let text = |kind: &str, field: &str| {
        let content = content_as::<serde_json::Map<String, serde_json::Value>>(inner.get(kind, "")?)?;
        Some(content.get(field)?.as_str()?.to_owned())
    };
    PublicRoom {
        room_id: room_id.clone(),
        name: text("m.room.name", "name"),
        topic: text("m.room.topic", "topic"),
        canonical_alias: text("m.room.canonical_alias", "alias"),
        avatar_url: text("m.room.avatar", "url"),
        join_rule: text("m.room.join_rules", "join_rule"),
        room_type: text("m.room.create", "type"),
        num_joined_members: inner.joined,
        world_readable: text("m.room.history_visibility", "history_visibility").as_deref() == Some("world_readable"),
        guest_can_join: text("m.room.guest_access", "guest_access").as_deref() == Some("can_join"),
    }
}
