//! May this event be sent? Decided on the room's current state by the specification's authorization rules.
//!
//! State events go through ruma's implementation. Messages, which are nearly all of the traffic, need two of its rules
//! only (the sender is joined and has the power), answered from the power levels that the room keeps parsed.

use std::sync::Arc;

use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId,
    events::{
        MessageLikeEventType, StateEventType, TimelineEventType,
        room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource},
    },
    room_version_rules::RoomVersionRules,
    state_res,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::log::{Event, Guard};

use super::room::{Inner, StateMap, content_as};
use crate::{Error, Result};

/// The room's power levels, parsed.
pub(crate) struct PowerLevels(pub(crate) RoomPowerLevels);

impl PowerLevels {
    pub(crate) fn none(rules: &RoomVersionRules) -> Self {
        Self(RoomPowerLevels::new(RoomPowerLevelsSource::None, &rules.authorization, []))
    }

    /// Whether the user's power suffices for messages of this type.
    pub(crate) fn may_send(&self, user_id: &UserId, kind: &str) -> bool {
        self.0.user_can_send_message(user_id, MessageLikeEventType::from(kind))
    }

    /// Whether the user's power suffices to call everyone in the room (`@room`).
    pub(crate) fn may_notify_room(&self, user_id: &UserId) -> bool {
        self.0.user_can_trigger_room_notification(user_id)
    }
}

/// Reads the power levels from the state.
pub(crate) fn power_levels(state: &StateMap, rules: &RoomVersionRules) -> PowerLevels {
    let get = |kind: &str| state.get(kind).and_then(|events| events.get(""));
    let creators = get("m.room.create").map(|create| creators(create, rules)).unwrap_or_default();
    let source = get("m.room.power_levels")
        .and_then(|event| content_as::<RoomPowerLevelsEventContent>(event))
        .map_or(RoomPowerLevelsSource::None, RoomPowerLevelsSource::Original);
    PowerLevels(RoomPowerLevels::new(source, &rules.authorization, creators))
}

fn creators(create: &Event, rules: &RoomVersionRules) -> Vec<OwnedUserId> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        additional_creators: Vec<OwnedUserId>,
    }
    let mut creators: Vec<_> = OwnedUserId::try_from(create.sender.as_ref()).ok().into_iter().collect();
    if rules.authorization.additional_room_creators {
        creators.extend(content_as::<Content>(create).map(|content| content.additional_creators).unwrap_or_default());
    }
    creators
}

/// May the user send a message of this type? Returns what the answer rests on.
pub(crate) fn check_message(inner: &Inner, sender: &UserId, kind: &str) -> Result<Vec<Guard>> {
    if inner.membership(sender.as_str()) != Some("join") {
        return Err(Error::forbidden("You are not a member of this room."));
    }
    if !inner.power_levels.may_send(sender, kind) {
        return Err(Error::forbidden("You do not have permission to send this in this room."));
    }
    Ok(vec![guard(inner, "m.room.member", sender.as_str()), guard(inner, "m.room.power_levels", "")])
}

/// An event that is about to be sent.
pub(crate) struct Proposed<'a> {
    pub(crate) sender: &'a UserId,
    pub(crate) kind: &'a str,
    pub(crate) state_key: Option<&'a str>,
    pub(crate) content: &'a RawValue,
}

/// May this state event be sent? Returns what the answer rests on, the state it replaces included.
pub(crate) fn check_state(
    inner: &Inner,
    room_id: &str,
    rules: &RoomVersionRules,
    proposed: &Proposed<'_>,
) -> Result<Vec<Guard>> {
    let mut event = AuthEvent::proposed(room_id, proposed)?;
    // A rule asks whether the create event is the only one before: nothing else asks for the events before.
    event.previous = inner.ring.back().and_then(|event| OwnedEventId::try_from(event.event_id.as_ref()).ok());
    let needed = state_res::auth_types_for_event(
        &event.kind,
        proposed.sender,
        proposed.state_key,
        proposed.content,
        &rules.authorization,
    )
    .map_err(|reason| Error::matrix(400, "M_BAD_JSON", format!("The content is not valid: {reason}.")))?;
    let fetch = |kind: &StateEventType, state_key: &str| {
        inner.get(&kind.to_string(), state_key).and_then(|event| AuthEvent::stored(event))
    };
    state_res::check_state_dependent_auth_rules(&rules.authorization, &event, fetch)
        .map_err(|reason| Error::forbidden(format!("Not allowed: {reason}.")))?;
    let mut guards: Vec<_> =
        needed.iter().map(|(kind, state_key)| guard(inner, &kind.to_string(), state_key)).collect();
    if let Some(state_key) = proposed.state_key {
        let replaced = guard(inner, proposed.kind, state_key);
        if !guards.contains(&replaced) {
            guards.push(replaced);
        }
    }
    Ok(guards)
}

fn guard(inner: &Inner, kind: &str, state_key: &str) -> Guard {
    let seq = inner.get(kind, state_key).map_or(0, |event| event.seq);
    Guard { kind: kind.into(), state_key: state_key.into(), seq }
}

/// An event in the shape that ruma's rules look at.
struct AuthEvent {
    id: OwnedEventId,
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    kind: TimelineEventType,
    state_key: Option<Arc<str>>,
    content: Box<RawValue>,
    previous: Option<OwnedEventId>,
}

impl AuthEvent {
    fn proposed(room_id: &str, proposed: &Proposed<'_>) -> Result<Self> {
        let room_id = RoomId::parse(room_id).map_err(|_| Error::invalid("That is not a room id."))?;
        Ok(Self {
            id: EventId::parse("$proposed").map_err(|_| Error::invalid("That is not an event id."))?,
            room_id,
            sender: proposed.sender.to_owned(),
            kind: proposed.kind.into(),
            state_key: proposed.state_key.map(Into::into),
            content: proposed.content.to_owned(),
            previous: None,
        })
    }

    fn stored(event: &Event) -> Option<Self> {
        Some(Self {
            id: OwnedEventId::try_from(event.event_id.as_ref()).ok()?,
            room_id: OwnedRoomId::try_from(event.room_id.as_ref()).ok()?,
            sender: OwnedUserId::try_from(event.sender.as_ref()).ok()?,
            kind: event.kind.as_ref().into(),
            state_key: event.state_key.clone(),
            content: content_as::<Box<RawValue>>(event)?,
            previous: None,
        })
    }
}

impl state_res::Event for AuthEvent {
    type Id = OwnedEventId;

    fn event_id(&self) -> &Self::Id {
        &self.id
    }
    fn room_id(&self) -> Option<&RoomId> {
        // From room version 12 on, the create event carries none: the room's id is its hash.
        (self.kind != TimelineEventType::RoomCreate).then_some(&self.room_id)
    }
    fn sender(&self) -> &UserId {
        &self.sender
    }
    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(ruma::uint!(0))
    }
    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }
    fn content(&self) -> &RawValue {
        &self.content
    }
    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }
    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        Box::new(self.previous.iter())
    }
    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        Box::new(std::iter::empty())
    }
    fn redacts(&self) -> Option<&Self::Id> {
        None
    }
    fn rejected(&self) -> bool {
        false
    }
}
