//! What filters let through, and which are refused.

use serde_json::json;
use store::Db;

use super::*;
use crate::{Env, Parts};

fn filter(json: Value) -> Filter {
    Filter::parse(&json.to_string()).unwrap()
}

fn events(json: Value) -> EventFilter {
    serde_json::from_value(json).unwrap()
}

async fn chat(dir: &std::path::Path) -> Arc<Chat> {
    let db = Db::open_sqlite(dir).unwrap();
    Chat::open(Parts::for_tests(db, Env::system())).await.unwrap()
}

fn content(json: Value) -> Map<String, Value> {
    json.as_object().unwrap().clone()
}

#[test]
fn a_star_stands_for_any_characters() {
    for (pattern, text, matches) in [
        ("m.room.message", "m.room.message", true),
        ("m.room.message", "m.room.messages", false),
        ("*", "", true),
        ("*", "anything", true),
        ("m.room.*", "m.room.member", true),
        ("m.room.*", "m.reaction", false),
        ("*.message", "m.room.message", true),
        ("m.*.message", "m.room.message", true),
        ("m.*.message", "m.message", false),
        ("a*a", "a", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("**", "x", true),
        ("m.é*", "m.élan", true),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(wildcard(pattern, text), matches, "{pattern:?} on {text:?}");
    }
}

#[test]
fn a_hostile_pattern_is_not_slow() {
    let pattern = "*a".repeat(2000) + "b";
    let started = std::time::Instant::now();
    assert!(!wildcard(&pattern, &"a".repeat(60_000)));
    assert!(started.elapsed().as_millis() < 500);
}

#[test]
fn an_empty_filter_admits_everything_but_left_rooms() {
    let filter = filter(json!({}));
    assert_eq!(filter, Filter::default());
    assert!(filter.presence.admits("m.presence", Some("@a:b")));
    assert!(filter.room.timeline.admits("m.room.message", Some("@a:b"), || unreachable!()));
    assert!(filter.room.timeline.admits_all() && filter.room.admits_room("!r:b"));
    assert!(!filter.room.include_leave);
}

#[test]
fn what_is_excluded_stays_out_even_if_it_is_included() {
    let filter = events(json!({ "types": ["m.*"], "not_types": ["m.room.*"], "senders": ["@a:b", "@c:d"],
        "not_senders": ["@c:d"] }));
    assert!(filter.admits("m.reaction", Some("@a:b")));
    assert!(!filter.admits("m.room.message", Some("@a:b")), "type excluded");
    assert!(!filter.admits("m.reaction", Some("@c:d")), "sender excluded");
    assert!(!filter.admits("org.x", Some("@a:b")), "type not included");
    assert!(!filter.admits("m.reaction", Some("@e:f")), "sender not included");
    assert!(!filter.admits("m.reaction", None), "no sender, but some are asked for");
    assert!(!filter.admits_all());
}

#[test]
fn an_empty_list_includes_nothing_and_excludes_nothing() {
    assert!(!events(json!({ "types": [] })).admits("m.reaction", None));
    assert!(!events(json!({ "senders": [] })).admits("m.reaction", Some("@a:b")));
    let excludes_nothing = events(json!({ "not_types": [], "not_senders": [] }));
    assert!(excludes_nothing.admits("m.reaction", Some("@a:b")) && excludes_nothing.admits_all());
}

#[test]
fn rooms_are_chosen_for_all_parts_and_for_each() {
    let filter = filter(json!({ "room": { "not_rooms": ["!no:b"], "include_leave": true,
        "timeline": { "rooms": ["!a:b"] }, "ephemeral": { "not_rooms": ["!a:b"] } } }));
    assert!(filter.room.admits_room("!a:b") && !filter.room.admits_room("!no:b"));
    assert!(filter.room.timeline.admits_room("!a:b") && !filter.room.timeline.admits_room("!c:b"));
    assert!(!filter.room.ephemeral.admits_room("!a:b") && filter.room.ephemeral.admits_room("!c:b"));
    assert!(filter.room.include_leave);
}

#[test]
fn contains_url_asks_for_events_with_or_without_one() {
    let with = RoomEventFilter::parse(r#"{"contains_url":true}"#).unwrap();
    let without = RoomEventFilter::parse(r#"{"contains_url":false}"#).unwrap();
    assert!(with.admits("m.room.message", None, || true) && !with.admits("m.room.message", None, || false));
    assert!(without.admits("m.room.message", None, || false) && !without.admits("m.room.message", None, || true));
    assert!(!with.admits_all() && !without.admits_all());
}

#[test]
fn a_limit_has_a_default_and_a_maximum() {
    let limit = |json| events(json).limit(10, 1000);
    assert_eq!(limit(json!({})), 10);
    assert_eq!(limit(json!({ "limit": 0 })), 0);
    assert_eq!(limit(json!({ "limit": 20 })), 20);
    assert_eq!(limit(json!({ "limit": u64::MAX })), 1000);
}

#[test]
fn flags_of_room_events_are_read_beside_those_of_events() {
    let filter = filter(json!({ "room": { "state": { "lazy_load_members": true, "include_redundant_members": true },
        "timeline": { "limit": 5, "unread_thread_notifications": true, "types": ["a"] } },
        "event_format": "federation" }));
    assert!(filter.room.state.lazy_load_members && filter.room.state.include_redundant_members);
    assert!(filter.room.timeline.unread_thread_notifications);
    assert_eq!(filter.room.timeline.event.limit, Some(5));
    assert_eq!(filter.room.timeline.event.types.as_deref(), Some(&["a".to_owned()][..]));
    assert_eq!(filter.event_format, EventFormat::Federation);
}

#[test]
fn what_is_no_filter_is_refused() {
    for (json, errcode) in [
        (json!([]), "M_BAD_JSON"),
        (json!({ "room": [] }), "M_BAD_JSON"),
        (json!({ "presence": [] }), "M_BAD_JSON"),
        (json!({ "room": "x" }), "M_BAD_JSON"),
        (json!({ "room": { "timeline": [] } }), "M_BAD_JSON"),
        (json!({ "room": { "timeline": { "limit": -1 } } }), "M_BAD_JSON"),
        (json!({ "room": { "timeline": { "limit": "7" } } }), "M_BAD_JSON"),
        (json!({ "room": { "timeline": { "senders": ["nobody"] } } }), "M_BAD_JSON"),
        (json!({ "room": { "timeline": { "rooms": ["nowhere"] } } }), "M_BAD_JSON"),
        (json!({ "room": { "not_rooms": ["@a:b"] } }), "M_BAD_JSON"),
        (json!({ "presence": { "not_senders": "@a:b" } }), "M_BAD_JSON"),
        (json!({ "presence": { "types": [1] } }), "M_BAD_JSON"),
        (json!({ "event_format": "xml" }), "M_BAD_JSON"),
        (json!({ "event_fields": "type" }), "M_BAD_JSON"),
        (json!({ "event_fields": ["x".repeat(MAX_BYTES)] }), "M_TOO_LARGE"),
    ] {
        let refused = Filter::parse(&json.to_string()).unwrap_err();
        assert!(matches!(refused, Error::Matrix { errcode: code, .. } if code == errcode), "{json}: {refused:?}");
    }
    for json in ["{", "{} {}", ""] {
        assert!(matches!(Filter::parse(json).unwrap_err(), Error::Matrix { errcode: "M_NOT_JSON", .. }), "{json}");
    }
}

#[test]
fn event_fields_keep_what_they_name() {
    let filter =
        filter(json!({ "event_fields": ["type", "content.body", "content.m\\.relates_to.rel", "gone", "type.x"] }));
    let event = json!({ "type": "m", "sender": "@a:b",
        "content": { "body": "hi", "url": "x", "m.relates_to": { "rel": 1, "other": 2 } } });
    let kept = json!({ "type": "m", "content": { "body": "hi", "m.relates_to": { "rel": 1 } } });
    assert_eq!(filter.select_fields(event.clone()), kept);
    assert_eq!(Filter::default().select_fields(event.clone()), event);
}

#[tokio::test]
async fn the_same_content_gets_the_same_id_and_another_user_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let chat = chat(dir.path()).await;
    let one = json!({ "room": { "timeline": { "limit": 3 } }, "presence": { "types": [] } });
    let id = define(&chat, "@a:example.org", content(one.clone())).await.unwrap();
    assert_eq!(define(&chat, "@a:example.org", content(one.clone())).await.unwrap(), id);
    assert_ne!(define(&chat, "@a:example.org", content(json!({}))).await.unwrap(), id);

    let stored = get(&chat, "@a:example.org", &id).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), one);
    assert!(matches!(get(&chat, "@b:example.org", &id).await, Err(Error::NotFound(_))));
    assert!(matches!(load(&chat, "@b:example.org", &id).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_loaded_filter_is_read_from_the_store_once() {
    let dir = tempfile::tempdir().unwrap();
    let chat = chat(dir.path()).await;
    let id = define(&chat, "@a:example.org", content(json!({ "room": { "include_leave": true } }))).await.unwrap();
    let first = load(&chat, "@a:example.org", &id).await.unwrap();
    assert!(first.room.include_leave);
    let queries = chat.db.queries();
    assert!(Arc::ptr_eq(&first, &load(&chat, "@a:example.org", &id).await.unwrap()));
    let inline = load(&chat, "@a:example.org", r#" {"room":{"include_leave":true}}"#).await.unwrap();
    assert!(Arc::ptr_eq(&inline, &load(&chat, "@b:example.org", r#" {"room":{"include_leave":true}}"#).await.unwrap()));
    assert_eq!(chat.db.queries(), queries);
}

#[tokio::test]
async fn a_user_keeps_a_bounded_number_of_filters() {
    let dir = tempfile::tempdir().unwrap();
    let chat = chat(dir.path()).await;
    for id in ["1", "2", "2"] {
        assert!(store::filters::put(&chat.db, "@a:example.org", id, "{}", 2).await.unwrap());
    }
    assert!(!store::filters::put(&chat.db, "@a:example.org", "3", "{}", 2).await.unwrap());
    assert!(store::filters::put(&chat.db, "@a:example.org", "1", "{}", 2).await.unwrap(), "a known one");
    assert!(store::filters::put(&chat.db, "@b:example.org", "3", "{}", 2).await.unwrap(), "another user");
}
