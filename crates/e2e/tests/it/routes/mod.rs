//! What holds for every route, from one table that has to be complete: it works for whom it is for, is closed to
//! everybody else, and takes any body without failing or changing anything.

mod limited;
mod table;
mod world;

use e2e::{Request, Server, User, Value, json};
use table::{Access, ROUTES, Route};
use world::World;

/// The server's administrator, who registers first, and a world.
async fn start() -> (Server, User, World) {
    let server = Server::start().await;
    let admin = server.register("admin").await;
    let world = World::new(&server, &admin, 0).await;
    (server, admin, world)
}

/// The request that the table describes, without an access token.
fn request(server: &Server, world: &World, route: &Route) -> Request {
    let request = server.request(route.method, &world.path(route));
    match route.body {
        "" => request,
        "bytes" => request.header("content-type", "text/plain").body("some text"),
        _ => request.header("content-type", "application/json").body(world.body(route)),
    }
}

fn plain() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| !matches!(route.access, Access::Elsewhere(_)))
}

fn takes_json(route: &&Route) -> bool {
    route.body.starts_with('{')
}

#[test]
fn the_table_has_every_route() {
    let documented = include_str!("../../../../../docs/endpoints.md");
    let row = |line: &'static str| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
        cells.nth(1).zip(cells.next())
    };
    let documented: Vec<_> = documented.lines().filter(|line| line.contains("| `/")).filter_map(row).collect();
    let tabled: Vec<_> = ROUTES.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(tabled, documented, "a new route needs a line in table.rs");
    let modules = include_str!("../main.rs");
    for route in ROUTES {
        if let Access::Elsewhere(module) = route.access {
            assert!(modules.contains(&format!("mod {module};")), "{route:?}");
        }
    }
}

#[tokio::test]
async fn every_route_works_for_whom_it_is_for() {
    let server = Server::start().await;
    let admin = server.register("admin").await;
    for (n, route) in plain().enumerate() {
        let world = World::new(&server, &admin, n).await;
        let request = request(&server, &world, route);
        let (status, answer) = match route.access {
            Access::Anyone => request.send().await,
            Access::Admin => request.by(&admin).send().await,
            _ => request.by(&world.alice).send().await,
        };
        assert_eq!(status, 200, "{} {}: {answer}", route.method, route.path);
    }
}

#[tokio::test]
async fn no_route_is_open_to_whom_it_is_not_for() {
    let (server, admin, world) = start().await;
    let gone = server.login("alice0").await;
    server.post("/_matrix/client/v3/logout", json!({})).by(&gone).ok().await;
    let before = world.snapshot(&server, &admin).await;
    for route in plain().filter(|route| route.access != Access::Anyone) {
        let request = || request(&server, &world, route);
        request().refused(401, "M_MISSING_TOKEN").await;
        for token in ["nonsense", &gone.token, &format!("{}x", world.alice.token), "é"] {
            request().token(token).refused(401, if token == "é" { "M_MISSING_TOKEN" } else { "M_UNKNOWN_TOKEN" }).await;
        }
        request()
            .header("authorization", &format!("Basic {}", world.alice.token))
            .refused(401, "M_MISSING_TOKEN")
            .await;
        match route.access {
            Access::Own(status, errcode) => drop(request().by(&world.carol).refused(status, errcode).await),
            Access::Admin => drop(request().by(&world.alice).refused(403, "M_FORBIDDEN").await),
            _ => {}
        }
    }
    assert_eq!(world.snapshot(&server, &admin).await, before);
}

/// A request by whom the route is for, with another body.
fn with_body(server: &Server, admin: &User, world: &World, route: &Route, body: impl Into<Vec<u8>>) -> Request {
    let request = server.request(route.method, &world.path(route)).body(body.into());
    match route.access {
        Access::Anyone => request,
        Access::Admin => request.by(admin),
        _ => request.by(&world.alice),
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_by_every_route_that_takes_one() {
    let (server, admin, world) = start().await;
    let before = world.snapshot(&server, &admin).await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let open = "{\"a\":".repeat(10_000);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000_000));
    let broken: [(&[u8], u16, &str); 14] = [
        (b"{", 400, "M_NOT_JSON"),
        (b"{\"a\":1,}", 400, "M_NOT_JSON"),
        (b"{'a':1}", 400, "M_NOT_JSON"),
        (b"nonsense", 400, "M_NOT_JSON"),
        (b"{} {}", 400, "M_NOT_JSON"),
        (b"\xff\xfe", 400, "M_NOT_JSON"),
        (b"{\"a\":\"\xff\"}", 400, "M_NOT_JSON"),
        (open.as_bytes(), 400, "M_NOT_JSON"),
        (b"null", 400, "M_BAD_JSON"),
        (b"[]", 400, "M_BAD_JSON"),
        (b"7", 400, "M_BAD_JSON"),
        (b"\"text\"", 400, "M_BAD_JSON"),
        (deep.as_bytes(), 400, "M_BAD_JSON"),
        (large.as_bytes(), 413, "M_TOO_LARGE"),
    ];
    for route in plain().filter(takes_json) {
        for (body, status, errcode) in broken {
            with_body(&server, &admin, &world, route, body).refused(status, errcode).await;
        }
    }
    assert_eq!(world.snapshot(&server, &admin).await, before);
}

#[tokio::test]
async fn a_field_of_the_wrong_kind_never_fails_the_server() {
    let server = Server::start().await;
    let admin = server.register("admin").await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let deep_object = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let large = format!("\"{}\"", "x".repeat(2_000_000));
    let values = [
        (deep.as_str(), Some(400)),
        (&deep_object, None),
        (&large, Some(413)),
        ("\"\\ud800\"", Some(400)),
        ("1e400", Some(400)),
        ("-99999999999999999999", None),
        ("-1", None),
        ("[]", None),
        ("{}", None),
        ("\"\\u0000\"", None),
        ("null", None),
        ("true", None),
    ];
    for (n, route) in plain().filter(takes_json).enumerate() {
        // Some of it is good enough, and changes things.
        let world = World::new(&server, &admin, n).await;
        let good: Value = serde_json::from_str(&world.body(route)).expect("the table's JSON is sound");
        for field in good.as_object().expect("an object").keys() {
            let mut changed = good.clone();
            changed[field] = json!("PLACE");
            for (value, expected) in values {
                let body = changed.to_string().replace("\"PLACE\"", value);
                let (status, answer) = with_body(&server, &admin, &world, route, body).send().await;
                let shown = &value[..value.len().min(40)];
                let shown = format!("{} {} {field} {shown}: {status} {answer}", route.method, route.path);
                assert!(status < 500, "{shown}");
                assert!(status < 400 || answer["errcode"].is_string() || answer["flows"].is_array(), "{shown}");
                assert!(expected.is_none_or(|expected| status == expected), "{shown}");
            }
        }
        server.sync(&world.bob, None).await;
    }
}

#[tokio::test]
async fn a_limit_that_makes_no_sense_is_refused_and_a_large_one_is_cut() {
    let (server, _, world) = start().await;
    for path in ["rooms/{room}/messages", "rooms/{room}/context/{event}", "publicRooms"] {
        let path = format!("/_matrix/client/v3/{path}");
        let route = ROUTES.iter().find(|route| route.path == path && route.method == "GET").expect("a route");
        let base = world.path(route);
        let base = base.split('?').next().expect("a path");
        for limit in ["-1", "x", "1.5", "99999999999999999999999", "%00"] {
            let request = server.get(&format!("{base}?dir=b&limit={limit}")).by(&world.alice);
            request.refused(400, "M_INVALID_PARAM").await;
        }
        for limit in ["0", "1", "1000000000", "18446744073709551615"] {
            server.get(&format!("{base}?dir=b&limit={limit}")).by(&world.alice).ok().await;
        }
    }
    for path in ["publicRooms", "user_directory/search"] {
        let path = format!("/_matrix/client/v3/{path}");
        for limit in [json!(-1), json!(1.5), json!("5"), json!([])] {
            let body = json!({ "limit": limit, "search_term": "x" });
            let (status, answer) = server.post(&path, body).by(&world.alice).send().await;
            let refused = matches!(answer["errcode"].as_str(), Some("M_BAD_JSON" | "M_INVALID_PARAM"));
            assert!(status == 400 && refused, "{path} {limit}: {status} {answer}");
        }
        server.post(&path, json!({ "limit": 1_000_000_000, "search_term": "x" })).by(&world.alice).ok().await;
    }
}

#[tokio::test]
async fn a_path_that_makes_no_sense_is_refused() {
    let (server, admin, world) = start().await;
    let before = world.snapshot(&server, &admin).await;
    let long = "org.example.".to_owned() + &"x".repeat(300);
    let (invalid, unknown) = ((400, "M_INVALID_PARAM"), (404, "M_NOT_FOUND"));
    for (methods, path, (status, errcode)) in [
        ("GET PUT DELETE", "pushrules/global/dance/tea".to_owned(), invalid),
        ("GET PUT", "pushrules/global/dance/tea/actions".to_owned(), invalid),
        ("GET PUT", "pushrules/global/dance/tea/enabled".to_owned(), invalid),
        ("POST", "join/nonsense".to_owned(), invalid),
        ("POST", "knock/nonsense".to_owned(), invalid),
        ("POST", "join/%23none:localhost".to_owned(), unknown),
        ("POST", "join/%23none:elsewhere.example".to_owned(), unknown),
        ("POST", "knock/%23none:localhost".to_owned(), unknown),
        ("POST", "join/!none:localhost".to_owned(), unknown),
        ("POST", "rooms/!none:localhost/join".to_owned(), unknown),
        ("POST", "knock/!none:localhost".to_owned(), unknown),
        ("GET PUT DELETE", format!("profile/{}/Dance", world.alice.id), invalid),
        ("GET PUT DELETE", format!("profile/{}/{long}", world.alice.id), (400, "M_KEY_TOO_LARGE")),
        ("GET", "profile/nonsense".to_owned(), invalid),
        ("GET", format!("user/{}/account_data/none", world.alice.id), unknown),
        ("GET", world.fill("user/$alice/rooms/$room/account_data/none"), unknown),
        ("GET", world.fill("rooms/$room/state/none"), unknown),
        ("GET", world.fill("rooms/$room/state/none/none"), unknown),
        ("GET", "register/available".to_owned(), (400, "M_MISSING_PARAM")),
    ] {
        for method in methods.split(' ') {
            let body = json!({ "actions": [], "enabled": true, "pattern": "x", "Dance": 1, &long: 1 });
            let request = server.request(method, &format!("/_matrix/client/v3/{path}")).json(&body);
            request.by(&world.alice).refused(status, errcode).await;
        }
    }
    let validity = "/_matrix/client/v1/register/m.login.registration_token/validity";
    server.get(validity).refused(400, "M_MISSING_PARAM").await;
    assert_eq!(world.snapshot(&server, &admin).await, before);
}
