//! What an answer has when a record is just being taken in.

use std::time::Duration;

use serde_json::json;
use store::Db;

use super::*;
use crate::{
    Env, Parts, accounts,
    rooms::{create, membership, send},
};

async fn somebody(chat: &Chat) -> Arc<Session> {
    let body = json!({ "username": "bob", "password": "correct horse", "auth": { "type": "m.login.dummy" } });
    let body = serde_json::from_value(body).unwrap();
    let (_, signed_in) = accounts::register(chat, body, "127.0.0.1").await.unwrap();
    sessions::authenticate(chat, &signed_in.unwrap().tokens.access_token).await.unwrap()
}

/// A record reaches a user in memory before the cursor passes it. An answer that is made in between saw that the user had
/// left, and left out what the user was sent before.
#[tokio::test]
async fn who_has_just_left_is_told_what_was_sent_before_the_leave() {
    let dir = tempfile::tempdir().unwrap();
    let chat = Chat::open(Parts::for_tests(Db::open_sqlite(dir.path()).unwrap(), Env::system())).await.unwrap();
    let session = somebody(&chat).await;
    let room = create::create(&chat, &session, serde_json::from_value(json!({})).unwrap()).await.unwrap();
    let user = chat.known_user(session.user_id.as_str()).await.unwrap();
    let request = |since| Request { session: session.clone(), since, filter: Arc::default(), full_state: false };
    let first = changes(&chat, &user, &request(None)).await.unwrap();
    let content = RawValue::from_string(r#"{"msgtype":"m.text","body":"a"}"#.into()).unwrap();
    let sent = send::message(&chat, &session, &room, "m.room.message", "1", content).await.unwrap();

    let shard = chat.room_shard(&room);
    let leaving = chat.hub.cursor(shard) + 1;
    user.inner.lock().rooms.insert(room.clone(), Tie { membership: "leave", pos: leaving, forgotten: false });
    let leave = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        membership::leave(&chat, &session.user_id, &room, None).await.unwrap();
        assert_eq!(chat.hub.cursor(shard), leaving);
    };
    let request = request(Some(first.next));
    let (answer, ()) = tokio::join!(changes(&chat, &user, &request), leave);
    let answer = answer.unwrap();
    let told: Vec<_> = answer.left.iter().flat_map(|(_, left)| &left.timeline.events).map(|e| &*e.kind).collect();
    assert_eq!(told, ["m.room.message", "m.room.member"], "{sent} is told, and the leave");
    assert_eq!(answer.next.shards, [leaving]);
}
