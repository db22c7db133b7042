//! The password, deactivation, capabilities.

use e2e::{Client, PASSWORD, Server, User, Value, json};

const PASSWORD_PATH: &str = "/_matrix/client/v3/account/password";
const DEACTIVATE: &str = "/_matrix/client/v3/account/deactivate";
const NEW: &str = "an entirely new password";

fn auth(user: &str, password: &str) -> Value {
    json!({ "type": "m.login.password", "password": password, "identifier": { "type": "m.id.user", "user": user } })
}

async fn signed_in(client: &Client, user: &User) -> bool {
    client.get("/_matrix/client/v3/account/whoami").by(user).send().await.0 == 200
}

async fn may_log_in(client: &Client, user: &str, password: &str) -> bool {
    let body = json!({ "type": "m.login.password", "password": password, "user": user });
    client.post("/_matrix/client/v3/login", body).send().await.0 == 200
}

#[tokio::test]
async fn a_new_password_takes_the_old_one_and_signs_other_devices_out() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("alice").await;
    assert!(signed_in(&server, &phone).await);
    let (status, challenge) = server.post(PASSWORD_PATH, json!({ "new_password": NEW })).by(&alice).send().await;
    assert_eq!((status, &challenge["flows"]), (401, &json!([{ "stages": ["m.login.password"] }])));
    let mut auth = auth("alice", "wrong password");
    auth["session"] = challenge["session"].clone();
    let body = |auth: &Value| json!({ "new_password": NEW, "auth": auth });
    let (status, answer) = server.post(PASSWORD_PATH, body(&auth)).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_FORBIDDEN")));
    assert!(may_log_in(&server, "alice", PASSWORD).await);
    auth["password"] = json!(PASSWORD);
    assert_eq!(server.post(PASSWORD_PATH, body(&auth)).by(&alice).ok().await, json!({}));
    assert!(signed_in(&server, &alice).await && signed_in(&server, &bob).await);
    assert!(!signed_in(&server, &phone).await);
    assert!(!may_log_in(&server, "alice", PASSWORD).await);
    assert!(may_log_in(&server, "alice", NEW).await);
    let devices = server.get("/_matrix/client/v3/devices").by(&alice).ok().await;
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(2), "this one and the last login's: {devices}");
}

#[tokio::test]
async fn other_devices_stay_signed_in_when_asked_to() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let phone = server.login("alice").await;
    let body = json!({ "new_password": NEW, "logout_devices": false, "auth": auth("@alice:localhost", PASSWORD) });
    server.post(PASSWORD_PATH, body).by(&alice).ok().await;
    assert!(signed_in(&server, &alice).await && signed_in(&server, &phone).await);
    assert!(may_log_in(&server, "alice", NEW).await && !may_log_in(&server, "alice", PASSWORD).await);
}

#[tokio::test]
async fn a_password_change_that_makes_no_sense_changes_nothing() {
    let server = Server::start().await;
    let (alice, _bob) = (server.register("alice").await, server.register("bob").await);
    let mine = auth("alice", PASSWORD);
    for (body, status, expected) in [
        (json!({ "auth": mine }), 400, "M_MISSING_PARAM"),
        (json!({ "new_password": "short", "auth": mine }), 400, "M_WEAK_PASSWORD"),
        (json!({ "new_password": "x".repeat(1000), "auth": mine }), 400, "M_INVALID_PARAM"),
        (json!({ "new_password": 7, "auth": mine }), 400, "M_BAD_JSON"),
        (json!({ "new_password": NEW, "logout_devices": "no", "auth": mine }), 400, "M_BAD_JSON"),
        (json!({ "new_password": NEW, "auth": auth("bob", PASSWORD) }), 403, "M_FORBIDDEN"),
        (json!({ "new_password": NEW, "auth": { "type": "m.login.password" } }), 401, "M_MISSING_PARAM"),
        (json!({ "new_password": NEW, "auth": { "type": "m.login.dummy" } }), 401, "M_UNRECOGNIZED"),
    ] {
        let (got, answer) = server.post(PASSWORD_PATH, body.clone()).by(&alice).send().await;
        assert_eq!((got, &answer["errcode"]), (status, &json!(expected)), "{body}");
    }
    let body = json!({ "new_password": NEW, "auth": mine });
    let (status, answer) = server.post(PASSWORD_PATH, body).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_MISSING_TOKEN")));
    assert!(may_log_in(&server, "alice", PASSWORD).await && may_log_in(&server, "bob", PASSWORD).await);
}

#[tokio::test]
async fn a_deactivated_account_is_closed_for_good() {
    let server = Server::start().await;
    let (bob, alice) = (server.register("bob").await, server.register("alice").await);
    let phone = server.login("alice").await;
    assert!(signed_in(&server, &phone).await);
    assert_eq!(server.post(DEACTIVATE, json!({})).by(&alice).send().await.0, 401);
    let (status, answer) = server.post(DEACTIVATE, json!({ "auth": auth("alice", "wrong") })).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_FORBIDDEN")));
    let others = json!({ "auth": auth("bob", PASSWORD) });
    assert_eq!(server.post(DEACTIVATE, others).by(&alice).send().await.0, 403);
    assert_eq!(server.post(DEACTIVATE, json!({ "erase": 1 })).by(&alice).send().await.0, 400);
    assert!(signed_in(&server, &alice).await && signed_in(&server, &bob).await);

    let body = json!({ "auth": auth("alice", PASSWORD), "erase": true });
    let answer = server.post(DEACTIVATE, body).by(&alice).ok().await;
    assert_eq!(answer, json!({ "id_server_unbind_result": "success" }));
    assert!(!signed_in(&server, &alice).await && !signed_in(&server, &phone).await && signed_in(&server, &bob).await);
    assert!(!may_log_in(&server, "alice", PASSWORD).await);
    assert_eq!(server.get("/_matrix/client/v3/profile/@alice:localhost").send().await.0, 404);
    let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    let (status, answer) = server.post("/_matrix/client/v3/register", body).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_USER_IN_USE")));
    let body = json!({ "search_term": "alice" });
    assert_eq!(server.post("/_matrix/client/v3/user_directory/search", body).by(&bob).ok().await["results"], json!([]));
}

#[tokio::test]
async fn who_deactivates_an_account_leaves_all_rooms() {
    let server = Server::start().await;
    let (bob, alice) = (server.register("bob").await, server.register("alice").await);
    let room = server.post("/_matrix/client/v3/createRoom", json!({ "invite": [alice.id] })).by(&bob).ok().await;
    let room = room["room_id"].as_str().expect("a room").to_owned();
    server.post(&format!("/_matrix/client/v3/join/{room}"), json!({})).by(&alice).ok().await;
    let membership = format!("/_matrix/client/v3/rooms/{room}/state/m.room.member/{}", alice.id);
    assert_eq!(server.get(&membership).by(&bob).ok().await["membership"], json!("join"));
    server.post(DEACTIVATE, json!({ "auth": auth("alice", PASSWORD) })).by(&alice).ok().await;
    assert_eq!(server.get(&membership).by(&bob).ok().await["membership"], json!("leave"));
}

#[tokio::test]
async fn capabilities_and_identifiers_are_told_to_users_only() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let answer = server.get("/_matrix/client/v3/capabilities").by(&alice).ok().await;
    assert_eq!(answer["capabilities"]["m.room_versions"]["default"], json!("12"));
    assert_eq!(answer["capabilities"]["m.change_password"], json!({ "enabled": true }));
    let answer = server.get("/_matrix/client/v3/account/3pid").by(&alice).ok().await;
    assert_eq!(answer, json!({ "threepids": [] }));
    for path in ["capabilities", "account/3pid", "account/whoami"] {
        let (status, answer) = server.get(&format!("/_matrix/client/v3/{path}")).send().await;
        assert_eq!((status, &answer["errcode"]), (401, &json!("M_MISSING_TOKEN")), "{path}");
    }
}
