//! Joining, leaving, inviting, removing, banning. The authorization rules decide; this prepares what they look at.

use std::sync::Arc;

use ruma::{UserId, events::room::power_levels::UserPowerLevel};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use store::{
    log::{Change, Commit},
    user_rooms,
};

use super::{
    room::{Room, content_as},
    send::{self, Draft},
};
use crate::{Chat, Error, Result, sessions::Session};

/// Joins the room, or knocks on it. Joining a room that one is in already changes nothing.
///
/// # Errors
/// M_FORBIDDEN if the room does not let the user in, M_NOT_FOUND if there is no such room.
pub async fn join(chat: &Chat, session: &Session, room_id: &str, reason: Option<String>) -> Result<()> {
    let user_id = &session.user_id;
    let room = chat.room(room_id).await?.ok_or_else(unknown)?;
    if room.is_joined(user_id.as_str()) {
        return Ok(());
    }
    check_room_count(chat, user_id).await?;
    let mut content = chat.member_content(user_id, "join").await?;
    add_reason(&mut content, reason);
    if let Some(voucher) = voucher(chat, &room, user_id).await? {
        content.insert("join_authorised_via_users_server".into(), voucher.as_ref().into());
    }
    set(chat, room_id, user_id, user_id, &content).await
}

/// Asks to be let in.
///
/// # Errors
/// M_FORBIDDEN if the room takes no knocks, M_NOT_FOUND if there is no such room.
pub async fn knock(chat: &Chat, session: &Session, room_id: &str, reason: Option<String>) -> Result<()> {
    chat.room(room_id).await?.ok_or_else(unknown)?;
    let mut content = chat.member_content(&session.user_id, "knock").await?;
    add_reason(&mut content, reason);
    set(chat, room_id, &session.user_id, &session.user_id, &content).await
}

fn unknown() -> Error {
    Error::not_found("There is no such room, or you may not know of it.")
}

/// Leaves the room, declines an invitation, or takes a knock back. Leaving twice changes nothing.
///
/// # Errors
/// M_FORBIDDEN if the user has nothing to do with the room.
pub async fn leave(chat: &Chat, user_id: &UserId, room_id: &str, reason: Option<String>) -> Result<()> {
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    match room.membership(user_id.as_str()) {
        Some("leave") => return Ok(()),
        None => return Err(send::not_in_room()),
        _ => {}
    }
    let mut content = Map::from_iter([("membership".to_owned(), "leave".into())]);
    add_reason(&mut content, reason);
    set(chat, room_id, user_id, user_id, &content).await
}

/// What one member does to another person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Asks them in.
    Invite,
    /// Removes them, or takes an invitation back.
    Kick,
    /// Removes them and keeps them out.
    Ban,
    /// Lets them come again.
    Unban,
}

/// Invites somebody, removes them, bans them, or lifts a ban.
///
/// # Errors
/// M_FORBIDDEN by the rules, or if there is nothing to take back; M_NOT_FOUND to invite nobody.
pub async fn moderate(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    action: Action,
    user_id: &UserId,
    reason: Option<String>,
) -> Result<()> {
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    if !room.is_joined(session.user_id.as_str()) {
        return Err(send::not_in_room());
    }
    let before = room.membership(user_id.as_str());
    let mut content = match action {
        Action::Invite => {
            check_invited(chat, user_id).await?;
            chat.member_content(user_id, "invite").await?
        }
        Action::Kick if !matches!(before, Some("join" | "invite" | "knock")) => {
            return Err(Error::forbidden("This person is not in the room."));
        }
        Action::Unban if before != Some("ban") => return Err(Error::forbidden("This person is not banned.")),
        Action::Kick | Action::Unban => Map::from_iter([("membership".to_owned(), "leave".into())]),
        Action::Ban => Map::from_iter([("membership".to_owned(), "ban".into())]),
    };
    add_reason(&mut content, reason);
    let mut draft = Draft::state("m.room.member", user_id.as_str(), &content)?;
    // A kick that a ban overtakes would be an unban.
    draft.only_from = match action {
        Action::Kick => &["join", "invite", "knock"],
        Action::Unban => &["ban"],
        Action::Invite | Action::Ban => &[],
    };
    send::send(chat, room_id, &session.user_id, &draft).await?;
    Ok(())
}

/// Takes a room that one has left off one's lists.
///
/// # Errors
/// M_UNKNOWN (400) while the user is in the room.
pub async fn forget(chat: &Chat, session: &Session, room_id: &str) -> Result<()> {
    let user_id: Arc<str> = session.user_id.as_str().into();
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    match room.membership(&user_id) {
        None => return Err(send::not_in_room()),
        Some("leave" | "ban") => {}
        Some(_) => return Err(not_left()),
    }
    let shard = chat.user_shard(&user_id);
    let commit = Commit {
        shard,
        ts: chat.env.now(),
        writes: vec![user_rooms::forget(shard, &user_id, room_id)],
        changes: vec![Change::Forgotten { user_id, room_id: room_id.into() }],
        ..Commit::default()
    };
    match chat.commit(commit).await {
        Ok(_) => Ok(()),
        // Came back meanwhile.
        Err(store::Error::Expectation(_)) => Err(not_left()),
        Err(error) => Err(error.into()),
    }
}

fn not_left() -> Error {
    Error::matrix(400, "M_UNKNOWN", "Leave the room before you forget it.")
}

/// The ids of the rooms that the user is joined to.
pub async fn joined_rooms(chat: &Chat, session: &Session) -> Result<Vec<Arc<str>>> {
    let user = chat.hot_user(session.user_id.as_str()).await?;
    let inner = user.inner.lock();
    let joined = inner.rooms.iter().filter(|(_, tie)| tie.membership == "join");
    Ok(joined.map(|(room, _)| room.clone()).collect())
}

/// Leaves every room and declines every invitation, as when an account ends.
pub async fn leave_all(chat: &Chat, user_id: &UserId) -> Result<()> {
    let rooms: Vec<_> = {
        let user = chat.hot_user(user_id.as_str()).await?;
        let inner = user.inner.lock();
        let active = inner.rooms.iter().filter(|(_, tie)| matches!(tie.membership, "join" | "invite" | "knock"));
        active.map(|(room, _)| room.clone()).collect()
    };
    for room_id in rooms {
        match leave(chat, user_id, &room_id, None).await {
            // Removed meanwhile: there is nothing left to leave.
            Ok(()) | Err(Error::Forbidden(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Shows a changed profile in every room that the user is in.
pub async fn refresh_profile(chat: &Chat, user_id: &UserId) -> Result<()> {
    let rooms: Vec<_> = {
        let user = chat.hot_user(user_id.as_str()).await?;
        let inner = user.inner.lock();
        inner.rooms.iter().filter(|(_, tie)| tie.membership == "join").map(|(room, _)| room.clone()).collect()
    };
    for room_id in rooms {
        let Some(room) = chat.room(&room_id).await? else { continue };
        let current = room.state("m.room.member", user_id.as_str());
        let mut content = current.and_then(|event| content_as::<Map<String, Value>>(&event)).unwrap_or_default();
        for key in ["displayname", "avatar_url"] {
            content.remove(key);
        }
        content.extend(chat.member_content(user_id, "join").await?);
        let mut draft = Draft::state("m.room.member", user_id.as_str(), &content)?;
        draft.only_from = &["join"];
        match send::send(chat, &room_id, user_id, &draft).await {
            // Left meanwhile: nothing to show there.
            Ok(_) | Err(Error::Forbidden(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The content of a member event that a client wrote itself, held to what [`join`] and [`invite`] are: people of this
/// server only, and nobody names who vouches for them.
///
/// # Errors
/// M_BAD_JSON, M_NOT_FOUND, M_FORBIDDEN.
pub(crate) async fn checked(
    chat: &Chat,
    room_id: &str,
    sender: &UserId,
    state_key: &str,
    content: &RawValue,
) -> Result<Box<RawValue>> {
    let mut content = checked_content(chat, state_key, content).await?;
    if state_key == sender.as_str() && content.get("membership").and_then(Value::as_str) == Some("join") {
        let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
        if !room.is_joined(state_key) {
            check_room_count(chat, sender).await?;
            if let Some(voucher) = voucher(chat, &room, sender).await? {
                content.insert("join_authorised_via_users_server".into(), voucher.as_ref().into());
            }
        }
    }
    to_raw_value(&content).map_err(|e| bad_json(&e))
}

/// [`checked`], as far as it holds in a room that does not exist yet.
pub(crate) async fn checked_content(chat: &Chat, state_key: &str, content: &RawValue) -> Result<Map<String, Value>> {
    let mut content: Map<String, Value> = serde_json::from_str(content.get()).map_err(|e| bad_json(&e))?;
    let user_id = <&UserId>::try_from(state_key).map_err(|e| bad_json(&e))?;
    content.remove("join_authorised_via_users_server");
    if content.get("membership").and_then(Value::as_str) == Some("invite") {
        check_invited(chat, user_id).await?;
    }
    Ok(content)
}

fn bad_json(error: &dyn std::fmt::Display) -> Error {
    Error::matrix(400, "M_BAD_JSON", format!("The content is not valid: {error}."))
}

/// Refuses who is in as many rooms as one may be.
pub(crate) async fn check_room_count(chat: &Chat, user_id: &UserId) -> Result<()> {
    let message = "You are a member of too many rooms: leave one first.";
    check_count(chat, user_id, "join", message).await
}

/// Refuses to invite people that this server does not have, and who have as many invitations as one may be in rooms:
/// each costs their devices memory, and they did not ask for it.
pub(crate) async fn check_invited(chat: &Chat, user_id: &UserId) -> Result<()> {
    check_local(chat, user_id).await?;
    check_count(chat, user_id, "invite", "This person has too many invitations already.").await
}

async fn check_count(chat: &Chat, user_id: &UserId, membership: &str, message: &str) -> Result<()> {
    let shard = chat.user_shard(user_id.as_str());
    let count = user_rooms::count(&chat.db, shard, user_id.as_str(), membership).await?;
    if count as usize >= chat.config.limits.rooms_per_user { Err(Error::forbidden(message)) } else { Ok(()) }
}

async fn set(
    chat: &Chat,
    room_id: &str,
    sender: &UserId,
    user_id: &UserId,
    content: &Map<String, Value>,
) -> Result<()> {
    let draft = Draft::state("m.room.member", user_id.as_str(), content)?;
    send::send(chat, room_id, sender, &draft).await?;
    Ok(())
}

fn add_reason(content: &mut Map<String, Value>, reason: Option<String>) {
    if let Some(reason) = reason {
        content.insert("reason".into(), reason.into());
    }
}

/// Refuses people that this server does not have: there is no federation.
async fn check_local(chat: &Chat, user_id: &UserId) -> Result<()> {
    let local = user_id.server_name() == chat.server_name;
    if local && store::profiles::names(&chat.db, user_id.as_str()).await?.is_some() {
        Ok(())
    } else {
        Err(Error::not_found(format!("There is nobody called {user_id} on this server.")))
    }
}

/// In a room that members of certain other rooms may join: who vouches for the user, if the user is in one of those.
async fn voucher(chat: &Chat, room: &Room, user_id: &UserId) -> Result<Option<Arc<str>>> {
    #[derive(serde::Deserialize)]
    struct JoinRules {
        join_rule: String,
        #[serde(default)]
        allow: Vec<Allow>,
    }
    #[derive(serde::Deserialize)]
    struct Allow {
        room_id: Option<String>,
    }
    let Some(rules) = room.state("m.room.join_rules", "") else { return Ok(None) };
    let Some(rules) = content_as::<JoinRules>(&rules) else { return Ok(None) };
    let restricted = matches!(rules.join_rule.as_str(), "restricted" | "knock_restricted");
    if !restricted || room.membership(user_id.as_str()) == Some("invite") {
        return Ok(None);
    }
    for allowed in rules.allow.iter().filter_map(|allow| allow.room_id.as_deref()).take(50) {
        let Some(other) = chat.room(allowed).await? else { continue };
        if other.is_joined(user_id.as_str()) {
            return Ok(someone_who_may_invite(room));
        }
    }
    Ok(None)
}

fn someone_who_may_invite(room: &Room) -> Option<Arc<str>> {
    let inner = room.inner.read();
    let needed = inner.power_levels.0.invite;
    let members = inner.members().filter(|(_, event)| super::room::membership_of(event) == "join");
    let mut able = members.filter(|(user, _)| {
        <&UserId>::try_from(user.as_ref())
            .is_ok_and(|user| inner.power_levels.0.for_user(user) >= UserPowerLevel::Int(needed))
    });
    able.next().map(|(user, _)| user.clone())
}
