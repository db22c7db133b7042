//! What costs others something can be asked only so often.

use chat::config::Rate;
use e2e::{PASSWORD, Server, Value};

use super::{Access, ROUTES, Route, request, world::World};

/// The routes that are limited, by what follows `/_matrix/client/v3/` (or the whole path).
const LIMITED: [(&str, &str); 29] = [
    ("PUT", "rooms/{room}/send/{type}/{txn}"),
    ("PUT", "rooms/{room}/state/{type}"),
    ("PUT", "rooms/{room}/state/{type}/{key}"),
    ("PUT", "rooms/{room}/redact/{event}/{txn}"),
    ("POST", "createRoom"),
    ("POST", "join/{room}"),
    ("POST", "knock/{room}"),
    ("POST", "rooms/{room}/join"),
    ("POST", "rooms/{room}/leave"),
    ("POST", "rooms/{room}/invite"),
    ("POST", "rooms/{room}/kick"),
    ("POST", "rooms/{room}/ban"),
    ("POST", "rooms/{room}/unban"),
    ("PUT", "directory/room/{alias}"),
    ("PUT", "profile/{user_id}/{key}"),
    ("DELETE", "profile/{user_id}/{key}"),
    ("PUT", "pushrules/global/{kind}/{rule_id}"),
    ("POST", "user_directory/search"),
    ("POST", "/_matrix/media/v3/upload"),
    ("POST", "/_matrix/media/v1/create"),
    // By address.
    ("GET", "profile/{user_id}"),
    ("GET", "profile/{user_id}/{key}"),
    ("GET", "/_matrix/client/v1/register/m.login.registration_token/validity"),
    ("POST", "register"),
    // A password is tried.
    ("POST", "login"),
    ("POST", "account/password"),
    ("POST", "account/deactivate"),
    ("POST", "delete_devices"),
    ("DELETE", "devices/{device_id}"),
];

fn find(method: &str, path: &str) -> &'static Route {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/_matrix/client/v3/{path}") };
    let found = ROUTES.iter().find(|route| route.method == method && route.path == path);
    found.unwrap_or_else(|| panic!("there is no {method} {path}"))
}

#[tokio::test]
async fn what_is_limited_is_refused_in_time_and_says_when_to_come_back() {
    let rate = |burst| Rate { per_second: 0.01, burst };
    let server = Server::with(|settings| {
        settings.rules.rate_limits.enabled = true;
        settings.rules.rate_limits.message = rate(40);
        settings.rules.rate_limits.login = rate(8);
        settings.rules.rate_limits.registration = rate(8);
    })
    .await;
    let admin = server.register("admin").await;
    let world = World::new(&server, &admin, 0).await;
    for (method, path) in LIMITED {
        let route = find(method, path);
        let mut refused = None;
        for _ in 0..60 {
            let mut request = request(&server, &world, route);
            if route.body.contains("$password") {
                request = request.body(world.body(route).replace(PASSWORD, "wrong password"));
            }
            let request = if route.access == Access::Anyone { request } else { request.by(&world.alice) };
            let (status, headers, body) = request.send_raw().await;
            if status == 429 {
                refused = Some((headers, body));
                break;
            }
        }
        let (headers, body) = refused.unwrap_or_else(|| panic!("{method} {path} is not limited"));
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["errcode"], "M_LIMIT_EXCEEDED", "{method} {path}");
        let wait = body["retry_after_ms"].as_u64().expect("a number");
        assert!((1..=100_000).contains(&wait) && headers.contains_key("retry-after"), "{method} {path}: {body}");
    }
    // Reading, and everybody else, goes on.
    server.sync(&world.alice, None).await;
    server.say(&world.bob, &world.fill("$room"), "hello").await;
}
