//! Messages to devices: in order, redelivered until acknowledged by a token, never after.

use e2e::{Server, User, Value, json};

async fn send(server: &Server, user: &User, txn: &str, messages: Value) {
    let path = format!("/_matrix/client/v3/sendToDevice/org.example.key/{txn}");
    server.put(&path, json!({ "messages": messages })).by(user).ok().await;
}

fn numbers(synced: &Value) -> Vec<i64> {
    let events = synced["to_device"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| event["content"]["n"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn messages_come_in_order_until_acknowledged_and_never_again() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("bob").await;
    let start = server.sync(&bob, None).await["next_batch"].clone();
    for n in 0..250 {
        send(&server, &alice, &n.to_string(), json!({ &bob.id: { &bob.device: { "n": n } } })).await;
    }
    send(&server, &alice, "249", json!({ &bob.id: { &bob.device: { "n": 249 } } })).await;
    let first = server.sync(&bob, Some(&start)).await;
    assert_eq!(numbers(&first), (0..100).collect::<Vec<_>>());
    assert_eq!(first["to_device"]["events"][0]["sender"], alice.id);
    assert_eq!(first["to_device"]["events"][0]["type"], "org.example.key");
    // Not acknowledged yet: they come again, also after a restart.
    assert_eq!(numbers(&server.sync(&bob, Some(&start)).await), (0..100).collect::<Vec<_>>());
    let server = server.restart().await;
    assert_eq!(numbers(&server.sync(&bob, Some(&start)).await), (0..100).collect::<Vec<_>>());
    let second = server.sync(&bob, Some(&first["next_batch"])).await;
    assert_eq!(numbers(&second), (100..200).collect::<Vec<_>>());
    // What was acknowledged is gone, whatever token comes.
    assert_eq!(numbers(&server.sync(&bob, Some(&start)).await), (100..200).collect::<Vec<_>>());
    let third = server.sync(&bob, Some(&second["next_batch"])).await;
    assert_eq!(numbers(&third), (200..250).collect::<Vec<_>>());
    assert_eq!(numbers(&server.sync(&bob, Some(&third["next_batch"])).await), [0_i64; 0]);
    assert_eq!(numbers(&server.sync(&bob, None).await), [0_i64; 0]);
    assert_eq!(numbers(&server.sync(&phone, None).await), [0_i64; 0]);
}

#[tokio::test]
async fn a_star_reaches_all_devices_of_a_user_and_nobody_else() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("bob").await;
    send(
        &server,
        &alice,
        "1",
        json!({ &bob.id: { "*": { "n": 1 } }, "@ghost:localhost": { "*": { "n": 9 } },
        &alice.id: { "NOSUCH": { "n": 9 } }, "nonsense": { "x": { "n": 9 } } }),
    )
    .await;
    for device in [&bob, &phone] {
        assert_eq!(numbers(&server.sync(device, None).await), [1]);
    }
    assert_eq!(numbers(&server.sync(&alice, None).await), [0_i64; 0]);
    // A device that is signed out takes its messages along, and its successor starts with none.
    server.post("/_matrix/client/v3/logout", json!({})).by(&phone).ok().await;
    send(&server, &alice, "2", json!({ &bob.id: { &phone.device: { "n": 2 } } })).await;
    assert_eq!(numbers(&server.sync(&server.login("bob").await, None).await), [0_i64; 0]);
}

#[tokio::test]
async fn what_all_devices_get_is_limited_as_a_whole() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for _ in 1..70 {
        server.login("alice").await;
    }
    let path = "/_matrix/client/v3/sendToDevice/org.example.key/1";
    let to_all = |bytes: usize| json!({ "messages": { &alice.id: { "*": { "n": 1, "x": "x".repeat(bytes) } } } });
    server.put(path, to_all(62_000)).by(&alice).refused(413, "M_TOO_LARGE").await;
    assert_eq!(server.sync(&alice, None).await.get("to_device"), None);
    server.put(path, to_all(50_000)).by(&alice).ok().await;
    assert_eq!(numbers(&server.sync(&alice, None).await), [1]);
}

#[tokio::test]
async fn what_cannot_be_a_message_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let path = "/_matrix/client/v3/sendToDevice/org.example.key/1";
    let to_self = |content: Value| json!({ "messages": { &alice.id: { "*": content } } });
    for body in [json!({}), json!({ "messages": [] }), to_self(json!([])), to_self(json!("x")), to_self(json!(5))] {
        server.put(path, body).by(&alice).refused(400, "M_BAD_JSON").await;
    }
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let body = |content: &str| format!(r#"{{"messages":{{"{}":{{"*":{{"n":{content}}}}}}}}}"#, alice.id);
    for content in [deep.as_str(), "1e999", "\"\\ud800\""] {
        let (status, answer) = server.request("PUT", path).by(&alice).body(body(content)).send().await;
        assert_eq!(status, 400, "{content} {answer}");
    }
    server.put(path, to_self(json!({ "n": "x".repeat(70_000) }))).by(&alice).refused(413, "M_TOO_LARGE").await;
    server.put(path, to_self(json!({}))).refused(401, "M_MISSING_TOKEN").await;
    assert_eq!(server.sync(&alice, None).await.get("to_device"), None);
}
