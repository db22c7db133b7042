//! An account that is closed stays closed, and is closed wholly, whatever happens to the server meanwhile.

use std::time::Duration;

use e2e::{Client, PASSWORD, Process, Server, User, Value, encode, json};

const DEACTIVATE: &str = "/_matrix/client/v3/account/deactivate";

fn confirmed(user: &str) -> Value {
    let identifier = json!({ "type": "m.id.user", "user": user });
    json!({ "erase": true, "auth": { "type": "m.login.password", "password": PASSWORD, "identifier": identifier } })
}

/// Of the rooms, those that the user is still in or invited to, as their creator sees it.
async fn still_in(client: &Client, creator: &User, rooms: &[String], user: &User) -> usize {
    let mut count = 0;
    for room in rooms {
        let path = client.room(room, &format!("state/m.room.member/{}", user.id));
        let member = client.get(&path).by(creator).ok().await;
        count += usize::from(member["membership"] != "leave");
    }
    count
}

async fn may_log_in(client: &Client, user: &str) -> bool {
    let body = json!({ "type": "m.login.password", "password": PASSWORD, "user": user });
    client.post("/_matrix/client/v3/login", body).send().await.0 == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_a_kill_interrupts_is_finished_at_the_next_start() {
    let mut interrupted = 0;
    for (round, delay_ms) in [0, 5, 15, 30, 60, 100].into_iter().enumerate() {
        let mut process = Process::spawn().await;
        let (alice, bob) = (process.register("alice").await, process.register("bob").await);
        let mut rooms = Vec::new();
        for n in 0..60 {
            let room = process.create_room(&alice, json!({ "preset": "public_chat", "invite": [bob.id] })).await;
            if n % 3 > 0 {
                process.join(&bob, &room).await;
            }
            rooms.push(room);
        }
        let request = process.post(DEACTIVATE, confirmed("bob")).by(&bob);
        let closing = tokio::spawn(request.try_send());
        // Until it has begun: the account is closed first, and then its rooms are left.
        while process.get("/_matrix/client/v3/account/whoami").by(&bob).send().await.0 == 200 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        process.kill().await;
        drop(closing.await);
        let process = process.restart().await;
        assert!(!may_log_in(&process, "bob").await, "round {round}");
        assert_eq!(process.get("/_matrix/client/v3/account/whoami").by(&bob).send().await.0, 401);
        let mut left = still_in(&process, &alice, &rooms, &bob).await;
        interrupted += usize::from(left > 0);
        for _ in 0..500 {
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            left = still_in(&process, &alice, &rooms, &bob).await;
        }
        assert_eq!(left, 0, "round {round}");
        assert_eq!(process.get(&format!("/_matrix/client/v3/profile/{}", bob.id)).send().await.0, 404);
        let invite = json!({ "user_id": bob.id });
        process.post(&process.room(&rooms[0], "invite"), invite).by(&alice).refused(404, "M_NOT_FOUND").await;
    }
    assert!(interrupted > 0, "no kill left anything to do: the test proves nothing");
}

#[tokio::test]
async fn one_that_cannot_be_closed_is_still_in_use() {
    let server = Server::start().await;
    let (_admin, bob) = (server.register("admin").await, server.register("bob").await);
    let mut wrong = confirmed("bob");
    wrong["auth"]["password"] = json!("wrong");
    server.post(DEACTIVATE, wrong).by(&bob).refused(401, "M_FORBIDDEN").await;
    assert!(may_log_in(&server, "bob").await);
    server.post(DEACTIVATE, confirmed("bob")).by(&bob).ok().await;
    assert!(!may_log_in(&server, "bob").await);
    server.post(DEACTIVATE, confirmed("bob")).by(&bob).refused(401, "M_UNKNOWN_TOKEN").await;
}

#[tokio::test]
async fn erasing_leaves_nothing_beside_the_events() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let own = |rest: &str| format!("/_matrix/client/v3/user/{}/{rest}", bob.id);
    server.put(&own("account_data/org.example.x"), json!({ "x": 1 })).by(&bob).ok().await;
    server.put(&own(&format!("rooms/{room}/tags/u.work")), json!({})).by(&bob).ok().await;
    let filter = server.post(&own("filter"), json!({ "room": { "timeline": { "limit": 3 } } })).by(&bob).ok().await;
    let filter = filter["filter_id"].as_str().expect("an id").to_owned();
    let name = format!("/_matrix/client/v3/profile/{}/displayname", bob.id);
    server.put(&name, json!({ "displayname": "Robert" })).by(&bob).ok().await;
    server.say(&bob, &room, "said").await;
    let typing = server.room(&room, &format!("typing/{}", bob.id));
    server.put(&typing, json!({ "typing": true, "timeout": 60_000 })).by(&bob).ok().await;
    server.post(DEACTIVATE, confirmed("bob")).by(&bob).ok().await;
    let server = server.restart().await;
    let kept = async |room: &str, kind: &str| {
        chat::account_data::get(server.chat(), &bob.id, room, kind).await.expect("the store").is_some()
    };
    assert!(!kept("", "org.example.x").await && !kept(&room, "m.tag").await);
    assert!(chat::filters::get(server.chat(), &bob.id, &filter).await.is_err());
    server.get(&name).refused(404, "M_NOT_FOUND").await;
    let found = server.post("/_matrix/client/v3/user_directory/search", json!({ "search_term": "robert" }));
    assert_eq!(found.by(&alice).ok().await["results"], json!([]));
    // Who was there reads on what was said.
    let history = Value::Array(server.history(&alice, &room).await).to_string();
    assert!(history.contains("said"));
    let status = format!("/_matrix/client/v3/presence/{}/status", encode(&bob.id));
    server.get(&status).by(&alice).refused(404, "M_NOT_FOUND").await;
    assert!(!server.sync(&alice, None).await["rooms"]["join"][&room]["ephemeral"].to_string().contains("m.typing"));
}

/// Everything that the user can read of the room.
async fn readable(client: &Client, user: &User, room: &str, event: &str) -> String {
    let event = encode(event);
    let mut seen = vec![client.sync(user, None).await, Value::Array(client.history(user, room).await)];
    for path in [format!("event/{event}"), format!("context/{event}?limit=50"), "messages?dir=f&limit=100".to_owned()] {
        seen.push(client.get(&client.room(room, &path)).by(user).ok().await);
    }
    Value::Array(seen).to_string()
}

#[tokio::test]
async fn who_comes_after_an_erasure_reads_nothing_of_what_was_said() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (carol, dave) = (server.register("carol").await, server.register("dave").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let secret = server.say(&bob, &room, "SECRET").await;
    let other = server.say(&alice, &room, "TEA").await;
    // Carol could read it before, and is away when it is erased.
    server.join(&carol, &room).await;
    server.leave(&carol, &room).await;
    server.post(DEACTIVATE, confirmed("bob")).by(&bob).ok().await;
    server.join(&carol, &room).await;
    server.join(&dave, &room).await;
    let since = server.sync(&dave, None).await["next_batch"].clone();
    let check = async |server: &Server| {
        for user in [&alice, &carol] {
            assert!(readable(server, user, &room, &secret).await.contains("SECRET"), "{}", user.id);
        }
        let seen = readable(server, &dave, &room, &secret).await;
        assert!(!seen.contains("SECRET") && seen.contains("TEA"), "{seen}");
        let path = server.room(&room, &format!("event/{}", encode(&secret)));
        let event = server.get(&path).by(&dave).ok().await;
        assert_eq!(
            (&event["content"], &event["sender"], &event["event_id"]),
            (&json!({}), &json!(bob.id), &json!(secret))
        );
        let path = server.room(&room, &format!("context/{}?limit=5", encode(&other)));
        assert!(!server.get(&path).by(&dave).ok().await.to_string().contains("SECRET"));
    };
    check(&server).await;
    let server = server.restart().await;
    check(&server).await;
    server.leave(&dave, &room).await;
    let all = encode(r#"{"room":{"include_leave":true,"timeline":{"limit":100}}}"#);
    for since in [None, Some(&since)] {
        let left = server.sync_with(&dave, since, &format!("filter={all}")).await;
        assert!(left["rooms"]["leave"].get(&room).is_some() && !left.to_string().contains("SECRET"));
    }
}
