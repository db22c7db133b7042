//! What an answer has when a record is just being taken in.

use serde_json::json;
use store::Db;

use super::*;
use crate::{
    Env, Parts, accounts,
    rooms::{create, membership, send},
    sync::position::Stamp,
};

async fn somebody(chat: &Chat) -> Arc<Session> {
    let body = json!({ "username": "bob", "password": "correct horse", "auth": { "type": "m.login.dummy" } });
    let body = serde_json::from_value(body).unwrap();
    let (_, signed_in) = accounts::register(chat, body, "127.0.0.1").await.unwrap();
    sessions::authenticate(chat, &signed_in.unwrap().tokens.access_token).await.unwrap()
}

/// Somebody who has made a room, knows everything up to here, and is told something more in the room.
struct Told {
    chat: Arc<Chat>,
    session: Arc<Session>,
    room: Arc<str>,
    since: Token,
    _dir: tempfile::TempDir,
}

impl Told {
    async fn something() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chat = Chat::open(Parts::for_tests(Db::open_sqlite(dir.path()).unwrap(), Env::system())).await.unwrap();
        let session = somebody(&chat).await;
        let room = create::create(&chat, &session, serde_json::from_value(json!({})).unwrap()).await.unwrap();
        let since = Token { shards: vec![chat.hub.cursor(0)], to_device: 0, stamp: Stamp::default() };
        let content = RawValue::from_string(r#"{"msgtype":"m.text","body":"a"}"#.into()).unwrap();
        send::message(&chat, &session, &room, "m.room.message", "1", content).await.unwrap();
        Self { chat, session, room, since, _dir: dir }
    }

    async fn leave(&self) {
        membership::leave(&self.chat, &self.session.user_id, &self.room, None).await.unwrap();
    }

    async fn changes(&mut self) -> Changes {
        let since = Some(self.since.clone());
        let request = Request { session: self.session.clone(), since, filter: Arc::default(), full_state: false };
        let user = self.chat.known_user(self.session.user_id.as_str()).await.unwrap();
        let changes = changes(&self.chat, &user, &request).await.unwrap();
        self.since = changes.next.clone();
        changes
    }
}

fn kinds<'a>(events: impl Iterator<Item = &'a Vec<Arc<Event>>>) -> Vec<&'a str> {
    events.flatten().map(|event| &*event.kind).collect()
}

fn left(changes: &Changes) -> Vec<&str> {
    kinds(changes.left.iter().map(|(_, left)| &left.timeline.events))
}

fn joined(changes: &Changes) -> Vec<&str> {
    kinds(changes.joined.iter().map(|(_, joined)| &joined.timeline.events))
}

/// A record reaches a user in memory before the cursor passes it. An answer that is made in between sees that the user has
/// left, and speaks of a moment when the user was there.
#[tokio::test]
async fn who_has_just_left_is_told_what_was_sent_before_the_leave() {
    let mut told = Told::something().await;
    let leaving = told.chat.hub.cursor(0) + 1;
    {
        let user = told.chat.known_user(told.session.user_id.as_str()).await.unwrap();
        user.inner.lock().rooms.insert(told.room.clone(), Tie { membership: "leave", pos: leaving, forgotten: false });
    }
    let changes = told.changes().await;
    assert_eq!((joined(&changes), left(&changes)), (vec!["m.room.message"], vec![]));
    told.leave().await;
    assert_eq!(told.chat.hub.cursor(0), leaving);
    assert_eq!(left(&told.changes().await), ["m.room.member"]);
}

#[tokio::test]
async fn who_was_invited_again_is_told_first_what_was_sent_before_the_leave() {
    let mut told = Told::something().await;
    told.leave().await;
    invite(&told).await;
    let changes = told.changes().await;
    assert_eq!(left(&changes), ["m.room.message", "m.room.member"]);
    assert!(changes.invited.is_empty() && changes.more);
    let changes = told.changes().await;
    assert_eq!((left(&changes), changes.invited.len(), changes.more), (vec![], 1, false));
    assert!(!told.changes().await.any_news);
}

/// An answer that speaks of a moment before the user came back is made from a history in which the user has come back.
#[tokio::test]
async fn who_is_no_longer_banned_is_not_told_what_was_sent_during_the_ban_before_they_return() {
    let told = Told::something().await;
    member(&told, "ban").await;
    let since = Some(told.chat.hub.cursor(0));
    commit(&told, "m.room.message", None, r#"{"msgtype":"m.text","body":"b"}"#).await;
    member(&told, "leave").await;
    let until = told.chat.hub.cursor(0);
    member(&told, "join").await;
    let room = told.chat.room(&told.room).await.unwrap().unwrap();
    let (user_id, filter) = (Arc::from(told.session.user_id.as_str()), Filter::default());
    let span =
        Span { chat: &told.chat, user_id: &user_id, filter: &filter, since, until, full_state: false, fresh: false };
    let left = room_changes::left(&span, &room).await.unwrap();
    assert_eq!(kinds([&left.timeline.events].into_iter()), ["m.room.member"]);
}

/// What an answer may show goes by the end of the membership, whatever the client's filter lets through.
#[tokio::test]
async fn who_was_removed_is_not_told_of_later_state_by_a_filter_that_hides_members() {
    let told = Told::something().await;
    let since = Some(told.since.shards[0]);
    member(&told, "ban").await;
    commit(&told, "m.room.topic", Some("".into()), r#"{"topic":"secret"}"#).await;
    member(&told, "leave").await;
    let until = told.chat.hub.cursor(0);
    let room = told.chat.room(&told.room).await.unwrap().unwrap();
    let user_id = Arc::from(told.session.user_id.as_str());
    let filter = serde_json::from_value(json!({ "room": { "timeline": { "types": ["m.room.message"] } } })).unwrap();
    let span =
        Span { chat: &told.chat, user_id: &user_id, filter: &filter, since, until, full_state: false, fresh: false };
    let left = room_changes::left(&span, &room).await.unwrap();
    assert_eq!(kinds([&left.timeline.events].into_iter()), ["m.room.message"]);
    assert!(!kinds([&left.state].into_iter()).contains(&"m.room.topic"));
}

async fn invite(told: &Told) {
    member(told, "invite").await;
}

async fn member(told: &Told, membership: &str) {
    let user = told.session.user_id.as_str().into();
    commit(told, "m.room.member", Some(user), &format!(r#"{{"membership":"{membership}"}}"#)).await;
}

/// As somebody else who may would do it.
async fn commit(told: &Told, kind: &str, state_key: Option<Arc<str>>, content: &str) {
    let Told { chat, session, room, .. } = told;
    let room = chat.room(room).await.unwrap().unwrap();
    let content = RawValue::from_string(content.into()).unwrap();
    let draft = send::Draft { kind: kind.into(), state_key, content, txn: None, redacts: None, only_from: &[] };
    let commit = send::prepare(chat, &room, &room.inner.read(), &session.user_id, &draft, Vec::new()).unwrap();
    chat.commit(commit).await.unwrap();
}
