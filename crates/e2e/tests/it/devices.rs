//! The devices that a user is signed in on.

use e2e::{PASSWORD, Server, Value, json};

const DEVICES: &str = "/_matrix/client/v3/devices";
const DELETE_DEVICES: &str = "/_matrix/client/v3/delete_devices";

fn auth(user: &str, password: &str) -> Value {
    json!({ "type": "m.login.password", "password": password, "identifier": { "type": "m.id.user", "user": user } })
}

#[tokio::test]
async fn a_user_sees_and_renames_the_own_devices_only() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("alice").await;
    let path = format!("{DEVICES}/{}", phone.device);
    let before = server.get(&path).by(&alice).ok().await;
    assert_eq!((&before["device_id"], before.get("display_name")), (&json!(phone.device), None));
    assert_eq!(before["last_seen_ip"], json!("127.0.0.1"));
    assert!(before["last_seen_ts"].as_i64().is_some_and(|ts| ts > 1_600_000_000_000));
    server.put(&path, json!({ "display_name": "Phone ☎" })).by(&alice).ok().await;
    server.put(&path, json!({})).by(&alice).ok().await;
    let listed = server.get(DEVICES).by(&alice).ok().await;
    let listed = listed["devices"].as_array().expect("a list");
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().any(|d| d["device_id"] == json!(phone.device) && d["display_name"] == json!("Phone ☎")));

    for request in
        [server.get(&path), server.put(&path, json!({ "display_name": "Mine" })), server.put(&path, json!({}))]
    {
        let (status, answer) = request.by(&bob).send().await;
        assert_eq!((status, &answer["errcode"]), (404, &json!("M_NOT_FOUND")));
    }
    let (status, answer) = server.put(&path, json!({ "display_name": "n".repeat(300) })).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_INVALID_PARAM")));
    let (status, answer) = server.put(&path, json!({ "display_name": 3 })).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_BAD_JSON")));
    for request in [server.get(DEVICES), server.get(&path), server.put(&path, json!({})), server.delete(&path)] {
        assert_eq!(request.send().await.0, 401);
    }
    assert_eq!(server.get(&path).by(&alice).ok().await["display_name"], json!("Phone ☎"));
}

#[tokio::test]
async fn a_device_is_removed_with_the_password_of_its_owner() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("alice").await;
    let path = format!("{DEVICES}/{}", phone.device);
    let whoami = || server.get("/_matrix/client/v3/account/whoami").by(&phone).send();
    assert_eq!(whoami().await.0, 200);
    let (status, challenge) = server.delete(&path).by(&alice).send().await;
    assert_eq!((status, &challenge["flows"]), (401, &json!([{ "stages": ["m.login.password"] }])));
    for (auth, status) in [(auth("alice", "wrong"), 401), (auth("bob", PASSWORD), 403)] {
        let (got, answer) = server.delete(&path).json(&json!({ "auth": auth })).by(&alice).send().await;
        assert_eq!((got, &answer["errcode"]), (status, &json!("M_FORBIDDEN")));
    }
    // Somebody else's device is nobody's: nothing is removed.
    server.delete(&path).json(&json!({ "auth": auth("bob", PASSWORD) })).by(&bob).ok().await;
    assert_eq!(whoami().await.0, 200);
    let mut right = auth("alice", PASSWORD);
    right["session"] = challenge["session"].clone();
    assert_eq!(server.delete(&path).json(&json!({ "auth": right })).by(&alice).ok().await, json!({}));
    assert_eq!(whoami().await.0, 401);
    assert_eq!(server.get(&path).by(&alice).send().await.0, 404);
    server.delete(&path).json(&json!({ "auth": auth("alice", PASSWORD) })).by(&alice).ok().await;
}

#[tokio::test]
async fn many_devices_are_removed_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut gone = Vec::new();
    for _ in 0..3 {
        gone.push(server.login("alice").await.device);
    }
    gone.extend(["UNKNOWN".to_owned(), bob.device.clone()]);
    let body = |auth: Value| json!({ "devices": gone, "auth": auth });
    assert_eq!(server.post(DELETE_DEVICES, json!({ "devices": gone })).by(&alice).send().await.0, 401);
    for (body, expected) in [
        (json!({ "auth": auth("alice", PASSWORD) }), "M_MISSING_PARAM"),
        (json!({ "devices": "all", "auth": auth("alice", PASSWORD) }), "M_BAD_JSON"),
        (json!({ "devices": [1], "auth": auth("alice", PASSWORD) }), "M_BAD_JSON"),
    ] {
        let (status, answer) = server.post(DELETE_DEVICES, body).by(&alice).send().await;
        assert_eq!((status, &answer["errcode"]), (400, &json!(expected)));
    }
    assert_eq!(server.get(DEVICES).by(&alice).ok().await["devices"].as_array().map(Vec::len), Some(4));
    server.post(DELETE_DEVICES, body(auth("alice", PASSWORD))).by(&alice).ok().await;
    assert_eq!(server.get(DEVICES).by(&alice).ok().await["devices"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.get(DEVICES).by(&bob).ok().await["devices"].as_array().map(Vec::len), Some(1));
}
