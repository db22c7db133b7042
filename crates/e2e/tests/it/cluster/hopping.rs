//! One client, another node for each request, as behind a load balancer without sticky sessions.

use std::time::{Duration, Instant};

use e2e::{Server, User, Value, encode, json};

use super::{Nodes, follow, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_acknowledged_at_one_node_is_known_at_the_next() {
    hop(&Nodes::start(3).await, 30).await;
}

/// Nothing tells the next node but its own look at the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_acknowledged_at_one_node_is_known_at_the_next_without_redis() {
    hop(&Nodes::with(3, None).await, 8).await;
}

async fn hop(nodes: &Nodes, rounds: usize) {
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    for n in 0..rounds {
        // Made here, joined there, written to elsewhere, read at the first.
        let room = nodes.at(n).public_room(&alice, &[]).await;
        nodes.at(n + 1).join(&bob, &room).await;
        let said = nodes.at(n + 2).say(&bob, &room, "hello").await;
        let event =
            nodes.at(n).get(&nodes.at(n).room(&room, &format!("event/{}", encode(&said)))).by(&alice).ok().await;
        assert_eq!(event["content"]["body"], "hello");
        let receipt = nodes.at(n + 1).room(&room, &format!("receipt/m.read/{}", encode(&said)));
        nodes.at(n + 1).post(&receipt, json!({})).by(&alice).ok().await;
        nodes.at(n + 2).moderate(&alice, &room, "ban", &bob).await;
        let path = nodes.at(n).room(&room, "send/m.room.message/late");
        nodes.at(n).put(&path, json!({ "body": "no", "msgtype": "m.text" })).by(&bob).refused(403, "M_FORBIDDEN").await;
        nodes
            .at(n + 1)
            .post(&format!("/_matrix/client/v3/join/{}", encode(&room)), json!({}))
            .by(&bob)
            .refused(403, "M_FORBIDDEN")
            .await;
        nodes.at(n + 2).moderate(&alice, &room, "unban", &bob).await;
        nodes.at(n).join(&bob, &room).await;
        // This node knows the room, and that the one who writes is not in it.
        nodes.at(n + 2).say(&bob, &room, "here again").await;
        nodes.at(n + 1).set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "tea" })).await;
        let topic = nodes.at(n + 2).get(&nodes.at(0).room(&room, "state/m.room.topic/")).by(&bob).ok().await;
        assert_eq!(topic["topic"], "tea");
        let joined = nodes.at(n).get("/_matrix/client/v3/joined_rooms").by(&bob).ok().await;
        assert!(joined["joined_rooms"].as_array().is_some_and(|rooms| rooms.contains(&json!(room))), "{joined}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_set_at_one_node_is_read_at_the_next() {
    let nodes = Nodes::start(2).await;
    let alice = nodes.at(0).register("alice").await;
    let room = nodes.at(0).create_room(&alice, json!({})).await;
    for n in 0..20 {
        let path = format!("/_matrix/client/v3/user/{}/account_data/org.example.n", encode(&alice.id));
        nodes.at(n).put(&path, json!({ "n": n })).by(&alice).ok().await;
        assert_eq!(nodes.at(n + 1).get(&path).by(&alice).ok().await, json!({ "n": n }));
        let tags = format!("/_matrix/client/v3/user/{}/rooms/{}/tags", encode(&alice.id), encode(&room));
        nodes.at(n).put(&format!("{tags}/u.{n}"), json!({})).by(&alice).ok().await;
        let known = nodes.at(n + 1).get(&tags).by(&alice).ok().await;
        assert_eq!(known["tags"].as_object().map(|tags| tags.len()), Some(n + 1));
        let synced = nodes.at(n + 1).sync(&alice, None).await;
        let global = synced["account_data"]["events"].as_array().expect("account data");
        assert!(global.iter().any(|data| data["content"] == json!({ "n": n })), "{global:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_set_at_several_nodes_at_once_are_all_kept() {
    let nodes = Nodes::start(3).await;
    let alice = nodes.at(0).register("alice").await;
    let room = nodes.at(0).create_room(&alice, json!({})).await;
    let tags = format!("/_matrix/client/v3/user/{}/rooms/{}/tags", encode(&alice.id), encode(&room));
    for round in 0..10 {
        let set = |n: usize| {
            let request = nodes.at(n).put(&format!("{tags}/u.{round}.{n}"), json!({})).by(&alice);
            async move { request.ok().await }
        };
        tokio::join!(set(0), set(1), set(2));
    }
    let known = nodes.at(0).get(&tags).by(&alice).ok().await;
    assert_eq!(known["tags"].as_object().map(|tags| tags.len()), Some(30), "{known}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authentication_begun_at_one_node_is_finished_at_another() {
    let nodes = Nodes::start(2).await;
    let body = json!({ "username": "carol", "password": e2e::PASSWORD });
    let (status, challenge) = nodes.at(0).post("/_matrix/client/v3/register", body.clone()).send().await;
    assert_eq!(status, 401);
    let mut body = body;
    body["auth"] = json!({ "type": "m.login.dummy", "session": challenge["session"] });
    let made = nodes.at(1).post("/_matrix/client/v3/register", body).ok().await;
    let token = made["access_token"].as_str().expect("a token");
    nodes.at(0).get("/_matrix/client/v3/account/whoami").token(token).ok().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_signed_out_at_one_node_is_signed_out_at_all() {
    let nodes = Nodes::start(2).await;
    let alice = nodes.at(0).register("alice").await;
    for n in 0..5 {
        let phone = nodes.at(n).login("alice").await;
        for node in 0..2 {
            nodes.at(node).get("/_matrix/client/v3/account/whoami").by(&phone).ok().await;
        }
        let mut stream = nodes.at(n + 1).stream(&phone, "").await.expect("open");
        stream.next().await.expect("it sends").expect("the first frame");
        nodes.at(n).post("/_matrix/client/v3/logout", json!({})).by(&phone).ok().await;
        while stream.next().await.expect("it is closed in words").is_some() {}
        assert_eq!(stream.close_code(), Some(4401));
        nodes.at(n + 1).get("/_matrix/client/v3/account/whoami").by(&phone).refused(401, "M_UNKNOWN_TOKEN").await;
    }
    nodes.at(1).get("/_matrix/client/v3/account/whoami").by(&alice).ok().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_transaction_id_at_two_nodes_is_one_message() {
    let nodes = Nodes::start(3).await;
    let alice = nodes.at(0).register("alice").await;
    let room = nodes.at(0).create_room(&alice, json!({})).await;
    for n in 0..20 {
        let say = |node: usize| {
            let (node, alice, room) = (nodes.at(node), &alice, &room);
            async move { node.say(alice, room, &format!("m{n}")).await }
        };
        let (a, b, c) = tokio::join!(say(0), say(1), say(2));
        assert!(a == b && b == c);
    }
    let history = nodes.at(1).history(&alice, &room).await;
    assert_eq!(history.iter().filter(|event| event["type"] == "m.room.message").count(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_sent_to_a_device_before_a_message_come_no_later_than_the_message() {
    let nodes = Nodes::start(3).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let mut since = nodes.at(0).sync(&bob, None).await["next_batch"].clone();
    let mut keys: Vec<i64> = Vec::new();
    for n in 0..40_i64 {
        let at = n as usize;
        let messages = json!({ "messages": { bob.id.clone(): { bob.device.clone(): { "n": n } } } });
        let path = format!("/_matrix/client/v3/sendToDevice/m.room_key/{n}");
        nodes.at(at).put(&path, messages).by(&alice).ok().await;
        nodes.at(at + 1).say(&alice, &room, &n.to_string()).await;
        let mut arrived = Vec::new();
        follow(&nodes, &bob, &mut since, |synced| {
            let events = synced["to_device"]["events"].as_array().cloned().unwrap_or_default();
            keys.extend(events.iter().filter_map(|event| event["content"]["n"].as_i64()));
            arrived.extend(texts(synced, &room));
            for text in &arrived {
                assert!(
                    keys.contains(&text.parse().expect("a number")),
                    "message {text} came before its key: {keys:?}"
                );
            }
            arrived.contains(&n.to_string())
        })
        .await;
    }
    assert_eq!(keys, (0..40).collect::<Vec<i64>>(), "each once and in order");
    let _: Value = since;
}

/// The next node hears of it up to 75 ms later. It reads who the user is from the database, which knows already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_a_node_that_has_yet_to_hear_of_their_removal_is_told_of_it() {
    let nodes = Nodes::with(2, None).await;
    let alice = nodes.at(0).register("alice").await;
    for n in 0..8 {
        let bob = nodes.at(0).register(&format!("bob{n}")).await;
        let room = nodes.at(0).public_room(&alice, &[&bob]).await;
        let mut since = nodes.at(0).sync(&bob, None).await["next_batch"].clone();
        // The next node has heard of all of it.
        tokio::time::sleep(Duration::from_millis(200)).await;
        nodes.at(0).say(&alice, &room, "goodbye").await;
        nodes.at(0).moderate(&alice, &room, "kick", &bob).await;
        let begun = Instant::now();
        let (next, mut heard, mut timeout_ms) = (Nodes::only(&nodes, 1), Vec::new(), 5);
        // The first answer may be one of before.
        while !heard.contains(&"it is over".to_owned()) {
            let synced = next.at(0).sync_with(&bob, Some(&since), &format!("timeout={timeout_ms}")).await;
            (since, timeout_ms) = (synced["next_batch"].clone(), 3000);
            heard.extend(texts(&synced, &room));
            let left = synced["rooms"]["leave"][&room]["timeline"]["events"].as_array().cloned().unwrap_or_default();
            heard.extend(left.iter().filter_map(|event| event["content"]["body"].as_str()).map(str::to_owned));
            heard.extend((!left.is_empty()).then(|| "it is over".to_owned()));
            assert!(begun.elapsed() < Duration::from_secs(20), "never told: {heard:?}");
        }
        assert_eq!(heard, ["goodbye", "it is over"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_again_is_not_taken_for_the_session_that_ended_by_it() {
    let nodes = Nodes::with(2, None).await;
    let mut alice = nodes.at(0).register("alice").await;
    for _ in 0..8 {
        let since = nodes.at(1).sync(&alice, None).await["next_batch"].clone();
        let body = json!({
            "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" },
            "password": e2e::PASSWORD, "device_id": alice.device,
        });
        let signed_in = nodes.at(0).post("/_matrix/client/v3/login", body).ok().await;
        let before = std::mem::replace(&mut alice.token, signed_in["access_token"].as_str().expect("one").to_owned());
        nodes.at(1).sync_with(&alice, Some(&since), "timeout=300").await;
        let ended = nodes.at(1).get("/_matrix/client/v3/account/whoami").token(&before);
        ended.refused(401, "M_UNKNOWN_TOKEN").await;
    }
}

/// As clients do it, who are online as long as they poll.
async fn poll(node: &Server, user: &User, since: &mut String, timeout_ms: u32) -> Value {
    let path = format!("/_matrix/client/v3/sync?timeout={timeout_ms}&since={since}");
    let synced = node.get(&path).by(user).ok().await;
    synced["next_batch"].as_str().expect("a token").clone_into(since);
    synced
}

/// Somebody who is online, and who began to type before, is no news to a poll that comes to another node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_polls_another_node_each_time_waits_while_nothing_happens() {
    let nodes = Nodes::start(2).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let path = nodes.at(1).room(&room, &format!("typing/{}", encode(&bob.id)));
    let types =
        async |typing| nodes.at(1).put(&path, json!({ "typing": typing, "timeout": 30_000 })).by(&bob).ok().await;
    let alice_polls = async {
        types(true).await;
        let mut since = String::new();
        let (begun, mut answers, mut waits) = (Instant::now(), 0, 0);
        while begun.elapsed() < Duration::from_secs(6) {
            let asked = Instant::now();
            poll(nodes.at(answers), &alice, &mut since, 1_000).await;
            waits += usize::from(asked.elapsed() >= Duration::from_secs(1));
            answers += 1;
        }
        assert!(answers < 16 && waits >= 3, "{answers} answers, {waits} after a wait");
        // What does happen ends a wait, whichever node is asked, and each tells it once.
        for n in 0..4 {
            let (asked, typing) = (Instant::now(), n % 2 == 1);
            let hears = async {
                for polls in 1.. {
                    let synced = poll(nodes.at(n + polls), &alice, &mut since, 5_000).await;
                    let event = &synced["rooms"]["join"][&room]["ephemeral"]["events"][0]["content"]["user_ids"];
                    if asked.elapsed() > Duration::from_millis(300)
                        && event.as_array().is_some_and(|users| users.is_empty() != typing)
                    {
                        return polls;
                    }
                }
                0
            };
            let (polls, _) = tokio::join!(hears, async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                types(typing).await
            });
            assert!(polls < 5 && asked.elapsed() < Duration::from_secs(3), "{polls} polls, {:?}", asked.elapsed());
        }
    };
    let bob_polls = async {
        let mut since = String::new();
        loop {
            poll(nodes.at(1), &bob, &mut since, 30_000).await;
        }
    };
    tokio::select! {
        () = alice_polls => {}
        () = bob_polls => {}
    }
}
