//! Rate limits, which are on unless an operator lifts them.

use chat::config::Rate;
use e2e::{PASSWORD, Server, json};

async fn limited(change: impl FnOnce(&mut chat::config::Config)) -> Server {
    Server::with(|settings| {
        settings.rules.rate_limits = chat::config::RateLimits::default();
        change(&mut settings.rules);
    })
    .await
}

fn login(user: &str) -> e2e::Value {
    json!({ "type": "m.login.password", "user": user, "password": "wrong password" })
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_for_an_address() {
    let server = limited(|_| ()).await;
    let mut refused = 0;
    for n in 0..12 {
        let (status, headers, body) =
            server.post("/_matrix/client/v3/login", login(&format!("user{n}"))).send_raw().await;
        if status == 429 {
            refused += 1;
            let body: e2e::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(body["errcode"], json!("M_LIMIT_EXCEEDED"));
            assert!(body["retry_after_ms"].as_u64().is_some_and(|ms| (1..=5000).contains(&ms)), "{body}");
            assert!(headers.contains_key("retry-after"));
        } else {
            assert_eq!(status, 403);
        }
    }
    assert!(refused >= 1, "10 attempts at once are allowed");
}

#[tokio::test]
async fn guessing_the_password_of_one_account_is_slowed_down_for_all_addresses() {
    let server = Server::with(|settings| {
        settings.rules.rate_limits = chat::config::RateLimits::default();
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a range")];
    })
    .await;
    let attempt = |n: i32, user: &str| {
        let request = server.post("/_matrix/client/v3/login", login(user));
        request.header("x-forwarded-for", &format!("6.6.6.6, 10.0.0.{n}")).send()
    };
    let mut refused = 0;
    for n in 0..12 {
        refused += i32::from(attempt(n, "alice").await.0 == 429);
    }
    assert!(refused >= 1);
    assert_eq!(attempt(1, "bob").await.0, 403, "other accounts are not concerned");
}

#[tokio::test]
async fn registrations_of_one_address_are_limited() {
    let server = limited(|rules| rules.rate_limits.registration = Rate { per_second: 0.001, burst: 3 }).await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        let body = json!({ "username": format!("user{n}"), "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        statuses.push(server.post("/_matrix/client/v3/register", body).send().await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn an_untrusted_client_cannot_choose_its_address() {
    let server = limited(|rules| rules.rate_limits.registration = Rate { per_second: 0.001, burst: 1 }).await;
    let mut statuses = Vec::new();
    for n in 0..2 {
        let body = json!({ "username": format!("user{n}"), "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        let request =
            server.post("/_matrix/client/v3/register", body).header("x-forwarded-for", &format!("10.0.0.{n}"));
        statuses.push(request.send().await.0);
    }
    assert_eq!(statuses, [200, 429]);
}

#[tokio::test]
async fn what_is_kept_for_a_user_and_sent_to_devices_is_limited_like_messages() {
    let server = limited(|rules| rules.rate_limits.message = Rate { per_second: 0.001, burst: 5 }).await;
    for (name, path) in [
        ("alice", "/_matrix/client/v3/user/@alice:localhost/account_data/org.example"),
        ("bob", "/_matrix/client/v3/user/@bob:localhost/rooms/!room:localhost/tags/u.work"),
        ("carol", "/_matrix/client/v3/sendToDevice/org.example.key"),
    ] {
        let user = server.register(name).await;
        for n in 0..6 {
            let path = if name == "carol" { format!("{path}/{n}") } else { path.to_owned() };
            let request = server.put(&path, json!({ "order": 0.1 * f64::from(n), "messages": {} })).by(&user);
            let (status, answer) = request.send().await;
            assert_eq!(status, if n < 5 { 200 } else { 429 }, "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn messages_of_one_user_are_limited() {
    let server = limited(|rules| rules.rate_limits.message = Rate { per_second: 0.001, burst: 5 }).await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let check =
        |user: &e2e::User| server.chat().rate_limits.check_message(user.id.as_str().try_into().expect("a user id"));
    assert_eq!((0..8).filter(|_| check(&alice).is_ok()).count(), 5);
    assert!(check(&bob).is_ok());
}
