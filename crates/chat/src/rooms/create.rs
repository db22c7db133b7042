//! Creating a room: all of its first events in one commit, each checked against the ones before it.

use std::sync::Arc;

use ruma::{OwnedUserId, RoomVersionId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use store::{
    directory,
    log::{Commit, Event, RoomPart},
};

use super::{
    auth_rules::{self, Proposed},
    membership,
    room::Room,
    send::{Draft, build, check, named_aliases, project},
};
use crate::{Chat, Error, Result, sessions::Session};

/// People that can be invited at creation.
const MAX_INVITES: usize = 200;
/// State events that can be given at creation.
const MAX_INITIAL_STATE: usize = 200;
/// The version of rooms whose creator does not ask for one.
pub const DEFAULT_VERSION: RoomVersionId = RoomVersionId::V12;
/// The versions that can be asked for.
pub const VERSIONS: [RoomVersionId; 3] = [RoomVersionId::V10, RoomVersionId::V11, RoomVersionId::V12];

/// A bundle of settings. Client-Server API, "POST createRoom".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// By invitation, history shared with members.
    PrivateChat,
    /// The same, and everyone invited has all the power.
    TrustedPrivateChat,
    /// Anyone may join.
    PublicChat,
}

/// Whether the room stands in the public list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// It does.
    Public,
    /// It does not.
    #[default]
    Private,
}

/// A state event given at creation.
#[derive(Debug, Deserialize)]
pub struct InitialState {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state key.
    #[serde(default)]
    pub state_key: String,
    /// Its content.
    pub content: Box<RawValue>,
}

/// What to create. Client-Server API, "POST createRoom".
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are the specification's")]
pub struct NewRoom {
    pub visibility: Visibility,
    pub room_alias_name: Option<String>,
    pub name: Option<String>,
    pub topic: Option<String>,
    pub invite: Vec<OwnedUserId>,
    pub invite_3pid: Vec<Value>,
    pub room_version: Option<String>,
    pub creation_content: Map<String, Value>,
    pub initial_state: Vec<InitialState>,
    pub preset: Option<Preset>,
    pub is_direct: bool,
    pub power_level_content_override: Map<String, Value>,
}

/// Creates the room and returns its id.
///
/// # Errors
/// M_UNSUPPORTED_ROOM_VERSION, M_ROOM_IN_USE (the alias is taken), M_INVALID_PARAM, M_INVALID_ROOM_STATE (the given
/// state makes no room in which its creator could act, or is not allowed), M_BAD_JSON, M_NOT_FOUND (nobody of an invited
/// name), M_FORBIDDEN (somebody is in too many rooms).
pub async fn create(chat: &Chat, session: &Session, new: NewRoom) -> Result<Arc<str>> {
    let version = version(&new)?;
    if new.invite.len() > MAX_INVITES || new.initial_state.len() > MAX_INITIAL_STATE {
        return Err(Error::invalid("Too many invitations or state events at once: add the rest later."));
    }
    if !new.invite_3pid.is_empty() {
        return Err(Error::invalid("Invitations by e-mail are not possible on this server."));
    }
    membership::check_room_count(chat, &session.user_id).await?;
    for user in &new.invite {
        membership::check_invited(chat, user).await?;
    }
    let alias = new.room_alias_name.as_deref().map(|name| super::directory::alias_of(chat, name)).transpose()?;
    let rules = version.rules().ok_or_else(|| unsupported(version.as_str()))?;
    let id = chat.env.ordered_id();
    let by_hash = rules.authorization.room_create_event_id_as_room_id;
    let room_id: Arc<str> = if by_hash { format!("!{id}") } else { format!("!{id}:{}", chat.server_name) }.into();
    let room = Room::new(room_id.clone(), (chat.room_shard(&room_id), 0), version.clone(), rules);
    let drafts = drafts(chat, &session.user_id, &version, &room, &new, alias.as_deref()).await?;
    let mut commit = stage(chat, &room, &session.user_id, drafts, by_hash.then(|| format!("${id}")))?;
    if let Some(part) = &mut commit.room {
        part.create = Some((version.to_string(), session.user_id.to_string()));
    }
    let alias_write = commit.writes.len();
    if let Some(alias) = &alias {
        commit.writes.push(directory::put_alias(alias, &room_id, session.user_id.as_str(), commit.ts));
    }
    if new.visibility == Visibility::Public {
        commit.writes.push(directory::publish(&room_id, commit.ts));
    }
    match chat.commit(commit).await {
        Ok(_) => Ok(room_id),
        Err(store::Error::Expectation(index)) if index == alias_write => {
            Err(Error::matrix(400, "M_ROOM_IN_USE", "This address is taken: choose another one."))
        }
        Err(error) => Err(error.into()),
    }
}

fn unsupported(version: &str) -> Error {
    Error::matrix(400, "M_UNSUPPORTED_ROOM_VERSION", format!("Room version {version} is not supported here."))
}

fn version(new: &NewRoom) -> Result<RoomVersionId> {
    let Some(asked) = &new.room_version else { return Ok(DEFAULT_VERSION) };
    let version = RoomVersionId::try_from(asked.as_str()).map_err(|_| unsupported(asked))?;
    if VERSIONS.contains(&version) { Ok(version) } else { Err(unsupported(asked)) }
}

/// The room's first events, in the order of the specification.
async fn drafts(
    chat: &Chat,
    creator: &UserId,
    version: &RoomVersionId,
    room: &Room,
    new: &NewRoom,
    alias: Option<&str>,
) -> Result<Vec<Draft>> {
    let rules = &room.rules.authorization;
    let preset = new.preset.unwrap_or(match new.visibility {
        Visibility::Public => Preset::PublicChat,
        Visibility::Private => Preset::PrivateChat,
    });
    let trusted: &[OwnedUserId] = if preset == Preset::TrustedPrivateChat { &new.invite } else { &[] };
    let mut create = new.creation_content.clone();
    create.insert("room_version".into(), version.as_str().into());
    if !rules.use_room_create_sender {
        create.insert("creator".into(), creator.as_str().into());
    }
    if rules.additional_room_creators && !trusted.is_empty() {
        let given = create.get("additional_creators").and_then(Value::as_array).cloned().unwrap_or_default();
        let all = given.into_iter().chain(trusted.iter().map(|user| json!(user)));
        create.insert("additional_creators".into(), Value::Array(all.collect()));
    }
    let mut drafts = vec![
        Draft::state("m.room.create", "", &create)?,
        Draft::state("m.room.member", creator.as_str(), &chat.member_content(creator, "join").await?)?,
        Draft::state("m.room.power_levels", "", &power_levels(creator, room, new, trusted))?,
    ];
    if let Some(alias) = alias {
        drafts.push(Draft::state("m.room.canonical_alias", "", &json!({ "alias": alias }))?);
    }
    let (join_rule, guests) = match preset {
        Preset::PublicChat => ("public", "forbidden"),
        Preset::PrivateChat | Preset::TrustedPrivateChat => ("invite", "can_join"),
    };
    let given = |kind: &str| new.initial_state.iter().any(|state| state.kind == kind && state.state_key.is_empty());
    for (kind, content) in [
        ("m.room.join_rules", json!({ "join_rule": join_rule })),
        ("m.room.history_visibility", json!({ "history_visibility": "shared" })),
        ("m.room.guest_access", json!({ "guest_access": guests })),
    ] {
        if !given(kind) {
            drafts.push(Draft::state(kind, "", &content)?);
        }
    }
    for state in &new.initial_state {
        drafts.push(given_state(chat, creator, state, alias).await?);
    }
    if let Some(name) = &new.name {
        drafts.push(Draft::state("m.room.name", "", &json!({ "name": name }))?);
    }
    if let Some(topic) = &new.topic {
        drafts.push(Draft::state("m.room.topic", "", &json!({ "topic": topic }))?);
    }
    for user in &new.invite {
        if user == creator {
            continue;
        }
        let mut content = chat.member_content(user, "invite").await?;
        if new.is_direct {
            content.insert("is_direct".into(), true.into());
        }
        drafts.push(Draft::state("m.room.member", user.as_str(), &content)?);
    }
    Ok(drafts)
}

/// A state event that the creator wrote, held to what it would be held to in a room that exists.
async fn given_state(chat: &Chat, creator: &UserId, state: &InitialState, alias: Option<&str>) -> Result<Draft> {
    let refuse = |message: &str| Err(Error::matrix(400, "M_INVALID_ROOM_STATE", message));
    match state.kind.as_str() {
        "m.room.create" => return refuse("A room is created once: use creation_content."),
        "m.room.member" if state.state_key == creator.as_str() => return refuse("Who creates a room is in it."),
        "m.room.member" => {
            let content = membership::checked_content(chat, &state.state_key, &state.content).await?;
            return Draft::state(&state.kind, &state.state_key, &content);
        }
        "m.room.canonical_alias"
            if state.state_key.is_empty()
                && named_aliases(&state.content)?.iter().any(|named| Some(named.as_str()) != alias) =>
        {
            return refuse("The room has no address but the one that room_alias_name gives it.");
        }
        _ => {}
    }
    Draft::state(&state.kind, &state.state_key, &state.content)
}

fn power_levels(creator: &UserId, room: &Room, new: &NewRoom, trusted: &[OwnedUserId]) -> Value {
    let rules = &room.rules.authorization;
    let mut users = Map::new();
    // From version 12 on, creators stand above all levels and may not be listed.
    if !rules.explicitly_privilege_room_creators {
        users.insert(creator.to_string(), 100.into());
    }
    if !rules.additional_room_creators {
        users.extend(trusted.iter().map(|user| (user.to_string(), 100.into())));
    }
    let tombstone = if rules.explicitly_privilege_room_creators { 150 } else { 100 };
    let mut content = json!({
        "users": users, "users_default": 0, "events_default": 0, "state_default": 50,
        "ban": 50, "kick": 50, "redact": 50, "invite": 0,
        "events": {
            "m.room.name": 50, "m.room.avatar": 50, "m.room.canonical_alias": 50, "m.room.history_visibility": 100,
            "m.room.power_levels": 100, "m.room.encryption": 100, "m.room.server_acl": 100, "m.room.tombstone": tombstone,
        },
        "notifications": { "room": 50 },
    });
    if let Value::Object(content) = &mut content {
        content.extend(new.power_level_content_override.clone());
    }
    content
}

/// Builds the events one after the other on a room that exists only here, then the commit of all of them.
fn stage(
    chat: &Chat,
    room: &Room,
    creator: &UserId,
    drafts: Vec<Draft>,
    create_event_id: Option<String>,
) -> Result<Commit> {
    let mut commit = Commit { shard: room.shard, ts: chat.env.now(), ..Commit::default() };
    let mut events = Vec::with_capacity(drafts.len());
    for (n, draft) in drafts.iter().enumerate() {
        check(draft)?;
        let inner = room.inner.read();
        let proposed = Proposed {
            sender: creator,
            kind: &draft.kind,
            state_key: draft.state_key.as_deref(),
            content: &draft.content,
        };
        if n > 0 {
            auth_rules::check_state(&inner, &room.id, &room.rules, &proposed).map_err(|error| match error {
                Error::Forbidden(message) => Error::matrix(400, "M_INVALID_ROOM_STATE", message),
                other => other,
            })?;
        }
        let event = match (&create_event_id, n) {
            (Some(id), 0) => super::send::build_as(chat, &room.id, &inner, creator, draft, id)?,
            _ => build(chat, &room.id, &inner, creator, draft)?,
        };
        project(chat, room, &inner, &event, &draft.content, n, &mut commit);
        drop(inner);
        room.apply_event(&Arc::new(Event {
            room_id: room.id.clone(),
            seq: n as i64 + 1,
            pos: 0,
            event_id: event.event_id.clone(),
            kind: event.kind.clone(),
            state_key: event.state_key.clone(),
            sender: event.sender.clone(),
            txn: None,
            count: 0,
            ts: event.ts,
            json: event.json.clone(),
        }));
        events.push(event);
    }
    commit.room = Some(RoomPart { room_id: room.id.clone(), events, ..RoomPart::default() });
    Ok(commit)
}
