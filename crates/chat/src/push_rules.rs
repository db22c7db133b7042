//! What a user wants to be notified of: the server's default rules, and the user's changes to them.
//!
//! Client-Server API, "Push rules". They are kept as account data of the type `m.push_rules`, so that clients hear of
//! changes by sync.

use std::{collections::HashMap, future::ready, sync::Arc};

pub use ruma::push::Action;
use ruma::{
    RoomId, UserId,
    push::{
        InsertPushRuleError, NewConditionalPushRule, NewPatternedPushRule, NewPushRule, NewSimplePushRule,
        PushCondition, RemovePushRuleError, RuleKind, Ruleset,
    },
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{Chat, Error, Result, account_data};

/// The account data that the rules are kept as.
pub(crate) const TYPE: &str = "m.push_rules";
/// The longest id of a rule, bytes.
const MAX_ID_BYTES: usize = 255;
const KINDS: [&str; 5] = ["override", "content", "room", "sender", "underride"];

/// A rule as a client sets it: which fields count depends on its kind.
#[derive(Debug, Deserialize)]
pub struct NewRule {
    /// What to do.
    pub actions: Vec<Action>,
    /// When to do it (`override`, `underride`).
    #[serde(default)]
    pub conditions: Vec<PushCondition>,
    /// Which words the message has to have (`content`).
    pub pattern: Option<String>,
}

/// Where a rule is put among the user's rules of its kind: next to the named ones.
#[derive(Debug, Default, Deserialize)]
pub struct Position {
    /// Right above this one.
    pub before: Option<String>,
    /// Right below this one.
    pub after: Option<String>,
}

/// Names a rule.
#[derive(Debug, Clone, Deserialize)]
pub struct RuleName {
    /// `override`, `content`, `room`, `sender` or `underride`.
    pub kind: String,
    /// Its id.
    pub rule_id: String,
}

/// How a user has silenced a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Only mentions count.
    MentionsOnly,
    /// Nothing counts.
    Muted,
}

/// The rooms that stored push rules silence: by a `room` rule, or by an `override` rule for the room, without `notify`.
pub(crate) fn quiet_rooms(stored: &str) -> HashMap<Arc<str>, Quiet> {
    #[derive(Deserialize)]
    struct Stored {
        global: Rules,
    }
    #[derive(Deserialize)]
    struct Rules {
        #[serde(default, rename = "override")]
        overrides: Vec<Rule>,
        #[serde(default)]
        room: Vec<Rule>,
    }
    #[derive(Deserialize)]
    struct Rule {
        rule_id: String,
        #[serde(default)]
        enabled: bool,
        #[serde(default)]
        actions: Vec<Value>,
        #[serde(default)]
        conditions: Vec<Value>,
    }
    let Ok(Stored { global }) = serde_json::from_str::<Stored>(stored) else { return HashMap::new() };
    let silent = |rule: &&Rule| rule.enabled && !rule.actions.iter().any(|action| action == "notify");
    // Conditions beside the room's make a rule about certain messages, not about the room.
    let room_of = |rule: &Rule| match rule.conditions.as_slice() {
        [only] if only["kind"] == "event_match" && only["key"] == "room_id" => only["pattern"].as_str().map(Arc::from),
        _ => None,
    };
    let rooms = global.room.iter().filter(silent).map(|rule| (rule.rule_id.as_str().into(), Quiet::MentionsOnly));
    let muted = global.overrides.iter().filter(silent).filter_map(room_of).map(|room| (room, Quiet::Muted));
    rooms.chain(muted).collect()
}

/// The user's rules, with the server's defaults of today.
pub async fn load(chat: &Chat, user_id: &UserId) -> Result<Ruleset> {
    Ok(read(user_id, account_data::get(chat, user_id.as_str(), "", TYPE).await?.as_deref()))
}

fn read(user_id: &UserId, stored: Option<&RawValue>) -> Ruleset {
    #[derive(Deserialize)]
    struct Stored {
        global: Ruleset,
    }
    let defaults = Ruleset::server_default(user_id);
    match stored.and_then(|json| serde_json::from_str::<Stored>(json.get()).ok()) {
        None => defaults,
        Some(Stored { mut global }) => {
            global.update_with_server_default(defaults);
            global
        }
    }
}

/// The user's rules as clients read them: a list for each kind.
pub async fn all(chat: &Chat, user_id: &UserId) -> Result<Value> {
    json(&load(chat, user_id).await?)
}

/// One rule.
///
/// # Errors
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub async fn get(chat: &Chat, user_id: &UserId, name: &RuleName) -> Result<Value> {
    kind(name)?;
    let mut rules = all(chat, user_id).await?;
    let list = rules[name.kind.as_str()].as_array_mut().map(std::mem::take).unwrap_or_default();
    list.into_iter().find(|rule| rule["rule_id"] == name.rule_id.as_str()).ok_or_else(missing)
}

/// Adds or replaces a rule of the user's.
///
/// # Errors
/// M_INVALID_PARAM for an unknown kind, an id that is not the user's to give, or a position next to a default rule;
/// M_MISSING_PARAM for a `content` rule without pattern; M_UNKNOWN for a position next to a rule that is not there.
pub async fn put(chat: &Chat, user_id: &UserId, name: RuleName, rule: NewRule, position: &Position) -> Result<()> {
    let rule = new_rule(name, rule)?;
    change(chat, user_id, |rules| {
        rules.insert(rule.clone(), position.after.as_deref(), position.before.as_deref()).map_err(|error| match error {
            InsertPushRuleError::UnknownRuleId => {
                Error::matrix(400, "M_UNKNOWN", "There is no rule before or after which it could be put.")
            }
            error => Error::invalid(format!("{error}.")),
        })
    })
    .await
}

/// Removes a rule of the user's.
///
/// # Errors
/// M_INVALID_PARAM for an unknown kind or a default rule, M_NOT_FOUND.
pub async fn delete(chat: &Chat, user_id: &UserId, name: &RuleName) -> Result<()> {
    let kind = kind(name)?;
    change(chat, user_id, |rules| {
        rules.remove(kind.clone(), &name.rule_id).map_err(|error| match error {
            RemovePushRuleError::NotFound => missing(),
            _ => Error::invalid("Default rules can be switched off, not removed."),
        })
    })
    .await
}

/// Switches a rule on or off.
///
/// # Errors
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub async fn set_enabled(chat: &Chat, user_id: &UserId, name: &RuleName, enabled: bool) -> Result<()> {
    let kind = kind(name)?;
    change(chat, user_id, |rules| rules.set_enabled(kind.clone(), &name.rule_id, enabled).map_err(|_| missing())).await
}

/// Sets what a rule does.
///
/// # Errors
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub async fn set_actions(chat: &Chat, user_id: &UserId, name: &RuleName, actions: Vec<Action>) -> Result<()> {
    let kind = kind(name)?;
    change(chat, user_id, |rules| {
        rules.set_actions(kind.clone(), &name.rule_id, actions.clone()).map_err(|_| missing())
    })
    .await
}

async fn change(chat: &Chat, user_id: &UserId, change: impl Fn(&mut Ruleset) -> Result<()>) -> Result<()> {
    chat.rate_limits.check_message(user_id)?;
    let change = |stored: Option<Arc<RawValue>>| {
        let mut rules = read(user_id, stored.as_deref());
        ready(change(&mut rules).and_then(|()| Ok(Some(json!({ "global": json(&rules)? })))))
    };
    account_data::modify(chat, user_id.as_str(), "", TYPE, change).await
}

/// All five lists, also the empty ones, which some clients do not expect to be missing.
fn json(rules: &Ruleset) -> Result<Value> {
    let error = |error: serde_json::Error| Error::Store(store::Error::Database(error.to_string().into()));
    let mut json = serde_json::to_value(rules).map_err(error)?;
    if let Some(lists) = json.as_object_mut() {
        for kind in KINDS {
            lists.entry(kind).or_insert_with(|| json!([]));
        }
    }
    Ok(json)
}

fn kind(name: &RuleName) -> Result<RuleKind> {
    if KINDS.contains(&name.kind.as_str()) {
        Ok(RuleKind::from(name.kind.as_str()))
    } else {
        Err(Error::invalid("There is no such kind of rules."))
    }
}

fn new_rule(name: RuleName, rule: NewRule) -> Result<NewPushRule> {
    let kind = kind(&name)?;
    let RuleName { rule_id, .. } = name;
    let NewRule { actions, conditions, pattern } = rule;
    if rule_id.len() > MAX_ID_BYTES {
        return Err(Error::invalid("The rule's id is too long."));
    }
    Ok(match kind {
        RuleKind::Override => NewPushRule::Override(NewConditionalPushRule::new(rule_id, conditions, actions)),
        RuleKind::Underride => NewPushRule::Underride(NewConditionalPushRule::new(rule_id, conditions, actions)),
        RuleKind::Content => {
            let missing = || Error::matrix(400, "M_MISSING_PARAM", "The rule has no pattern.");
            NewPushRule::Content(NewPatternedPushRule::new(rule_id, pattern.ok_or_else(missing)?, actions))
        }
        RuleKind::Room => {
            let room_id = RoomId::parse(rule_id).map_err(|_| Error::invalid("The rule's id is not a room's."))?;
            NewPushRule::Room(NewSimplePushRule::new(room_id, actions))
        }
        _ => {
            let user_id = UserId::parse(rule_id).map_err(|_| Error::invalid("The rule's id is not a user's."))?;
            NewPushRule::Sender(NewSimplePushRule::new(user_id, actions))
        }
    })
}

fn missing() -> Error {
    Error::not_found("There is no such push rule.")
}

#[cfg(test)]
mod quiet_tests {
    use super::*;

    #[test]
    fn a_room_is_silenced_by_a_rule_without_notify() {
        let stored = json!({ "global": {
            "room": [
                { "rule_id": "!tea:x", "enabled": true, "actions": [] },
                { "rule_id": "!loud:x", "enabled": true, "actions": ["notify"] },
                { "rule_id": "!off:x", "enabled": false, "actions": [] },
            ],
            "override": [{ "rule_id": "mine", "enabled": true, "actions": ["dont_notify"], "conditions": [
                { "kind": "event_match", "key": "room_id", "pattern": "!mute:x" }] }],
        } });
        let quiet = quiet_rooms(&stored.to_string());
        assert_eq!(quiet.len(), 2);
        assert_eq!(quiet.get("!tea:x"), Some(&Quiet::MentionsOnly));
        assert_eq!(quiet.get("!mute:x"), Some(&Quiet::Muted));
    }
}
