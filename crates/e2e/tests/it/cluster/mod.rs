//! Several nodes on one database: what is acknowledged at one holds at all.

mod agreement;
mod balanced;
mod database;
mod hopping;
mod redis;
mod shared;

use std::sync::Arc;

use e2e::{Server, Settings, User, Value, json};
use tempfile::TempDir;

/// Nodes in this process, on a database of their own.
pub(crate) struct Nodes(Vec<Arc<Server>>);

impl Nodes {
    /// With Redis between them.
    pub(crate) async fn start(count: usize) -> Self {
        let redis = e2e::redis().await;
        Self::with(count, Some(redis)).await
    }

    pub(crate) async fn with(count: usize, redis: Option<String>) -> Self {
        let redis: Vec<_> = redis.into_iter().collect();
        Self::each(count, |_, settings| settings.redis.urls.clone_from(&redis)).await
    }

    /// With settings that may differ.
    pub(crate) async fn each(count: usize, mut change: impl FnMut(usize, &mut Settings)) -> Self {
        let (database, data) = (e2e::database().await, Arc::new(TempDir::new().expect("a directory")));
        let mut nodes = Vec::new();
        for n in 0..count {
            let node = Server::with_in(data.clone(), |settings| {
                settings.postgres.url.clone_from(&database);
                settings.postgres.connections = 4;
                change(n, settings);
            });
            nodes.push(Arc::new(node.await));
        }
        Self(nodes)
    }

    /// The one node alone.
    pub(crate) fn only(nodes: &Self, n: usize) -> Self {
        Self(vec![nodes.0[n].clone()])
    }

    /// The node for the n-th request: another each time.
    pub(crate) fn at(&self, n: usize) -> &Server {
        &self.0[n % self.0.len()]
    }
}

/// The texts of a room's messages in a sync.
pub(crate) fn texts(sync: &Value, room: &str) -> Vec<String> {
    let events = sync["rooms"]["join"][room]["timeline"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

/// Syncs with a wait, from node to node, until `done` says that it has seen enough.
pub(crate) async fn follow(nodes: &Nodes, user: &User, since: &mut Value, mut done: impl FnMut(&Value) -> bool) {
    let begun = std::time::Instant::now();
    for n in 0..200 {
        assert!(begun.elapsed().as_secs() < 60, "it never came");
        let synced = nodes.at(n).sync_with(user, Some(since), "timeout=3000").await;
        *since = synced["next_batch"].clone();
        if done(&synced) {
            return;
        }
    }
    panic!("it never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_at_one_node_arrives_at_the_others_in_one_order() {
    let nodes = Nodes::start(3).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(2).public_room(&alice, &[]).await;
    nodes.at(0).join(&bob, &room).await;
    let mut since = nodes.at(1).sync(&bob, None).await["next_batch"].clone();
    let mut stream =
        nodes.at(2).stream(&bob, &format!("since={}", since.as_str().expect("a token"))).await.expect("open");
    let mut sent = Vec::new();
    for n in 0..60 {
        let user = if n % 2 == 0 { &alice } else { &bob };
        nodes.at(n).say(user, &room, &format!("m{n}")).await;
        sent.push(format!("m{n}"));
    }
    let mut polled = Vec::new();
    follow(&nodes, &bob, &mut since, |synced| {
        polled.extend(texts(synced, &room));
        polled.len() >= sent.len()
    })
    .await;
    assert_eq!(polled, sent);
    let mut streamed = Vec::new();
    while streamed.len() < sent.len() {
        let frame = stream.next().await.expect("it goes on").expect("open");
        streamed.extend(texts(&frame, &room));
    }
    assert_eq!(streamed, sent);
    let (here, there) = (nodes.at(0).history(&bob, &room).await, nodes.at(2).history(&alice, &room).await);
    assert_eq!(e2e::event_ids(&json!(here)), e2e::event_ids(&json!(there)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_everything_arrives_all_the_same() {
    let nodes = Nodes::with(2, None).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let mut since = nodes.at(1).sync(&bob, None).await["next_batch"].clone();
    for n in 0..10 {
        let text = format!("m{n}");
        nodes.at(0).say(&alice, &room, &text).await;
        let begun = std::time::Instant::now();
        let synced = nodes.at(1).sync_with(&bob, Some(&since), "timeout=5000").await;
        since = synced["next_batch"].clone();
        assert_eq!(texts(&synced, &room), [text]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_see_all_nodes() {
    let nodes = Nodes::start(2).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let path = "/_chatbook/client/v1/cluster";
    nodes.at(0).get(path).by(&bob).refused(403, "M_FORBIDDEN").await;
    nodes.at(1).get(path).by(&alice).ok().await;
    let status = nodes.at(0).get(path).by(&alice).ok().await;
    let shown = status["nodes"].as_array().expect("nodes");
    assert_eq!(shown.len(), 2, "{status}");
    for node in [nodes.at(0), nodes.at(1)] {
        let address = json!(node.addr().to_string());
        let node = shown.iter().find(|shown| shown["report"]["address"] == address).expect("it is shown");
        assert_eq!((&node["alive"], &node["report"]["redis"]), (&json!(true), &json!(true)));
    }
    assert_eq!(status["shards"].as_array().map(Vec::len), Some(8));
}
