//! Registration tokens.

use chat::config::RegistrationMode;
use e2e::{Client, PASSWORD, Process, Server, User, Value, json};

const TOKENS: &str = "/_chatbook/client/v1/registration_tokens";
const REGISTER: &str = "/_matrix/client/v3/register";

async fn invite_only() -> (Server, User) {
    let server = Server::with(|settings| settings.rules.registration.mode = RegistrationMode::Token).await;
    let token =
        chat::registration_tokens::first(server.chat()).await.expect("the store").expect("nobody has registered");
    assert_eq!(chat::registration_tokens::first(server.chat()).await.expect("the store").as_ref(), Some(&token));
    let (status, answer) = register(&server, "admin", &token).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(chat::registration_tokens::first(server.chat()).await.expect("the store"), None);
    let admin = server.login("admin").await;
    (server, admin)
}

async fn register(client: &Client, name: &str, token: &str) -> (u16, Value) {
    let auth = json!({ "type": "m.login.registration_token", "token": token });
    client.post(REGISTER, json!({ "username": name, "password": PASSWORD, "auth": auth })).send().await
}

async fn is_valid(server: &Server, token: &str) -> bool {
    let path = format!("/_matrix/client/v1/register/m.login.registration_token/validity?token={token}");
    server.get(&path).ok().await["valid"] == json!(true)
}

#[tokio::test]
async fn an_invited_server_takes_who_has_a_token() {
    let (server, admin) = invite_only().await;
    let (status, challenge) = server.post(REGISTER, json!({ "username": "bob", "password": PASSWORD })).send().await;
    assert_eq!((status, &challenge["flows"]), (401, &json!([{ "stages": ["m.login.registration_token"] }])));
    for auth in [
        json!({ "type": "m.login.dummy" }),
        json!({ "type": "m.login.registration_token" }),
        json!({ "type": "m.login.registration_token", "token": "guess" }),
        json!({ "type": "m.login.registration_token", "token": "guess", "session": challenge["session"] }),
    ] {
        let body = json!({ "username": "bob", "password": PASSWORD, "auth": auth });
        let (status, answer) = server.post(REGISTER, body).send().await;
        assert_eq!((status, answer["completed"].clone()), (401, json!([])), "{auth}");
    }
    let made = server.post(TOKENS, json!({ "token": "tea.party", "uses_allowed": 1 })).by(&admin).ok().await;
    assert_eq!((&made["token"], &made["uses_allowed"], &made["used"]), (&json!("tea.party"), &json!(1), &json!(0)));
    assert!(is_valid(&server, "tea.party").await && !is_valid(&server, "guess").await);
    assert_eq!(register(&server, "bob", "tea.party").await.0, 200);
    assert!(!is_valid(&server, "tea.party").await);
    let (status, answer) = register(&server, "carol", "tea.party").await;
    assert_eq!((status, &answer["errcode"]), (401, &json!("M_UNAUTHORIZED")));
}

#[tokio::test]
async fn a_token_is_good_for_as_many_accounts_as_it_says_however_many_come_at_once() {
    let (server, admin) = invite_only().await;
    let made = server.post(TOKENS, json!({ "uses_allowed": 3 })).by(&admin).ok().await;
    let token = made["token"].as_str().expect("a token").to_owned();
    let attempts: Vec<_> = (0..10)
        .map(|n| {
            let (client, token): (Client, String) = (server.clone(), token.clone());
            tokio::spawn(async move { register(&client, &format!("guest{n}"), &token).await.0 })
        })
        .collect();
    let mut taken = 0;
    for attempt in attempts {
        match attempt.await.expect("the task ends") {
            200 => taken += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(taken, 3);
    let listed = server.get(TOKENS).by(&admin).ok().await;
    let row =
        listed["registration_tokens"].as_array().and_then(|rows| rows.iter().find(|row| row["token"] == json!(token)));
    assert_eq!(row.map(|row| row["used"].clone()), Some(json!(3)));
}

#[tokio::test]
async fn a_token_that_ended_lets_nobody_in() {
    let (server, admin) = invite_only().await;
    server.post(TOKENS, json!({ "token": "gone" })).by(&admin).ok().await;
    assert_eq!(server.delete(&format!("{TOKENS}/gone")).by(&admin).ok().await, json!({}));
    assert_eq!(register(&server, "bob", "gone").await.0, 401);
    let soon = server.chat().env.now() + 150;
    server.post(TOKENS, json!({ "token": "brief", "expires_ts": soon })).by(&admin).ok().await;
    assert!(is_valid(&server, "brief").await);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!is_valid(&server, "brief").await);
    assert_eq!(register(&server, "bob", "brief").await.0, 401);
    let (status, answer) = server.delete(&format!("{TOKENS}/gone")).by(&admin).send().await;
    assert_eq!((status, &answer["errcode"]), (404, &json!("M_NOT_FOUND")));
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused() {
    let (server, admin) = invite_only().await;
    server.post(TOKENS, json!({ "token": "taken" })).by(&admin).ok().await;
    for (body, errcode) in [
        (json!({ "token": "taken" }), "M_INVALID_PARAM"),
        (json!({ "token": "" }), "M_INVALID_PARAM"),
        (json!({ "token": "a b" }), "M_INVALID_PARAM"),
        (json!({ "token": "a".repeat(65) }), "M_INVALID_PARAM"),
        (json!({ "uses_allowed": 0 }), "M_INVALID_PARAM"),
        (json!({ "uses_allowed": -1 }), "M_INVALID_PARAM"),
        (json!({ "expires_ts": 1 }), "M_INVALID_PARAM"),
        (json!({ "uses_allowed": "many" }), "M_BAD_JSON"),
    ] {
        let (status, answer) = server.post(TOKENS, body.clone()).by(&admin).send().await;
        assert_eq!((status, &answer["errcode"]), (400, &json!(errcode)), "{body}");
    }
}

#[tokio::test]
async fn only_administrators_make_see_and_end_tokens() {
    let server = Server::start().await;
    let (admin, bob) = (server.register("admin").await, server.register("bob").await);
    server.post(TOKENS, json!({ "token": "secret" })).by(&admin).ok().await;
    let requests = || [server.get(TOKENS), server.post(TOKENS, json!({})), server.delete(&format!("{TOKENS}/secret"))];
    for request in requests() {
        let (status, answer) = request.by(&bob).send().await;
        assert_eq!((status, &answer["errcode"]), (403, &json!("M_FORBIDDEN")));
    }
    for request in requests() {
        assert_eq!(request.send().await.0, 401);
    }
    assert_eq!(server.get(TOKENS).by(&admin).ok().await["registration_tokens"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn who_starts_an_invited_server_reads_the_first_token_on_its_output() {
    let data = std::sync::Arc::new(tempfile::TempDir::new().expect("a directory"));
    let process = Process::spawn_in(data, &[("CHATBOOK_REGISTRATION__MODE", "token")]).await;
    let printed = process.printed_within(std::time::Duration::from_secs(10), "first account: ").await;
    let token = printed.rsplit_once("first account: ").and_then(|(_, rest)| rest.split_whitespace().next());
    assert_eq!(register(&process, "admin", token.expect("a token")).await.0, 200);
}
