//! What is new: in order, exactly once, with marked gaps.

use std::time::Duration;

use e2e::{Server, Value, encode, event_ids, json};

fn timeline<'a>(synced: &'a Value, room: &str) -> &'a Value {
    &synced["rooms"]["join"][room]["timeline"]
}

#[tokio::test]
async fn every_event_comes_once_and_in_the_same_order_for_all() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let start = server.sync(&alice, None).await["next_batch"].clone();
    let mut senders = tokio::task::JoinSet::new();
    for user in [&alice, &bob] {
        for n in 0..4 {
            let (client, user, room) = ((*server).clone(), user.clone(), room.clone());
            senders.spawn(async move {
                for m in 0..25 {
                    client.say(&user, &room, &format!("{n} {m}")).await;
                }
            });
        }
    }
    let follow = async |user: &e2e::User| {
        let (mut since, mut seen) = (start.clone(), Vec::new());
        while seen.len() < 200 {
            let synced = server.sync_with(user, Some(&since), "timeout=5000").await;
            assert_ne!(timeline(&synced, &room)["limited"], true);
            seen.extend(event_ids(&timeline(&synced, &room)["events"]));
            since = synced["next_batch"].clone();
        }
        seen
    };
    let (first, second) = tokio::join!(follow(&alice), follow(&bob));
    senders.join_all().await;
    assert_eq!(first, second);
    let history = event_ids(&Value::Array(server.history(&alice, &room).await));
    assert_eq!(history[history.len() - 200..], first);
}

#[tokio::test]
async fn a_gap_is_marked_and_closed_by_history_without_loss_or_repetition() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let first = server.sync(&bob, None).await;
    let since = first["next_batch"].as_str().expect("a token");
    let mut sent = Vec::new();
    for n in 0..230 {
        sent.push(server.say(&alice, &room, &n.to_string()).await);
        if n == 50 {
            sent.push(server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "gap" })).await);
        }
    }
    for server in [server.restart().await] {
        for limit in [1, 10, 100, 229, 231, 500] {
            let filter = encode(&json!({ "room": { "timeline": { "limit": limit } } }).to_string());
            let synced = server.sync_with(&bob, Some(&json!(since)), &format!("filter={filter}")).await;
            let timeline = timeline(&synced, &room);
            let recent = event_ids(&timeline["events"]);
            assert_eq!(recent.len(), limit.min(231));
            assert_eq!(timeline["limited"], limit < 231, "{limit}");
            let prev_batch = timeline["prev_batch"].as_str().expect("a token");
            let older = server.page_back(&bob, &room, Some(prev_batch), Some(since)).await;
            let mut all = event_ids(&Value::Array(older));
            all.reverse();
            all.extend(recent);
            assert_eq!(all, sent, "{limit}");
            // State that the gap swallowed is told besides.
            let state = &synced["rooms"]["join"][&room]["state"]["events"];
            let told = state.as_array().is_some_and(|state| state.iter().any(|e| e["type"] == "m.room.topic"));
            assert_eq!(told, limit < 180, "{limit} {state}");
        }
    }
}

#[tokio::test]
async fn a_room_newly_joined_comes_with_all_of_its_state() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let since = server.sync(&bob, None).await["next_batch"].clone();
    let room = server.create_room(&alice, json!({ "name": "Tea", "invite": [bob.id] })).await;
    for n in 0..60 {
        server.say(&alice, &room, &n.to_string()).await;
    }
    let invited = server.sync(&bob, Some(&since)).await;
    let state = invited["rooms"]["invite"][&room]["invite_state"]["events"].as_array().expect("state").clone();
    let find = |kind: &str| state.iter().find(|event| event["type"] == kind);
    assert_eq!(find("m.room.name").expect("a name")["content"]["name"], "Tea");
    assert!(find("m.room.create").is_some() && find("m.room.join_rules").is_some());
    assert!(state.iter().any(|e| e["state_key"] == bob.id && e["content"]["membership"] == "invite"));
    assert!(find("m.room.power_levels").is_none(), "only stripped state");
    assert_eq!(invited["rooms"].get("join"), None);
    server.join(&bob, &room).await;
    let joined = server.sync(&bob, Some(&invited["next_batch"])).await;
    let news = &joined["rooms"]["join"][&room];
    assert_eq!((&news["timeline"]["limited"], &news["summary"]["m.joined_member_count"]), (&json!(true), &json!(2)));
    let all: Vec<_> = [&news["state"]["events"], &news["timeline"]["events"]]
        .into_iter()
        .flat_map(|events| events.as_array().expect("events").clone())
        .collect();
    for kind in ["m.room.create", "m.room.power_levels", "m.room.name", "m.room.join_rules"] {
        assert_eq!(all.iter().filter(|event| event["type"] == kind).count(), 1, "{kind}");
    }
    assert_eq!(all.iter().filter(|event| event["content"]["membership"] == "join").count(), 2);
    let quiet = server.sync(&bob, Some(&joined["next_batch"])).await;
    assert_eq!(quiet.get("rooms"), None, "{quiet}");
}

#[tokio::test]
async fn who_comes_back_is_told_what_is_new_and_nothing_twice() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    server.say(&alice, &room, "before").await;
    let first = server.sync(&bob, None).await;
    server.leave(&bob, &room).await;
    let left = server.sync(&bob, Some(&first["next_batch"])).await;
    let news = &left["rooms"]["leave"][&room]["timeline"]["events"];
    assert_eq!(news.as_array().map(Vec::len), Some(1));
    assert_eq!(news[0]["content"]["membership"], "leave");
    server.say(&alice, &room, "between").await;
    assert_eq!(server.sync(&bob, Some(&left["next_batch"])).await.get("rooms"), None);
    server.join(&bob, &room).await;
    let back = server.sync(&bob, Some(&left["next_batch"])).await;
    let events = timeline(&back, &room)["events"].as_array().expect("events").clone();
    let texts: Vec<_> = events.iter().filter_map(|event| event["content"]["body"].as_str()).collect();
    assert_eq!(texts, ["between"]);
    let seen = event_ids(&timeline(&first, &room)["events"]);
    assert!(events.iter().all(|event| !seen.iter().any(|id| event["event_id"] == *id)), "{events:?}");
    assert_eq!(back["rooms"]["join"][&room]["unread_notifications"]["notification_count"], 0);
    // Declined and withdrawn invitations go away.
    let other = server.create_room(&alice, json!({ "invite": [bob.id] })).await;
    let invited = server.sync(&bob, Some(&back["next_batch"])).await;
    assert!(invited["rooms"]["invite"].get(&other).is_some());
    server.leave(&bob, &other).await;
    let declined = server.sync(&bob, Some(&invited["next_batch"])).await;
    // Clients take the room out of their lists when they read this event, and only then.
    let news = declined["rooms"]["leave"][&other]["timeline"]["events"].as_array().expect("events");
    assert_eq!(news.len(), 1, "{declined}");
    assert_eq!((&news[0]["state_key"], &news[0]["content"]["membership"]), (&json!(bob.id), &json!("leave")));
    assert!(
        declined["rooms"]["leave"][&other].get("state").is_none_or(|state| state["events"] == json!([])),
        "{declined}"
    );
    assert!(server.sync(&bob, None).await["rooms"].get("invite").is_none());
}

#[tokio::test]
async fn filters_and_full_state_shape_the_answer() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({ "preset": "public_chat", "name": "Tea" })).await;
    let other = server.public_room(&alice, &[&bob]).await;
    server.join(&bob, &room).await;
    for n in 0..30 {
        server.say(&alice, &room, &n.to_string()).await;
    }
    let sync = async |filter: Value, since: Option<&Value>| {
        server.sync_with(&bob, since, &format!("filter={}", encode(&filter.to_string()))).await
    };
    let synced = sync(json!({ "room": { "not_rooms": [room] } }), None).await;
    assert!(synced["rooms"]["join"].get(&room).is_none() && synced["rooms"]["join"].get(&other).is_some());
    let synced = sync(json!({ "room": { "rooms": [room], "timeline": { "types": ["m.room.name"] } } }), None).await;
    let events = timeline(&synced, &room)["events"].as_array().expect("events").clone();
    assert_eq!(events.iter().map(|event| event["type"].clone()).collect::<Vec<_>>(), [json!("m.room.name")]);
    assert!(synced["rooms"]["join"].get(&other).is_none());
    let lazy = json!({ "room": { "state": { "lazy_load_members": true }, "timeline": { "limit": 3 } } });
    let synced = sync(lazy, None).await;
    let state = synced["rooms"]["join"][&room]["state"]["events"].as_array().expect("state").clone();
    let members: Vec<_> = state.iter().filter(|event| event["type"] == "m.room.member").collect();
    assert!(members.iter().any(|event| event["state_key"] == alice.id), "the sender is named: {members:?}");
    assert!(members.len() <= 2);
    let none = sync(json!({ "room": { "timeline": { "limit": 0 } } }), None).await;
    assert_eq!(timeline(&none, &room)["events"], json!([]));
    assert_eq!(timeline(&none, &room)["limited"], true);
    let older = timeline(&none, &room)["prev_batch"].as_str().expect("a token").to_owned();
    assert_eq!(server.page_back(&bob, &room, Some(&older), None).await[0]["content"]["body"], "29");

    let since = synced["next_batch"].clone();
    assert_eq!(server.sync(&bob, Some(&since)).await.get("rooms"), None);
    let full = server.sync_with(&bob, Some(&since), "full_state=true").await;
    let state = full["rooms"]["join"][&room]["state"]["events"].as_array().expect("state").clone();
    assert!(state.iter().any(|event| event["type"] == "m.room.create"));
    assert_eq!(timeline(&full, &room)["events"], json!([]));
    let fields = sync(json!({ "event_fields": ["type", "content.body"] }), None).await;
    let last = timeline(&fields, &room)["events"].as_array().and_then(|e| e.last()).expect("events").clone();
    assert_eq!(last, json!({ "type": "m.room.message", "content": { "body": "29" } }));
    server.leave(&bob, &other).await;
    assert!(sync(json!({}), None).await["rooms"].get("leave").is_none());
    let left = sync(json!({ "room": { "include_leave": true } }), None).await;
    assert!(left["rooms"]["leave"].get(&other).is_some(), "{left}");
    for filter in ["{", "[]", "{\"room\":5}", "nosuchfilter"] {
        let path = format!("/_matrix/client/v3/sync?filter={}", encode(filter));
        let (status, body) = server.get(&path).by(&bob).send().await;
        assert!(matches!(status, 400 | 404), "{filter} {body}");
    }
}

#[tokio::test]
async fn a_token_outlives_a_restart_and_positions_never_go_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let mut since = server.sync(&bob, None).await["next_batch"].clone();
    // By shard; the vectors of two tokens of which neither is behind the other are ordered.
    let position = |token: &Value| -> Vec<i64> {
        let token = token.as_str().expect("a token").trim_start_matches("s1_").split('_').next().expect("positions");
        token.split('.').map(|pos| pos.parse().expect("a position")).collect()
    };
    let ahead = |later: &Value, earlier: &Value| {
        let (later, earlier) = (position(later), position(earlier));
        assert_eq!(later.len(), earlier.len());
        later.iter().zip(&earlier).all(|(later, earlier)| later >= earlier)
    };
    let mut server = server;
    for round in 0..3 {
        let id = server.say(&alice, &room, &format!("round {round}")).await;
        server = server.restart().await;
        let synced = server.sync(&bob, Some(&since)).await;
        assert_eq!(event_ids(&timeline(&synced, &room)["events"]), [id]);
        assert!(ahead(&synced["next_batch"], &since) && position(&synced["next_batch"]) != position(&since));
        since = synced["next_batch"].clone();
        assert_eq!(server.sync(&bob, Some(&since)).await.get("rooms"), None);
    }
    for token in ["x", "s1_", "s2_1_0_0.0", "s1_-1_0_0.0", "s1_1_0_0.0_9", "t5", "s1_99999999999999999999_0_0.0"] {
        let path = format!("/_matrix/client/v3/sync?since={token}");
        server.get(&path).by(&bob).refused(400, "M_INVALID_PARAM").await;
    }
    for query in ["timeout=-1", "timeout=soon", "full_state=maybe", "set_presence=dancing"] {
        server.get(&format!("/_matrix/client/v3/sync?{query}")).by(&bob).refused(400, "M_INVALID_PARAM").await;
    }
    server.get("/_matrix/client/v3/sync").refused(401, "M_MISSING_TOKEN").await;
    server.get("/_matrix/client/v3/sync").token("x").refused(401, "M_UNKNOWN_TOKEN").await;
    // A token of another server, or one that was made up, breaks nothing.
    let far = json!(e2e::far_token(since.as_str().expect("a token")));
    let path = format!("/_matrix/client/v3/sync?since={}", far.as_str().expect("a token"));
    let (status, synced) = server.get(&path).by(&bob).send().await;
    match position(&since).len() {
        1 => assert!(status == 200 && synced["rooms"]["join"][&room].is_object(), "{synced}"),
        // Another node may know more.
        _ => assert_eq!(status, 503, "{synced}"),
    }
    let alices = server.sync(&alice, None).await["next_batch"].clone();
    assert_eq!(server.sync(&bob, Some(&alices)).await.get("rooms"), None);
}

#[tokio::test]
async fn nothing_new_in_a_thousand_rooms_is_answered_without_a_query() {
    let server = Server::with(|settings| settings.rules.limits.rooms_per_user = 2000).await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    for _ in 0..1000 {
        server.create_room(&alice, json!({})).await;
    }
    let own = server.public_room(&alice, &[]).await;
    let since = server.sync(&alice, None).await["next_batch"].clone();
    let quiet = async || {
        let before = server.chat().db.queries();
        let synced = server.sync(&alice, Some(&since)).await;
        assert_eq!(synced.get("rooms"), None);
        assert_eq!(server.chat().db.queries() - before, 0);
    };
    quiet().await;
    // Nor after much has happened elsewhere.
    let elsewhere = server.public_room(&bob, &[&carol]).await;
    for n in 0..300 {
        server.say(&bob, &elsewhere, &n.to_string()).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    quiet().await;
    // One message in one room is told from memory too.
    server.say(&alice, &own, "hello").await;
    let before = server.chat().db.queries();
    let synced = server.sync(&alice, Some(&since)).await;
    assert_eq!(synced["rooms"]["join"].as_object().map(|rooms| rooms.len()), Some(1));
    assert_eq!(server.chat().db.queries() - before, 0);
}

#[tokio::test]
async fn state_that_the_timeline_does_not_show_is_told_however_long_the_gap() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let filter = encode(r#"{"room":{"timeline":{"types":["m.room.message"],"limit":10}}}"#);
    let first = server.sync_with(&bob, None, &format!("filter={filter}")).await;
    for n in 0..300 {
        server.say(&alice, &room, &n.to_string()).await;
        if n == 295 {
            server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "late" })).await;
        }
    }
    // Now its memory does not reach that far.
    let server = server.restart().await;
    let synced = server.sync_with(&bob, Some(&first["next_batch"]), &format!("filter={filter}")).await;
    assert_eq!(timeline(&synced, &room)["limited"], true);
    let state = &synced["rooms"]["join"][&room]["state"]["events"];
    let topics: Vec<_> = state.as_array().expect("state").iter().map(|event| &event["content"]["topic"]).collect();
    assert_eq!(topics, ["late"], "{state}");
}
