//! What a message says of others: whom it mentions, and whether it raises their unread counts.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use ruma::UserId;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::log::Event;

use crate::rooms::room::Inner;

/// People that one message can mention.
const MAX_MENTIONS: usize = 100;

#[derive(Deserialize, Default)]
struct Content<'a> {
    #[serde(rename = "m.mentions", default)]
    mentions: Option<Mentions>,
    #[serde(rename = "m.relates_to", default, borrow)]
    relates_to: Option<Relation<'a>>,
    #[serde(default, borrow)]
    msgtype: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
struct Mentions {
    #[serde(default)]
    user_ids: Vec<Arc<str>>,
    #[serde(default)]
    room: bool,
}

#[derive(Deserialize)]
struct Relation<'a> {
    #[serde(default, borrow)]
    rel_type: Option<Cow<'a, str>>,
}

/// Whether an event of this type and content raises unread counts: the default push rules for messages, without the
/// notices and edits that they leave out.
pub(crate) fn notifies(kind: &str, content: &RawValue) -> bool {
    if !matches!(kind, "m.room.message" | "m.room.encrypted") {
        return false;
    }
    let content = serde_json::from_str::<Content<'_>>(content.get()).unwrap_or_default();
    let edit = content.relates_to.is_some_and(|relation| relation.rel_type.as_deref() == Some("m.replace"));
    !edit && content.msgtype.as_deref() != Some("m.notice")
}

/// Which members content mentions (`m.mentions`), the sender aside; `@room` for everyone, if the sender has the power to.
pub(crate) fn mentions(sender: &str, content: &RawValue, room: &Inner) -> Vec<Arc<str>> {
    if !content.get().contains("m.mentions") {
        return Vec::new();
    }
    let content = serde_json::from_str::<Content<'_>>(content.get()).unwrap_or_default();
    let mentions = content.mentions.unwrap_or_default();
    // Nobody else has a count that a mention could raise, and names that nobody has would be kept for ever.
    let counts = |user: &Arc<str>| user.as_ref() != sender && room.membership(user) == Some("join");
    let users: BTreeSet<_> = mentions.user_ids.into_iter().filter(counts).collect();
    let may_call_all = || <&UserId>::try_from(sender).is_ok_and(|sender| room.power_levels.may_notify_room(sender));
    let everyone = mentions.room && may_call_all();
    users.into_iter().take(MAX_MENTIONS).chain(everyone.then(|| "@room".into())).collect()
}

/// [`mentions`] of a stored event.
pub(crate) fn mentioned(event: &Event, room: &Inner) -> Vec<Arc<str>> {
    if event.state_key.is_some() || !event.json.get().contains("m.mentions") {
        return Vec::new();
    }
    let content = crate::rooms::room::content_as::<&RawValue>(event);
    content.map(|content| mentions(&event.sender, content, room)).unwrap_or_default()
}
