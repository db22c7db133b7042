//! The database hangs, or is restored from a backup.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{Process, Server, chatbook, json};
use services::Postgres;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_hangs_who_comes_later_is_told_so_at_once() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts");
    postgres.create_database("hangs").await.expect("it is created");
    let url = postgres.url("hangs");
    let server = Arc::new(Server::with(move |settings| settings.postgres.url = url).await);
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    server.say(&alice, &room, "before").await;
    let unanswered = || server.chat().tails().unanswered.expect("it looks each second");
    assert!(unanswered() < Duration::from_secs(4));
    postgres.pause().await;
    let waiting = tokio::spawn({
        let (server, alice, room) = (server.clone(), alice.clone(), room.clone());
        async move { server.say(&alice, &room, "meanwhile").await }
    });
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    assert!(unanswered() > Duration::from_secs(4), "whoever looks at the metrics sees it");
    let path = server.room(&room, "send/m.room.message/later");
    let send = || server.put(&path, json!({ "msgtype": "m.text", "body": "later" })).by(&alice);
    let begun = Instant::now();
    let (status, headers, body) = send().send_raw().await;
    assert_eq!(status, 503, "{body:?}");
    assert!(headers.contains_key("retry-after") && begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(!waiting.is_finished(), "what was there before goes on waiting");
    postgres.resume().await;
    let meanwhile = waiting.await.expect("it is acknowledged");
    let later = send().ok().await;
    let ids = e2e::event_ids(&json!(server.history(&alice, &room).await));
    let position = |id: &str| ids.iter().position(|other| other == id).expect("it is there");
    assert_ne!(meanwhile, later["event_id"]);
    assert!(position(&meanwhile).abs_diff(position(later["event_id"].as_str().expect("an id"))) == 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_acknowledges_messages_while_somebody_holds_the_log_reads_on() {
    let postgres = Arc::new(Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts"));
    postgres.create_database("held").await.expect("it is created");
    let url = postgres.url("held");
    let server = Server::with(move |settings| settings.postgres.url = url).await;
    let alice = server.register("alice").await;
    let message = json!({ "messages": { &alice.id: { "*": { "n": 1 } } } });
    server.put("/_matrix/client/v3/sendToDevice/org.example.key/1", message).by(&alice).ok().await;
    let messages = |answer: &e2e::Value| answer["to_device"]["events"].as_array().map_or(0, Vec::len);
    let first = server.sync(&alice, None).await;
    assert_eq!(messages(&first), 1);
    let hold = tokio::spawn({
        let postgres = postgres.clone();
        async move { postgres.sql("held", "begin; select 1 from shard for update; select pg_sleep(6); commit").await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    let since = first["next_batch"].clone();
    let (answer, mut stream) = tokio::join!(server.sync(&alice, Some(&since)), async {
        server.stream(&alice, &format!("since={}", since.as_str().expect("a token"))).await.expect("it connects")
    });
    assert_eq!((messages(&answer), begun.elapsed() < Duration::from_secs(3)), (0, true), "{:?}", begun.elapsed());
    hold.await.expect("it ends").expect("the log is free");
    let room = server.create_room(&alice, json!({})).await;
    while !stream.next().await.expect("it goes on").expect("a frame").to_string().contains(&room) {}
    server.sync(&alice, Some(&answer["next_batch"])).await;
    assert_eq!(messages(&server.sync(&alice, None).await), 0, "the next token has removed it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_stops_in_time_while_its_database_hangs() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts");
    postgres.create_database("hangs").await.expect("it is created");
    let url = postgres.url("hangs");
    let environment = [("CHATBOOK_POSTGRES__URL", url.as_str()), ("CHATBOOK_SERVER__SHUTDOWN_TIMEOUT_MS", "2000")];
    let mut node = Process::spawn_in(Arc::new(TempDir::new().expect("a directory")), &environment).await;
    let alice = node.register("alice").await;
    let room = node.create_room(&alice, json!({})).await;
    postgres.pause().await;
    let path = node.room(&room, "send/m.room.message/1");
    let sending = node.put(&path, json!({ "msgtype": "m.text", "body": "x" })).by(&alice).try_send();
    let sending = tokio::spawn(sending);
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.signal("TERM").await;
    let begun = Instant::now();
    let status = tokio::time::timeout(Duration::from_secs(60), node.wait()).await.expect("it stops");
    assert!(status.success() && begun.elapsed() < Duration::from_secs(15), "{status} {:?}", begun.elapsed());
    sending.await.expect("it ends").ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_looks_at_a_database_leaves_it_as_it_is() {
    let url = e2e::database().await;
    let environment = [("CHATBOOK_POSTGRES__URL", url.as_str()), ("CHATBOOK_POSTGRES__SHARDS", "12")];
    let [check, status] = [&["check"][..], &["cluster", "status"]];
    for _ in 0..2 {
        for look in [check, status] {
            let (code, _, error) = chatbook(look, &environment).await;
            assert_eq!((code, error.contains("the database has no store yet")), (1, true), "{look:?}: {error}");
        }
    }
    let _node = Process::spawn_in(Arc::new(TempDir::new().expect("a directory")), &environment).await;
    let (code, printed, error) = chatbook(status, &environment).await;
    assert_eq!((code, printed.contains("11: ")), (0, true), "{printed}{error}");
    let (_, printed, error) = chatbook(check, &environment).await;
    assert!(printed.contains("a node makes up to 16"), "eight of them for commits: {printed}{error}");
}

/// As docs/operators.md says it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_database_was_restored_passes_over_nothing_that_comes() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts");
    let media = Arc::new(TempDir::new().expect("a directory"));
    let (first, second) = (postgres.url("first"), postgres.url("second"));
    postgres.create_database("first").await.expect("it is created");
    let mut node = Process::spawn_in(media.clone(), &[("CHATBOOK_POSTGRES__URL", &first)]).await;
    let alice = node.register("alice").await;
    let room = node.create_room(&alice, json!({})).await;
    let kept = node.say(&alice, &room, "kept").await;
    let dump = media.path().join("chatbook.dump");
    postgres.dump("first", &dump).await.expect("it is written");
    let mut lost = Vec::new();
    for n in 0..5 {
        lost.push(node.say(&alice, &room, &format!("lost {n}")).await);
    }
    let since = node.sync(&alice, None).await["next_batch"].clone();
    node.kill().await;
    postgres.create_database("second").await.expect("it is created");
    postgres.restore("second", &dump).await.expect("it is loaded");
    let environment = [("CHATBOOK_POSTGRES__URL", second.as_str())];
    let (code, printed, error) = chatbook(&["store", "bump-epoch"], &environment).await;
    assert_eq!((code, printed.contains(" begins in 8 shards.")), (0, true), "{printed}{error}");
    let nodes = [Process::spawn_in(media.clone(), &environment).await, Process::spawn_in(media, &environment).await];
    let said = nodes[0].say(&alice, &room, "after").await;
    let synced = nodes[1].sync_with(&alice, Some(&since), "timeout=2000").await;
    let timeline = &synced["rooms"]["join"][&room]["timeline"]["events"];
    assert!(e2e::event_ids(timeline).contains(&said), "{synced}");
    let ids = e2e::event_ids(&json!(nodes[1].history(&alice, &room).await));
    assert!(ids.contains(&kept) && !lost.iter().any(|id| ids.contains(id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_epoch_begins_where_there_is_no_store() {
    let (url, data) = (e2e::database().await, TempDir::new().expect("a directory"));
    let data = data.path().display().to_string();
    for (variable, value, said) in [
        ("CHATBOOK_POSTGRES__URL", url.as_str(), "chatbook: the database has no store yet: restore it first"),
        ("CHATBOOK_SERVER__DATA", data.as_str(), "chatbook: there is no store in "),
    ] {
        for _ in 0..2 {
            let (code, printed, error) = chatbook(&["store", "bump-epoch"], &[(variable, value)]).await;
            assert_eq!((code, error.starts_with(said)), (1, true), "{printed}{error}");
        }
    }
}

/// A copy has the identity and the secret of what it was copied from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_store_at_the_same_redis_is_not_heard() {
    let (postgres, redis) =
        (Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts"), e2e::redis().await);
    let directory = Arc::new(TempDir::new().expect("a directory"));
    let at = async |database: &str| node(&directory, postgres.url(database), redis.clone()).await;
    postgres.create_database("original").await.expect("it is created");
    let original = at("original").await;
    let alice = original.register("alice").await;
    let room = original.create_room(&alice, json!({})).await;
    let dump = directory.path().join("chatbook.dump");
    postgres.dump("original", &dump).await.expect("it is written");
    postgres.create_database("copy").await.expect("it is created");
    postgres.restore("copy", &dump).await.expect("it is loaded");
    let copy = at("copy").await;
    let mut stream = original.stream(&alice, "").await.expect("it connects");
    stream.next().await.expect("it sends").expect("the first frame");
    for n in 0..5 {
        copy.say(&alice, &room, &format!("in the copy {n}")).await;
    }
    let said = original.say(&alice, &room, "in the original").await;
    let told =
        async { while !stream.next().await.expect("it goes on").expect("a frame").to_string().contains(&said) {} };
    tokio::time::timeout(Duration::from_secs(10), told).await.expect("it is told of what is said where it is");
    for (node, others) in [(&original, "in the copy"), (&copy, "in the original")] {
        let history = json!(node.history(&alice, &room).await).to_string();
        assert!(!history.contains(others), "{history}");
    }
}

async fn node(data: &Arc<TempDir>, database: String, redis: String) -> Server {
    Server::with_in(data.clone(), move |settings| {
        settings.postgres.url = database;
        settings.redis.urls = vec![redis];
    })
    .await
}

/// As after a crash without `synchronous_commit`, or a snapshot of the disk that was put back: the same database to all
/// appearances, with less in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_has_lost_commits_under_running_nodes_begins_an_epoch_by_itself() {
    let (postgres, redis) =
        (Postgres::start(&[("fsync", "off")]).await.expect("PostgreSQL starts"), e2e::redis().await);
    postgres.create_database("loses").await.expect("it is created");
    let data = Arc::new(TempDir::new().expect("a directory"));
    let start = async || node(&data, postgres.url("loses"), redis.clone()).await;
    let nodes = [start().await, start().await];
    let alice = nodes[0].register("alice").await;
    let room = nodes[0].create_room(&alice, json!({})).await;
    nodes[0].say(&alice, &room, "kept").await;
    postgres.sql("loses", "create table kept_head as select * from shard").await.expect("SQL");
    for n in 0..5 {
        nodes[n % 2].say(&alice, &room, &format!("lost {n}")).await;
    }
    let since = nodes[1].sync(&alice, None).await["next_batch"].clone();
    let lose = "begin;
        update room r set seq = seq - 5, count = count - 5, pos = k.head from kept_head k where k.shard = r.shard;
        delete from event e using kept_head k where k.shard = e.shard and e.pos > k.head;
        delete from log l using kept_head k where k.shard = l.shard and l.pos > k.head;
        update shard s set head = k.head from kept_head k where k.shard = s.shard; commit";
    postgres.sql("loses", lose).await.expect("SQL");
    let begun = Instant::now();
    for node in &nodes {
        loop {
            let (_, synced) = node.get("/_matrix/client/v3/sync").by(&alice).send().await;
            let positions = synced["next_batch"].as_str().and_then(|token| token.split('_').nth(1)).unwrap_or("0");
            if positions.split('.').all(|pos| pos.parse::<i64>().is_ok_and(|pos| pos > 1 << 32)) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "no epoch begins: {synced}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let epochs = "select count(distinct epoch) = 1 and min(epoch) > 1 from shard";
    postgres.sql("loses", &format!("do $$ begin assert ({epochs}); end $$")).await.expect("all shards have begun it");
    let said = nodes[0].say(&alice, &room, "after").await;
    let synced = nodes[1].sync_with(&alice, Some(&since), "timeout=3000").await;
    assert!(e2e::event_ids(&synced["rooms"]["join"][&room]["timeline"]["events"]).contains(&said), "{synced}");
    let history = json!(nodes[1].history(&alice, &room).await).to_string();
    assert!(history.contains("kept") && !history.contains("lost"), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_more_than_the_logs_have_begins_anew() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    let message = json!({ "messages": { &alice.id: { "*": { "n": 1 } } } });
    server.put("/_matrix/client/v3/sendToDevice/org.example.key/1", message).by(&alice).ok().await;
    let token = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    let shards = token.split('_').nth(1).expect("positions").split('.').count();
    let ahead = |by: i64| json!(format!("s1_{}_{by}_0.0", vec![by.to_string(); shards].join(".")));
    let anew = server.sync_with(&alice, Some(&ahead(2_000)), "timeout=20000").await;
    assert!(anew["rooms"]["join"][&room].is_object(), "{anew}");
    assert_eq!(anew["to_device"]["events"][0]["content"]["n"], 1, "it is not taken for acknowledged");
    let said = server.say(&alice, &room, "tea").await;
    let next = server.sync_with(&alice, Some(&anew["next_batch"]), "timeout=20000").await;
    assert!(next.to_string().contains(&said), "{next}");
}
