//! Long-polls: what wakes them, and what does not.

use std::time::{Duration, Instant};

use e2e::{Server, User, Value, encode, json};

/// Waits for news from `since` while something happens a moment later.
async fn woken(server: &Server, user: &User, since: &Value, happens: impl Future<Output = ()>) -> Value {
    let later = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        happens.await;
    };
    let started = Instant::now();
    let (synced, ()) = tokio::join!(server.sync_with(user, Some(since), "timeout=20000"), later);
    assert!(started.elapsed() < Duration::from_secs(10), "it waited in vain: {synced}");
    assert!(started.elapsed() >= Duration::from_millis(100), "it did not wait: {synced}");
    synced
}

#[tokio::test]
async fn whatever_is_new_wakes_a_waiting_sync() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let message = server.say(&alice, &room, "hello").await;
    let since = server.sync(&bob, None).await["next_batch"].clone();

    let synced = woken(&server, &bob, &since, async {
        server.say(&alice, &room, "again").await;
    })
    .await;
    assert_eq!(synced["rooms"]["join"][&room]["timeline"]["events"][0]["content"]["body"], "again");
    let typing = server.room(&room, &format!("typing/{}", alice.id));
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.put(&typing, json!({ "typing": true, "timeout": 60_000 })).by(&alice).ok().await;
    })
    .await;
    let ephemeral = &synced["rooms"]["join"][&room]["ephemeral"]["events"];
    assert_eq!(*ephemeral, json!([{ "type": "m.typing", "content": { "user_ids": [alice.id] } }]));
    let receipt = server.room(&room, &format!("receipt/m.read/{}", encode(&message)));
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.post(&receipt, json!({})).by(&alice).ok().await;
    })
    .await;
    let ephemeral = &synced["rooms"]["join"][&room]["ephemeral"]["events"][0];
    assert!(ephemeral["content"][&message]["m.read"].get(&alice.id).is_some(), "{synced}");
    let data = format!("/_matrix/client/v3/user/{}/account_data/org.example.x", bob.id);
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.put(&data, json!({ "x": 1 })).by(&bob).ok().await;
    })
    .await;
    assert_eq!(synced["account_data"]["events"], json!([{ "type": "org.example.x", "content": { "x": 1 } }]));
    let data = format!("/_matrix/client/v3/user/{}/rooms/{room}/account_data/org.example.y", bob.id);
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.put(&data, json!({ "y": 1 })).by(&bob).ok().await;
    })
    .await;
    let events = &synced["rooms"]["join"][&room]["account_data"]["events"];
    assert_eq!(*events, json!([{ "type": "org.example.y", "content": { "y": 1 } }]));
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        let body = json!({ "messages": { &bob.id: { "*": { "n": 1 } } } });
        server.put("/_matrix/client/v3/sendToDevice/org.example.key/1", body).by(&alice).ok().await;
    })
    .await;
    assert_eq!(synced["to_device"]["events"][0]["content"]["n"], 1);
    let mut invited = String::new();
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        invited = server.create_room(&alice, json!({ "invite": [bob.id] })).await;
    })
    .await;
    assert!(synced["rooms"]["invite"].get(&invited).is_some());
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.moderate(&alice, &invited, "kick", &bob).await;
    })
    .await;
    assert!(synced["rooms"]["leave"].get(&invited).is_some());
    let redact = server.room(&room, &format!("redact/{}/r", encode(&message)));
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.put(&redact, json!({})).by(&alice).ok().await;
    })
    .await;
    assert_eq!(synced["rooms"]["join"][&room]["timeline"]["events"][0]["type"], "m.room.redaction");
    let status = format!("/_matrix/client/v3/presence/{}/status", alice.id);
    let synced = woken(&server, &bob, &synced["next_batch"], async {
        server.put(&status, json!({ "presence": "online", "status_msg": "tea" })).by(&alice).ok().await;
    })
    .await;
    let presence = &synced["presence"]["events"][0];
    assert_eq!((&presence["sender"], &presence["content"]["status_msg"]), (&json!(alice.id), &json!("tea")));
}

#[tokio::test]
async fn a_sync_without_news_ends_in_time_whatever_happens_elsewhere() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let elsewhere = server.public_room(&alice, &[]).await;
    let filter = json!({ "presence": { "not_types": ["*"] }, "room": { "timeline": { "not_types": ["m.room.message"] },
        "ephemeral": { "types": [] } } });
    let filter = encode(&filter.to_string());
    let since = server.sync(&bob, None).await["next_batch"].clone();
    let started = Instant::now();
    let noise = async {
        for n in 0..20 {
            server.say(&alice, &room, &n.to_string()).await;
            server.say(&alice, &elsewhere, &n.to_string()).await;
            let typing = server.room(&room, &format!("typing/{}", alice.id));
            server.put(&typing, json!({ "typing": n % 2 == 0 })).by(&alice).ok().await;
        }
    };
    let before = server.chat().db.queries();
    let parameters = format!("timeout=1500&filter={filter}");
    let wait = server.sync_with(&bob, Some(&since), &parameters);
    let (synced, ()) = tokio::join!(wait, noise);
    assert!(started.elapsed() >= Duration::from_millis(1400), "{synced}");
    assert_eq!(synced.get("rooms"), None, "{synced}");
    assert!(server.chat().db.queries() - before < 1000);
    assert_ne!(synced["next_batch"], since);
    let next = server.sync(&bob, Some(&synced["next_batch"])).await;
    assert_eq!(next.get("rooms"), None, "what the filter kept away is behind the token: {next}");
}

#[tokio::test]
async fn a_waiting_sync_ends_when_the_device_is_signed_out() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let since = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    let path = format!("/_matrix/client/v3/sync?timeout=20000&since={since}");
    let out = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        server.post("/_matrix/client/v3/logout", json!({})).by(&alice).ok().await;
    };
    let started = Instant::now();
    let ((status, body), ()) = tokio::join!(server.get(&path).by(&alice).send(), out);
    assert_eq!((status, body["errcode"].as_str()), (401, Some("M_UNKNOWN_TOKEN")));
    assert!(started.elapsed() < Duration::from_secs(10));
}
