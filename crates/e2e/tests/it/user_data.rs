//! What belongs to a user: account data, tags, receipts and unread counts, typing, presence.

use std::time::Duration;

use e2e::{Server, User, Value, encode, json};

async fn unread(server: &Server, user: &User, room: &str) -> (i64, i64) {
    let synced = server.sync(user, None).await;
    let counts = &synced["rooms"]["join"][room]["unread_notifications"];
    let count = |name: &str| counts[name].as_i64().expect("a count");
    (count("notification_count"), count("highlight_count"))
}

async fn receipt(server: &Server, user: &User, room: &str, kind: &str, event: &str, body: Value) {
    let path = server.room(room, &format!("receipt/{kind}/{}", encode(event)));
    server.post(&path, body).by(user).ok().await;
}

#[tokio::test]
async fn account_data_is_the_users_own() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({})).await;
    let global = format!("/_matrix/client/v3/user/{}/account_data", alice.id);
    let of_room = format!("/_matrix/client/v3/user/{}/rooms/{room}/account_data", alice.id);
    for base in [&global, &of_room] {
        let path = format!("{base}/org.example.x");
        server.get(&path).by(&alice).refused(404, "M_NOT_FOUND").await;
        server.put(&path, json!({ "x": [1, 2.5, null] })).by(&alice).ok().await;
        assert_eq!(server.get(&path).by(&alice).ok().await, json!({ "x": [1, 2.5, null] }));
        server.get(&path).by(&bob).refused(403, "M_FORBIDDEN").await;
        server.put(&path, json!({})).by(&bob).refused(403, "M_FORBIDDEN").await;
        server.put(&path, json!({})).refused(401, "M_MISSING_TOKEN").await;
        server.put(&path, json!([])).by(&alice).refused(400, "M_BAD_JSON").await;
        server.put(&path, json!({ "x": "x".repeat(70_000) })).by(&alice).refused(413, "M_TOO_LARGE").await;
        let reserved = format!("{base}/m.fully_read");
        server.put(&reserved, json!({ "event_id": "$x" })).by(&alice).refused(405, "M_BAD_JSON").await;
    }
    let nowhere = format!("/_matrix/client/v3/user/{}/rooms/nonsense/account_data/x", alice.id);
    server.put(&nowhere, json!({})).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let tags = format!("/_matrix/client/v3/user/{}/rooms/{room}/tags", alice.id);
    server.put(&format!("{tags}/m.favourite"), json!({ "order": 0.25 })).by(&alice).ok().await;
    server.put(&format!("{tags}/u.work"), json!({})).by(&alice).ok().await;
    server.delete(&format!("{tags}/u.work")).by(&alice).ok().await;
    server.put(&format!("{tags}/{}", "t".repeat(300)), json!({})).by(&alice).refused(400, "M_INVALID_PARAM").await;
    for request in [server.get(&tags), server.put(&format!("{tags}/x"), json!({})), server.delete(&format!("{tags}/x"))]
    {
        request.by(&bob).refused(403, "M_FORBIDDEN").await;
    }
    let server = server.restart().await;
    let expected = json!({ "tags": { "m.favourite": { "order": 0.25 } } });
    assert_eq!(server.get(&tags).by(&alice).ok().await, expected);
    let synced = server.sync(&alice, None).await;
    let data = synced["rooms"]["join"][&room]["account_data"]["events"].as_array().expect("events").clone();
    assert!(data.contains(&json!({ "type": "m.tag", "content": expected })), "{data:?}");
}

#[tokio::test]
async fn unread_messages_and_mentions_are_counted_until_read() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[]).await;
    server.say(&alice, &room, "before the join").await;
    server.join(&bob, &room).await;
    assert_eq!(unread(&server, &bob, &room).await, (0, 0));
    let first = server.say(&alice, &room, "one").await;
    let mention = |mentions: Value| json!({ "msgtype": "m.text", "body": "hey", "m.mentions": mentions });
    server.send_event(&alice, &room, "m.room.message", "2", mention(json!({ "user_ids": [bob.id] }))).await;
    server.send_event(&alice, &room, "m.room.message", "3", mention(json!({ "room": true }))).await;
    server.send_event(&alice, &room, "m.room.message", "4", json!({ "msgtype": "m.notice", "body": "x" })).await;
    server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "x" })).await;
    let last = server.say(&alice, &room, "five").await;
    assert_eq!(unread(&server, &bob, &room).await, (4, 2));
    assert_eq!(unread(&server, &alice, &room).await, (0, 0));
    // A new name is no reading.
    let name = format!("/_matrix/client/v3/profile/{}/displayname", bob.id);
    server.put(&name, json!({ "displayname": "Bobby" })).by(&bob).ok().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(unread(&server, &bob, &room).await, (4, 2));
    let server = server.restart().await;
    assert_eq!(unread(&server, &bob, &room).await, (4, 2));
    receipt(&server, &bob, &room, "m.read", &first, json!({})).await;
    assert_eq!(unread(&server, &bob, &room).await, (3, 2));
    receipt(&server, &bob, &room, "m.read.private", &last, json!({})).await;
    assert_eq!(unread(&server, &bob, &room).await, (0, 0));
    // Receipts do not go back.
    receipt(&server, &bob, &room, "m.read", &first, json!({})).await;
    assert_eq!(unread(&server, &bob, &room).await, (0, 0));
    server.say(&alice, &room, "six").await;
    assert_eq!(unread(&server, &bob, &room).await, (1, 0));
    server.say(&bob, &room, "my own").await;
    let server = server.restart().await;
    assert_eq!(unread(&server, &bob, &room).await, (0, 0));
    // Only who has the power calls everyone.
    server.send_event(&bob, &room, "m.room.message", "7", mention(json!({ "room": true }))).await;
    assert_eq!(unread(&server, &alice, &room).await, (2, 0));
    let server = server.restart().await;
    assert_eq!(unread(&server, &alice, &room).await, (2, 0));
}

#[tokio::test]
async fn receipts_are_seen_by_whom_they_concern() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let (one, two) = (server.say(&alice, &room, "one").await, server.say(&alice, &room, "two").await);
    let since = server.sync(&alice, None).await["next_batch"].clone();
    receipt(&server, &bob, &room, "m.read", &one, json!({})).await;
    receipt(&server, &bob, &room, "m.read.private", &two, json!({})).await;
    receipt(&server, &bob, &room, "m.read", &two, json!({ "thread_id": one })).await;
    let server = server.restart().await;
    for since in [None, Some(&since)] {
        for (user, private) in [(&alice, false), (&bob, true)] {
            let synced = server.sync(user, since).await;
            let ephemeral = synced["rooms"]["join"][&room]["ephemeral"]["events"].as_array().expect("events").clone();
            let receipts = &ephemeral.iter().find(|event| event["type"] == "m.receipt").expect("receipts")["content"];
            assert!(receipts[&one]["m.read"][&bob.id].get("thread_id").is_none());
            assert!(receipts[&one]["m.read"][&bob.id]["ts"].is_i64());
            assert_eq!(receipts[&two]["m.read"][&bob.id]["thread_id"], one);
            assert_eq!(receipts[&two].get("m.read.private").is_some(), private, "{receipts}");
        }
    }
    let path = |kind: &str, event: &str| server.room(&room, &format!("receipt/{kind}/{}", encode(event)));
    server.post(&path("m.seen", &one), json!({})).by(&bob).refused(400, "M_INVALID_PARAM").await;
    server.post(&path("m.read", "$none"), json!({})).by(&bob).refused(404, "M_NOT_FOUND").await;
    server.post(&path("m.fully_read", "$none"), json!({})).by(&bob).refused(404, "M_NOT_FOUND").await;
    server.post(&path("m.read", &one), json!({ "thread_id": "" })).by(&bob).refused(400, "M_INVALID_PARAM").await;
    server.post(&path("m.read", &one), json!({ "thread_id": 5 })).by(&bob).refused(400, "M_BAD_JSON").await;
    server.post(&path("m.read", &one), json!({})).by(&carol).refused(403, "M_FORBIDDEN").await;
    server.post(&path("m.read", &one), json!({})).refused(401, "M_MISSING_TOKEN").await;
    let markers = server.room(&room, "read_markers");
    server.post(&markers, json!({ "m.fully_read": two, "m.read": two })).by(&bob).ok().await;
    server.post(&markers, json!({ "m.fully_read": one })).by(&bob).ok().await;
    server.post(&markers, json!({ "m.fully_read": "$none" })).by(&bob).refused(404, "M_NOT_FOUND").await;
    server.post(&markers, json!({ "m.fully_read": two })).by(&carol).refused(403, "M_FORBIDDEN").await;
    server.post(&markers, json!({ "m.read": 5 })).by(&bob).refused(400, "M_BAD_JSON").await;
    server.post(&markers, json!({})).refused(401, "M_MISSING_TOKEN").await;
    let marker = format!("/_matrix/client/v3/user/{}/rooms/{room}/account_data/m.fully_read", bob.id);
    assert_eq!(server.get(&marker).by(&bob).ok().await, json!({ "event_id": two }), "marks do not go back");
}

#[tokio::test]
async fn typing_ends_by_itself_and_is_for_members() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let path = |user: &User| server.room(&room, &format!("typing/{}", user.id));
    let since = server.sync(&bob, None).await["next_batch"].clone();
    server.put(&path(&alice), json!({ "typing": true, "timeout": 300 })).by(&alice).ok().await;
    let synced = server.sync(&bob, Some(&since)).await;
    let typing =
        |synced: &Value| synced["rooms"]["join"][&room]["ephemeral"]["events"][0]["content"]["user_ids"].clone();
    assert_eq!(typing(&synced), json!([alice.id]));
    assert_eq!(server.sync(&bob, Some(&synced["next_batch"])).await.get("rooms"), None);
    let ended = server.sync_with(&bob, Some(&synced["next_batch"]), "timeout=8000").await;
    assert_eq!(typing(&ended), json!([]));
    server.put(&path(&alice), json!({ "typing": true, "timeout": -5 })).by(&alice).ok().await;
    server.put(&path(&alice), json!({ "typing": false })).by(&alice).ok().await;
    server.put(&path(&alice), json!({ "typing": true })).by(&bob).refused(403, "M_FORBIDDEN").await;
    server.put(&path(&carol), json!({ "typing": true })).by(&carol).refused(403, "M_FORBIDDEN").await;
    server.put(&path(&alice), json!({})).by(&alice).refused(400, "M_BAD_JSON").await;
    server.put(&path(&alice), json!({ "typing": "yes" })).by(&alice).refused(400, "M_BAD_JSON").await;
    server.put(&path(&alice), json!({ "typing": true })).refused(401, "M_MISSING_TOKEN").await;
}

#[tokio::test]
async fn presence_is_for_people_who_share_a_room() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let status = |user: &User| format!("/_matrix/client/v3/presence/{}/status", user.id);
    let since = server.sync(&alice, None).await["next_batch"].clone();
    let carols = server.sync(&carol, None).await["next_batch"].clone();
    let online = |stream: &User| server.get(&status(&bob)).by(stream);
    assert_eq!(online(&alice).ok().await["presence"], "offline");
    let mut stream = server.stream(&bob, "").await.expect("open");
    stream.next().await.expect("a frame");
    assert_eq!(online(&alice).ok().await["presence"], "online");
    online(&carol).refused(403, "M_FORBIDDEN").await;
    online(&carol).refused(403, "M_FORBIDDEN").await;
    server.get(&status(&bob)).refused(401, "M_MISSING_TOKEN").await;
    let synced = server.sync_with(&alice, Some(&since), "timeout=5000").await;
    let event = &synced["presence"]["events"][0];
    assert_eq!((&event["sender"], &event["content"]["presence"]), (&json!(bob.id), &json!("online")));
    assert_eq!(server.sync(&carol, Some(&carols)).await.get("presence"), None);
    // Who comes in sees who is here, and is seen.
    server.put(&status(&carol), json!({ "presence": "online" })).by(&carol).ok().await;
    server.join(&carol, &room).await;
    let entered = server.sync(&carol, Some(&carols)).await;
    let here = entered["presence"]["events"].as_array().expect("people who are here").clone();
    assert!(here.iter().any(|event| event["sender"] == bob.id && event["content"]["presence"] == "online"), "{here:?}");
    let met = server.sync(&alice, Some(&synced["next_batch"])).await;
    let met = met["presence"]["events"].as_array().expect("who came in").clone();
    assert!(met.iter().any(|event| event["sender"] == carol.id), "{met:?}");
    // Gone with the last connection, after a moment of grace.
    drop(stream);
    let mut since = synced["next_batch"].clone();
    let mut state = Value::Null;
    for _ in 0..5 {
        let synced = server.sync_with(&alice, Some(&since), "timeout=15000").await;
        since = synced["next_batch"].clone();
        let events = synced["presence"]["events"].as_array().cloned().unwrap_or_default();
        if let Some(event) = events.iter().rfind(|event| event["sender"] == bob.id) {
            state = event["content"]["presence"].clone();
            if state == "offline" {
                break;
            }
        }
    }
    assert_eq!(state, "offline");
    server.put(&status(&bob), json!({ "presence": "online" })).by(&alice).refused(403, "M_FORBIDDEN").await;
    server.put(&status(&alice), json!({ "presence": "dancing" })).by(&alice).refused(400, "M_BAD_JSON").await;
    let long = json!({ "presence": "online", "status_msg": "x".repeat(300) });
    server.put(&status(&alice), long).by(&alice).refused(400, "M_INVALID_PARAM").await;
}

#[tokio::test]
async fn tags_that_are_set_at_the_same_time_are_all_kept() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    let tags = format!("/_matrix/client/v3/user/{}/rooms/{room}/tags", alice.id);
    let mut setting = tokio::task::JoinSet::new();
    for n in 0..30 {
        setting.spawn(server.put(&format!("{tags}/u.{n}"), json!({})).by(&alice).ok());
    }
    setting.join_all().await;
    let kept = server.get(&tags).by(&alice).ok().await;
    assert_eq!(kept["tags"].as_object().map(|tags| tags.len()), Some(30));
}
