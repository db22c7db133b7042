//! What nodes have to have in common: one directory, one Redis, the same settings. Where they do not, it is said.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{Process, Server, chatbook, json};
use tempfile::TempDir;

use super::{Nodes, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_directory_is_not_the_stores_is_refused() {
    let database = e2e::database().await;
    let environment = [("CHATBOOK_POSTGRES__URL", database.as_str())];
    let data = Arc::new(TempDir::new().expect("a directory"));
    let _first = Process::spawn_in(data.clone(), &environment).await;
    let other = Arc::new(TempDir::new().expect("a directory"));
    let path = other.path().display().to_string();
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0", "--data", &path], &environment).await;
    assert_eq!((code, error.contains("does not hold this store's files")), (1, true), "{error}");
    let look = |path: String| {
        let database = database.clone();
        async move {
            let environment = [("CHATBOOK_POSTGRES__URL", database.as_str()), ("CHATBOOK_SERVER__DATA", path.as_str())];
            chatbook(&["check"], &environment).await.1
        }
    };
    let warned = look(path.clone()).await;
    assert!(warned.contains(&format!("WARN  server.data: {path}/media does not hold")), "{warned}");
    let fine = look(data.path().display().to_string()).await;
    assert!(fine.contains("ok    the files are in "), "{fine}");
    // As the sentence says, where it is a copy that lacks the mark.
    let mark = error.split(", write ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it says what to write");
    std::fs::write(other.path().join("media/mark"), format!("{mark}\n")).expect("it can be written");
    let second = Process::spawn_in(other, &environment).await;
    second.get("/_matrix/client/versions").ok().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_at_two_redis_servers_say_so_and_deliver_in_time() {
    let (here, there) = (e2e::redis().await, services::Redis::start(&[]).await.expect("Redis starts"));
    let nodes = Nodes::each(2, |n, settings| {
        settings.redis.urls = vec![if n == 0 { here.clone() } else { there.url() }];
        settings.metrics.enabled = true;
        settings.metrics.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    })
    .await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    metric_becomes(nodes.at(1), "chatbook_cluster_unheard_nodes 1").await;
    let status = nodes.at(1).get("/_chatbook/client/v1/cluster").by(&alice).ok().await;
    let shown = status["nodes"].as_array().expect("nodes");
    let unheard = |n: usize| {
        let address = json!(nodes.at(n).addr().to_string());
        shown.iter().find(|shown| shown["report"]["address"] == address).expect("it is shown")["report"]["unheard"]
            .clone()
    };
    assert_eq!(unheard(1), json!([nodes.at(0).addr().to_string()]));
    let mut since = nodes.at(1).sync(&bob, None).await["next_batch"].clone();
    for n in 0..10 {
        let text = format!("m{n}");
        let begun = Instant::now();
        nodes.at(0).say(&alice, &room, &text).await;
        let synced = nodes.at(1).sync_with(&bob, Some(&since), "timeout=5000").await;
        since = synced["next_batch"].clone();
        assert_eq!(texts(&synced, &room), [text]);
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_differ_are_named() {
    let database = e2e::database().await;
    let data = Arc::new(TempDir::new().expect("a directory"));
    let with = |bytes: &'static str| {
        [("CHATBOOK_POSTGRES__URL", database.clone()), ("CHATBOOK_LIMITS__UPLOAD_BYTES", bytes.into())]
    };
    let mut nodes = Vec::new();
    for bytes in ["1000", "2000"] {
        let environment = with(bytes);
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        nodes.push(Process::spawn_in(data.clone(), &environment).await);
    }
    let said = format!("limits.upload_bytes is 2000 at {}, 1000 at {}", nodes[1].addr(), nodes[0].addr());
    let log = nodes[1].logged_within(Duration::from_secs(15), &said).await;
    assert!(log.contains(&said), "{log}");
    let (_, printed, _) = chatbook(&["cluster", "status"], &[("CHATBOOK_POSTGRES__URL", &database)]).await;
    assert!(printed.contains("WARN     limits.upload_bytes is "), "{printed}");
    nodes.pop().expect("it runs").kill().await;
    drop(nodes);
}

async fn metric_becomes(node: &Server, line: &str) {
    let begun = Instant::now();
    let metrics = e2e::Client::new(node.metrics_addr().expect("they are served"));
    loop {
        let (_, text) = metrics.get("/metrics").send().await;
        let text = text.as_str().expect("text");
        if text.lines().any(|found| found == line) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
