//! Registering, signing in, refreshing tokens, signing out.

use std::time::Duration;

use chat::config::RegistrationMode;
use e2e::{Client, PASSWORD, Server, Value, json};

const LOGIN: &str = "/_matrix/client/v3/login";
const REGISTER: &str = "/_matrix/client/v3/register";
const REFRESH: &str = "/_matrix/client/v3/refresh";
const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

fn password_login(user: &str, password: &str) -> Value {
    json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": password })
}

fn with(mut body: Value, more: Value) -> Value {
    let (Some(body_fields), Value::Object(more)) = (body.as_object_mut(), more) else { panic!("objects") };
    body_fields.extend(more);
    body
}

async fn error(client: &Client, path: &str, body: Value) -> (u16, String) {
    let (status, answer) = client.post(path, body).send().await;
    (status, answer["errcode"].as_str().unwrap_or_default().to_owned())
}

async fn status_of(client: &Client, token: &str) -> u16 {
    client.get(WHOAMI).token(token).send().await.0
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}

#[tokio::test]
async fn registering_asks_for_a_stage_first_and_remembers_the_session() {
    let server = Server::start().await;
    let body = json!({ "username": "alice", "password": PASSWORD, "device_id": "PHONE", "initial_device_display_name": "My phone" });
    let (status, challenge) = server.post(REGISTER, body.clone()).send().await;
    assert_eq!(status, 401);
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    assert_eq!(challenge.get("errcode"), None);
    let session = text(&challenge, "session");
    let auth = json!({ "auth": { "type": "m.login.dummy", "session": session } });
    let answer = server.post(REGISTER, with(body, auth)).ok().await;
    assert_eq!((&answer["user_id"], &answer["device_id"]), (&json!("@alice:localhost"), &json!("PHONE")));
    assert_eq!(answer.get("refresh_token"), None);
    let me = server.get(WHOAMI).token(&text(&answer, "access_token")).ok().await;
    assert_eq!((&me["user_id"], &me["device_id"]), (&json!("@alice:localhost"), &json!("PHONE")));
}

#[tokio::test]
async fn registering_can_do_without_a_name_and_without_signing_in() {
    let server = Server::start().await;
    let body = json!({ "password": PASSWORD, "inhibit_login": true, "auth": { "type": "m.login.dummy" } });
    let answer = server.post(REGISTER, body).ok().await;
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(1), "{answer}");
    server.post(LOGIN, password_login(&text(&answer, "user_id"), PASSWORD)).ok().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_said_before_authentication() {
    let server = Server::start().await;
    server.register("alice").await;
    for (body, expected) in [
        (json!({ "username": "alice", "password": PASSWORD }), "M_USER_IN_USE"),
        (json!({ "username": "ALICE", "password": PASSWORD }), "M_USER_IN_USE"),
        (json!({ "username": "", "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "al ice", "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "älice", "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "@bob:localhost", "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "_bridged", "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "b".repeat(300), "password": PASSWORD }), "M_INVALID_USERNAME"),
        (json!({ "username": "bob", "password": "short" }), "M_WEAK_PASSWORD"),
        (json!({ "username": "bob", "password": "long".repeat(200) }), "M_INVALID_PARAM"),
        (json!({ "username": "bob", "password": PASSWORD, "device_id": "" }), "M_INVALID_PARAM"),
        (json!({ "username": "bob", "password": PASSWORD, "device_id": "d".repeat(300) }), "M_INVALID_PARAM"),
        (
            json!({ "username": "bob", "password": PASSWORD, "initial_device_display_name": "n".repeat(300) }),
            "M_INVALID_PARAM",
        ),
        (json!({ "username": 7 }), "M_BAD_JSON"),
        (json!({ "username": "bob", "password": ["x"] }), "M_BAD_JSON"),
        (json!({ "username": "bob", "auth": "me" }), "M_BAD_JSON"),
        (json!(["alice"]), "M_BAD_JSON"),
    ] {
        assert_eq!(error(&server, REGISTER, body.clone()).await, (400, expected.to_owned()), "{body}");
    }
    let body = json!({ "username": "bob", "auth": { "type": "m.login.dummy" } });
    assert_eq!(error(&server, REGISTER, body).await, (400, "M_MISSING_PARAM".to_owned()));
    let guest = format!("{REGISTER}?kind=guest");
    assert_eq!(error(&server, &guest, json!({})).await, (403, "M_FORBIDDEN".to_owned()));
    assert_eq!(error(&server, &format!("{REGISTER}?kind=king"), json!({})).await.0, 400);
    let (status, answer) = server.request("POST", REGISTER).body(&b"{\"username\":\"\xff\xfe\"}"[..]).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_NOT_JSON")));
    let (status, answer) = server.request("POST", REGISTER).body("{\"username\":").send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_NOT_JSON")));
    // Nothing of this has taken the name.
    server.register("bob").await;
}

#[tokio::test]
async fn a_huge_or_deep_body_is_refused() {
    let server = Server::start().await;
    let huge = format!("{{\"username\":\"{}\"}}", "a".repeat(10_000_000));
    for path in [REGISTER, LOGIN, REFRESH] {
        let sent = server.request("POST", path).body(huge.clone()).try_send().await;
        // The server may close the connection before it has read everything.
        assert!(sent.is_err() || sent.is_ok_and(|(status, ..)| status == 413), "{path}");
        let deep = format!("{{\"auth\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let (status, answer) = server.request("POST", path).body(deep).send().await;
        assert_eq!(status, 400, "{path}: {answer}");
    }
    server.register("alice").await;
}

#[tokio::test]
async fn a_session_of_authentication_counts_for_its_operation_only() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let (_, challenge) = server.post(REGISTER, json!({ "username": "bob", "password": PASSWORD })).send().await;
    let session = text(&challenge, "session");
    let auth = json!({ "type": "m.login.password", "password": PASSWORD, "session": session });
    let body = json!({ "new_password": "another long password", "auth": auth });
    let (status, answer) = server.post("/_matrix/client/v3/account/password", body).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (403, &json!("M_FORBIDDEN")));
    let unknown =
        json!({ "username": "bob", "password": PASSWORD, "auth": { "type": "m.login.dummy", "session": "no" } });
    let (status, answer) = server.post(REGISTER, unknown).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_UNKNOWN")));
    let wrong =
        json!({ "username": "bob", "password": PASSWORD, "auth": { "type": "m.login.recaptcha", "session": session } });
    let (status, answer) = server.post(REGISTER, wrong).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_UNRECOGNIZED")));
    assert_eq!(answer["session"], json!(session));
}

#[tokio::test]
async fn of_those_who_register_one_name_at_once_one_wins() {
    let server = Server::start().await;
    let body = || json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let client: Client = server.clone();
            tokio::spawn(async move { client.post(REGISTER, body()).send().await })
        })
        .collect();
    let mut won = 0;
    for attempt in attempts {
        match attempt.await.expect("the task ends") {
            (200, _) => won += 1,
            (status, answer) => assert_eq!((status, &answer["errcode"]), (400, &json!("M_USER_IN_USE"))),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn whether_a_name_is_free_can_be_asked() {
    let server = Server::start().await;
    server.register("alice").await;
    let available = |name: &str| server.get(&format!("{REGISTER}/available{name}")).send();
    assert_eq!(available("?username=bob").await, (200, json!({ "available": true })));
    for (query, errcode) in [
        ("?username=alice", "M_USER_IN_USE"),
        ("?username=%40alice", "M_INVALID_USERNAME"),
        ("", "M_MISSING_PARAM"),
        ("?username=%ff", "M_INVALID_USERNAME"),
    ] {
        let (status, answer) = available(query).await;
        assert_eq!((status, &answer["errcode"]), (400, &json!(errcode)), "{query}");
    }
}

#[tokio::test]
async fn a_closed_server_takes_nobody() {
    let server = Server::with(|settings| settings.rules.registration.mode = RegistrationMode::Closed).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    assert_eq!(error(&server, REGISTER, body).await, (403, "M_FORBIDDEN".to_owned()));
    for path in ["/available?username=alice", "/m.login.registration_token/validity?token=x"] {
        let version = if path.contains("token") { "v1" } else { "v3" };
        let (status, answer) = server.get(&format!("/_matrix/client/{version}/register{path}")).send().await;
        assert_eq!((status, &answer["errcode"]), (403, &json!("M_FORBIDDEN")), "{path}");
    }
}

#[tokio::test]
async fn one_signs_in_by_name_or_id_and_the_old_way() {
    let server = Server::start().await;
    server.register("alice").await;
    assert_eq!(server.get(LOGIN).ok().await, json!({ "flows": [{ "type": "m.login.password" }] }));
    for user in ["alice", "@alice:localhost", "Alice"] {
        let answer = server.post(LOGIN, password_login(user, PASSWORD)).ok().await;
        assert_eq!(answer["user_id"], json!("@alice:localhost"));
        assert!(text(&answer, "access_token").starts_with("cbat_"));
        assert_eq!(status_of(&server, &text(&answer, "access_token")).await, 200);
    }
    let old = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    server.post(LOGIN, old).ok().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let server = Server::start().await;
    server.register("alice").await;
    let wrong = server.post(LOGIN, password_login("alice", "not the password")).send().await;
    assert_eq!((wrong.0, &wrong.1["errcode"]), (403, &json!("M_FORBIDDEN")));
    for user in ["nobody", "@alice:elsewhere", "@nobody:localhost", "", "@", "@:", "a\u{0}b", &"a".repeat(5000)] {
        assert_eq!(server.post(LOGIN, password_login(user, PASSWORD)).send().await, wrong, "{user}");
    }
    let email = json!({ "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.thirdparty", "medium": "email", "address": "a@example.org" } });
    assert_eq!(server.post(LOGIN, email).send().await, wrong);
    assert_eq!(server.post(LOGIN, password_login("alice", &"long".repeat(1000))).send().await, wrong);
}

#[tokio::test]
async fn a_login_that_makes_no_sense_is_refused() {
    let server = Server::start().await;
    server.register("alice").await;
    let alice = json!({ "type": "m.id.user", "user": "alice" });
    for (body, expected) in [
        (json!({}), "M_MISSING_PARAM"),
        (json!({ "type": "m.login.token", "token": "x" }), "M_UNKNOWN"),
        (json!({ "type": "m.login.password", "identifier": alice }), "M_MISSING_PARAM"),
        (json!({ "type": "m.login.password", "password": PASSWORD }), "M_MISSING_PARAM"),
        (
            json!({ "type": "m.login.password", "password": PASSWORD, "identifier": { "type": "m.id.user" } }),
            "M_MISSING_PARAM",
        ),
        (json!({ "type": "m.login.password", "password": PASSWORD, "identifier": { "type": "x" } }), "M_INVALID_PARAM"),
        (json!({ "type": "m.login.password", "password": PASSWORD, "identifier": {} }), "M_BAD_JSON"),
        (json!({ "type": "m.login.password", "password": 7, "identifier": alice }), "M_BAD_JSON"),
        (json!({ "type": 7 }), "M_BAD_JSON"),
        (with(password_login("alice", PASSWORD), json!({ "device_id": "" })), "M_INVALID_PARAM"),
        (with(password_login("alice", PASSWORD), json!({ "device_id": "A\nB" })), "M_INVALID_PARAM"),
        (
            with(password_login("alice", PASSWORD), json!({ "initial_device_display_name": "n".repeat(300) })),
            "M_INVALID_PARAM",
        ),
    ] {
        assert_eq!(error(&server, LOGIN, body.clone()).await, (400, expected.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn signing_in_again_on_a_device_ends_its_earlier_tokens_and_keeps_its_name() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let body = |name: &str| {
        with(password_login("alice", PASSWORD), json!({ "device_id": "TAB", "initial_device_display_name": name }))
    };
    let first = text(&server.post(LOGIN, body("Tablet")).ok().await, "access_token");
    assert_eq!(status_of(&server, &first).await, 200);
    let second = text(&server.post(LOGIN, body("Another name")).ok().await, "access_token");
    assert_eq!((status_of(&server, &first).await, status_of(&server, &second).await), (401, 200));
    assert_eq!(status_of(&server, &alice.token).await, 200);
    let device = server.get("/_matrix/client/v3/devices/TAB").token(&second).ok().await;
    assert_eq!(device["display_name"], json!("Tablet"));
}

#[tokio::test]
async fn refreshing_ends_the_old_tokens_when_the_new_ones_are_used() {
    let server = Server::start().await;
    server.register("alice").await;
    let first =
        server.post(LOGIN, with(password_login("alice", PASSWORD), json!({ "refresh_token": true }))).ok().await;
    assert_eq!(first["expires_in_ms"], json!(3_600_000));
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    assert_eq!(status_of(&server, &access).await, 200);
    // The answer is lost, and the client asks again: what was not used gives way.
    let lost = server.post(REFRESH, json!({ "refresh_token": refresh })).ok().await;
    let second = server.post(REFRESH, json!({ "refresh_token": refresh })).ok().await;
    assert_eq!(status_of(&server, &text(&lost, "access_token")).await, 401);
    assert_eq!(status_of(&server, &access).await, 200, "the old token lives until the new one is used");
    assert_eq!(status_of(&server, &text(&second, "access_token")).await, 200);
    assert_eq!(status_of(&server, &access).await, 401);
    assert_eq!(error(&server, REFRESH, json!({ "refresh_token": refresh })).await, (401, "M_UNKNOWN_TOKEN".to_owned()));
    // Using the new refresh token counts as well.
    let third = server.post(REFRESH, json!({ "refresh_token": second["refresh_token"] })).ok().await;
    let fourth = server.post(REFRESH, json!({ "refresh_token": third["refresh_token"] })).ok().await;
    assert_eq!(status_of(&server, &text(&second, "access_token")).await, 401);
    assert_eq!(error(&server, REFRESH, json!({ "refresh_token": second["refresh_token"] })).await.0, 401);
    assert_eq!(status_of(&server, &text(&fourth, "access_token")).await, 200);
    assert_eq!(
        server.get("/_matrix/client/v3/devices").token(&text(&fourth, "access_token")).ok().await["devices"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn of_two_who_use_one_refresh_token_at_once_one_is_left() {
    let server = Server::start().await;
    server.register("alice").await;
    let first =
        server.post(LOGIN, with(password_login("alice", PASSWORD), json!({ "refresh_token": true }))).ok().await;
    let body = json!({ "refresh_token": first["refresh_token"] });
    let (one, two) = tokio::join!(server.post(REFRESH, body.clone()).ok(), server.post(REFRESH, body).ok());
    let (one, two) = (text(&one, "access_token"), text(&two, "access_token"));
    let mut outcomes = [status_of(&server, &one).await, status_of(&server, &two).await];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 401]);
}

#[tokio::test]
async fn a_refresh_token_that_is_none_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (body, status, expected) in [
        (json!({ "refresh_token": "cbrt_unknown" }), 401, "M_UNKNOWN_TOKEN"),
        (json!({ "refresh_token": alice.token }), 401, "M_UNKNOWN_TOKEN"),
        (json!({ "refresh_token": "" }), 401, "M_UNKNOWN_TOKEN"),
        (json!({}), 400, "M_MISSING_PARAM"),
        (json!({ "refresh_token": 1 }), 400, "M_BAD_JSON"),
    ] {
        assert_eq!(error(&server, REFRESH, body.clone()).await, (status, expected.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn an_expired_token_asks_for_a_soft_logout_and_can_be_refreshed() {
    let server = Server::with(|settings| settings.rules.sessions.refreshable_token_lifetime_ms = 1).await;
    server.register("alice").await;
    let first =
        server.post(LOGIN, with(password_login("alice", PASSWORD), json!({ "refresh_token": true }))).ok().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let (status, answer) = server.get(WHOAMI).token(&text(&first, "access_token")).send().await;
    assert_eq!((status, &answer["errcode"], &answer["soft_logout"]), (401, &json!("M_UNKNOWN_TOKEN"), &json!(true)));
    server.post(REFRESH, json!({ "refresh_token": first["refresh_token"] })).ok().await;
}

#[tokio::test]
async fn no_token_and_a_wrong_token_are_told_apart() {
    let server = Server::start().await;
    let (status, answer) = server.get(WHOAMI).send().await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_MISSING_TOKEN")));
    for token in ["nonsense", "cbat_", &"x".repeat(5000)] {
        let (status, answer) = server.get(WHOAMI).token(token).send().await;
        assert_eq!((status, &answer["errcode"]), (401, &json!("M_UNKNOWN_TOKEN")), "{token}");
        assert_eq!(answer.get("soft_logout"), None);
    }
}

#[tokio::test]
async fn signing_out_ends_the_token_and_removes_the_device() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let phone = server.login("alice").await;
    let other = server.register("bob").await;
    assert_eq!(status_of(&server, &phone.token).await, 200);
    assert_eq!(server.post("/_matrix/client/v3/logout", json!({})).by(&phone).ok().await, json!({}));
    assert_eq!(status_of(&server, &phone.token).await, 401);
    assert_eq!(server.post("/_matrix/client/v3/logout", json!({})).by(&phone).send().await.0, 401);
    let devices = server.get("/_matrix/client/v3/devices").by(&alice).ok().await;
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(1));
    let tablet = server.login("alice").await;
    server.post("/_matrix/client/v3/logout/all", json!({})).by(&alice).ok().await;
    assert_eq!((status_of(&server, &alice.token).await, status_of(&server, &tablet.token).await), (401, 401));
    assert_eq!(status_of(&server, &other.token).await, 200);
    server.login("alice").await;
}

#[tokio::test]
async fn sessions_outlive_a_restart() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let gone = server.login("alice").await;
    server.post("/_matrix/client/v3/logout", json!({})).by(&gone).ok().await;
    let server = server.restart().await;
    assert_eq!((status_of(&server, &alice.token).await, status_of(&server, &gone.token).await), (200, 401));
    server.login("alice").await;
}

#[tokio::test]
async fn a_request_with_a_known_token_asks_the_store_nothing() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    // What the server itself looks up after its start may fall into one round, not into every one.
    let mut asked = Vec::new();
    for _ in 0..5 {
        let before = server.chat().db.queries();
        for _ in 0..20 {
            assert_eq!(status_of(&server, &alice.token).await, 200);
        }
        asked.push(server.chat().db.queries() - before);
    }
    assert!(asked.contains(&0), "{asked:?}");
}
