//! Real processes behind the load balancers that the project has configurations for, and what a client sees of a node's
//! death.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{Client, Process, Stream, User, Value, json};
use services::{Haproxy, Nginx};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::texts;

/// Nodes in processes of their own.
pub(crate) struct Processes {
    nodes: Vec<Option<Process>>,
    environment: Vec<(&'static str, String)>,
    media: Arc<TempDir>,
}

impl Processes {
    pub(crate) async fn start(count: usize, redis: Option<String>) -> Self {
        let mut environment = vec![
            ("CHATBOOK_POSTGRES__URL", e2e::database().await),
            ("CHATBOOK_POSTGRES__CONNECTIONS", "4".to_owned()),
            ("CHATBOOK_REGISTRATION__MODE", "open".to_owned()),
            ("CHATBOOK_SERVER__TRUSTED_PROXIES", r#"["127.0.0.1"]"#.to_owned()),
            ("CHATBOOK_WEBSOCKET__DRAIN_MS", "1000".to_owned()),
        ];
        environment.extend(redis.map(|redis| ("CHATBOOK_REDIS__URLS", format!(r#"["{redis}"]"#))));
        let media = Arc::new(TempDir::new().expect("a directory"));
        let mut processes = Self { nodes: Vec::new(), environment, media };
        for _ in 0..count {
            let node = processes.spawn().await;
            processes.nodes.push(Some(node));
        }
        processes
    }

    async fn spawn(&self) -> Process {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Process::spawn_in(self.media.clone(), &environment).await
    }

    pub(crate) fn at(&self, n: usize) -> &Process {
        self.nodes[n].as_ref().expect("it runs")
    }

    fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.nodes.iter().flatten().map(|node| node.addr()).collect()
    }

    /// Kills a node the hard way and starts another in its place.
    async fn replace(&mut self, n: usize) {
        self.nodes[n].take().expect("it runs").kill().await;
        self.nodes[n] = Some(self.spawn().await);
    }
}

/// Talks through the load balancer while nodes are killed, one after the other.
async fn talk_through(balanced: &Client, nodes: &mut Processes, set_backends: impl AsyncFn(&[std::net::SocketAddr])) {
    let (alice, bob) = (balanced.register("alice").await, balanced.register("bob").await);
    let room = balanced.public_room(&alice, &[&bob]).await;
    let media = balanced.request("POST", "/_matrix/media/v3/upload?filename=a.txt").by(&alice);
    let uploaded = media.header("content-type", "text/plain").body("tea").ok().await;
    let mut since = balanced.sync(&bob, None).await["next_batch"].clone();
    let mut received: Vec<String> = Vec::new();
    let mut sent = Vec::new();
    for round in 0..3 {
        for n in 0..10 {
            let text = format!("{round}.{n}");
            say(balanced, &alice, &room, &text).await;
            sent.push(text);
            if n == 4 {
                nodes.replace(round).await;
                set_backends(&nodes.addresses()).await;
            }
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while received.len() < sent.len() && Instant::now() < deadline {
        let path = format!("/_matrix/client/v3/sync?timeout=1000&since={}", since.as_str().expect("a token"));
        if let Ok((200, _, body)) = balanced.get(&path).by(&bob).try_send().await {
            let synced: Value = serde_json::from_slice(&body).expect("JSON");
            received.extend(texts(&synced, &room));
            since = synced["next_batch"].clone();
        }
    }
    assert_eq!(received, sent);
    // A file that one node took is served by another.
    let uri = uploaded["content_uri"].as_str().expect("an address").trim_start_matches("mxc://").to_owned();
    for _ in 0..3 {
        let (status, _, body) =
            balanced.get(&format!("/_matrix/client/v1/media/download/{uri}")).by(&bob).send_raw().await;
        assert_eq!((status, &body[..]), (200, &b"tea"[..]));
    }
}

/// Sends until it is acknowledged, under one transaction id.
async fn say(client: &Client, user: &User, room: &str, text: &str) {
    let path = client.room(room, &format!("send/m.room.message/{text}"));
    for _ in 0..100 {
        let request = client.put(&path, json!({ "msgtype": "m.text", "body": text })).by(user);
        match request.try_send().await {
            Ok((200, ..)) => return,
            Ok((status, _, body)) => assert!(status >= 500, "{status} {body:?}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text} was never acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_nginx_while_nodes_die() {
    let mut nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    let balanced = Client::new(nginx.addr());
    talk_through(&balanced, &mut nodes, async |addresses| nginx.set_backends(addresses).await.expect("it reloads"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_haproxy_while_nodes_die() {
    let mut nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let haproxy = Haproxy::start(&nodes.addresses()).await.expect("HAProxy starts");
    let balanced = Client::new(haproxy.addr());
    talk_through(&balanced, &mut nodes, async |addresses| haproxy.set_backends(addresses).await.expect("it reloads"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_passes_over_a_frozen_node_after_two_seconds() {
    let nodes = Processes::start(2, None).await;
    let haproxy = Haproxy::start(&nodes.addresses()).await.expect("HAProxy starts");
    let balanced = Client::new(haproxy.addr());
    let alice = balanced.register("alice").await;
    nodes.at(0).signal("STOP").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for _ in 0..20 {
        let begun = Instant::now();
        balanced.get("/_matrix/client/v3/account/whoami").by(&alice).ok().await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    nodes.at(0).signal("CONT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_asks_another_node_when_one_is_silent_but_lets_long_polls_wait() {
    let nodes = Processes::start(2, None).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    // The same, in less time.
    let site = nginx.directory().join("chatbook.conf");
    let text = std::fs::read_to_string(&site).expect("its configuration");
    let (before, after) = ("proxy_read_timeout 35s;", "proxy_read_timeout 2s;");
    assert_eq!(text.matches(before).count(), 1);
    std::fs::write(&site, text.replace(before, after)).expect("it can be written");
    nginx.stop().await;
    nginx.start_again().await.expect("it starts");
    let balanced = Client::new(nginx.addr());
    let alice = balanced.register("alice").await;
    let room = balanced.public_room(&alice, &[]).await;
    let since = balanced.sync(&alice, None).await["next_batch"].clone();
    let begun = Instant::now();
    let path = format!("/_matrix/client/v3/sync?timeout=4000&since={}", since.as_str().expect("a token"));
    balanced.get(&path).by(&alice).ok().await;
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    nodes.at(0).signal("STOP").await;
    let sends = (0..6).map(async |n| {
        let path = balanced.room(&room, &format!("send/m.room.message/{n}"));
        let begun = Instant::now();
        balanced.put(&path, json!({ "msgtype": "m.text", "body": "tea" })).by(&alice).ok().await;
        begun.elapsed()
    });
    let times = futures_util::future::join_all(sends).await;
    nodes.at(0).signal("CONT").await;
    assert!(times.iter().any(|time| *time >= Duration::from_secs(2)), "none was at the frozen node: {times:?}");
    assert!(times.iter().all(|time| *time < Duration::from_secs(10)), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_told_to_stop_says_so_and_lets_its_streams_go_one_after_the_other() {
    let mut nodes = Processes::start(2, Some(e2e::redis().await)).await;
    let alice = nodes.at(0).register("alice").await;
    let mut streams = Vec::new();
    for _ in 0..12 {
        let mut stream = nodes.at(0).stream(&alice, "").await.expect("open");
        stream.next().await.expect("it sends").expect("the first frame");
        streams.push(stream);
    }
    nodes.at(0).get("/_chatbook/live").ok().await;
    nodes.at(0).get("/_chatbook/ready").ok().await;
    nodes.at(0).signal("TERM").await;
    let begun = Instant::now();
    let ready = nodes.at(0).get("/_chatbook/ready");
    let (status, _) = ready.send().await;
    // The signal may take a moment to be noticed.
    assert!(status == 503 || begun.elapsed() < Duration::from_millis(100), "{status}");
    // Whoever comes yet is answered.
    nodes.at(0).get("/_matrix/client/v3/account/whoami").by(&alice).ok().await;
    let ended = streams.into_iter().map(async |mut stream| {
        while stream.next().await.expect("it is closed in words").is_some() {}
        (stream.close_code(), begun.elapsed())
    });
    let ended = futures_util::future::join_all(ended).await;
    assert!(ended.iter().all(|(code, _)| *code == Some(1012)), "{ended:?}");
    let times: Vec<_> = ended.iter().map(|(_, at)| *at).collect();
    let (first, last) = (times.iter().min().expect("some"), times.iter().max().expect("some"));
    assert!(*last - *first > Duration::from_millis(200), "all at once: {times:?}");
    assert!(*last < Duration::from_millis(2500), "{times:?}");
    let mut node = nodes.nodes[0].take().expect("it runs");
    let status = tokio::time::timeout(Duration::from_secs(10), node.wait()).await.expect("it ends");
    assert!(status.success());
    let mut elsewhere: Stream = nodes.at(1).stream(&alice, "").await.expect("open");
    elsewhere.next().await.expect("it sends").expect("the first frame");
}

/// What a follower says when it has lost its node.
const LOST: &str = "lost";

/// How long from the kill of a node to the next message that a receiver gets, in milliseconds: for long-polls, which nginx
/// repeats at another node when theirs dies, and for streams, only where the node that died was the stream's.
async fn failovers(kills: usize) -> (Vec<u64>, Vec<u64>) {
    let mut nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    let balanced = Client::new(nginx.addr());
    let (alice, bob) = (balanced.register("alice").await, balanced.register("bob").await);
    let room = balanced.public_room(&alice, &[&bob]).await;
    let (told, mut polled) = mpsc::unbounded_channel();
    let polling = tokio::spawn(poll(balanced.clone(), bob.clone(), room.clone(), told));
    let (told, mut streamed) = mpsc::unbounded_channel();
    let streaming = tokio::spawn(stream(balanced.clone(), bob.clone(), room.clone(), told));
    let (mut by_poll, mut by_stream) = (Vec::new(), Vec::new());
    let mut number = 0;
    for kill in 0..kills {
        // The stream's node; the long-poll is at any of the three.
        let victim = node_of_stream(&nodes, &alice).await.unwrap_or(kill % 3);
        nodes.nodes[victim].take().expect("it runs").kill().await;
        let begun = Instant::now();
        number += 1;
        let text = number.to_string();
        say(&balanced, &alice, &room, &text).await;
        for (seen, times, all) in [(&mut polled, &mut by_poll, true), (&mut streamed, &mut by_stream, false)] {
            let arrives = async {
                let mut lost = false;
                loop {
                    match seen.recv().await.expect("it follows") {
                        said if said == LOST => lost = true,
                        said if said == text => return lost,
                        _ => {}
                    }
                }
            };
            let lost = tokio::time::timeout(Duration::from_secs(20), arrives).await.expect("it arrives");
            times.extend((lost || all).then(|| begun.elapsed().as_millis() as u64));
        }
        nodes.nodes[victim] = Some(nodes.spawn().await);
        nginx.set_backends(&nodes.addresses()).await.expect("it reloads");
    }
    polling.abort();
    streaming.abort();
    (by_poll, by_stream)
}

/// The node that says of itself that it has a stream.
async fn node_of_stream(nodes: &Processes, admin: &User) -> Option<usize> {
    for n in 0..3 {
        let status = nodes.at(n).get("/_chatbook/client/v1/cluster").by(admin).ok().await;
        let address = json!(nodes.at(n).addr().to_string());
        let own = status["nodes"].as_array()?.iter().find(|node| node["report"]["address"] == address)?;
        if own["report"]["streams"] != 0 {
            return Some(n);
        }
    }
    None
}

/// Follows by long-polls, as an SDK does: at once again after a failure, a little later after the next.
async fn poll(client: Client, user: User, room: String, told: mpsc::UnboundedSender<String>) {
    let mut since: Option<String> = None;
    loop {
        let from = since.as_ref().map(|since| format!("&since={since}")).unwrap_or_default();
        let path = format!("/_matrix/client/v3/sync?timeout=20000{from}");
        match client.get(&path).by(&user).try_send().await {
            Ok((200, _, body)) => {
                let synced: Value = serde_json::from_slice(&body).expect("JSON");
                texts(&synced, &room).into_iter().for_each(|text| drop(told.send(text)));
                since = synced["next_batch"].as_str().map(str::to_owned);
            }
            _ => {
                told.send(LOST.to_owned()).ok();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Follows over a stream that is opened anew, from the last token, when it ends.
async fn stream(client: Client, user: User, room: String, told: mpsc::UnboundedSender<String>) {
    let mut since: Option<String> = None;
    loop {
        let from = since.as_ref().map(|since| format!("since={since}")).unwrap_or_default();
        if let Ok(mut stream) = client.stream(&user, &from).await {
            while let Ok(Some(frame)) = stream.next().await {
                texts(&frame, &room).into_iter().for_each(|text| drop(told.send(text)));
                since = frame["next_batch"].as_str().map(str::to_owned).or(since);
            }
            told.send(LOST.to_owned()).ok();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `CHATBOOK_FAILOVERS` sets how many kills (6); docs/reliability.md has the figures of 60.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the person who runs the tests decides")]
async fn after_the_death_of_its_node_a_client_goes_on_within_two_seconds() {
    let kills = std::env::var("CHATBOOK_FAILOVERS").map_or(9, |text| text.parse().expect("a number"));
    let (mut by_poll, mut by_stream) = failovers(kills).await;
    for (name, times) in [("long-poll", &mut by_poll), ("WebSocket", &mut by_stream)] {
        times.sort_unstable();
        assert!(!times.is_empty(), "no {name} was at a node that died");
        let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
        println!(
            "{name}: {} of {kills} kills, p50 {} ms, p99 {} ms, most {} ms",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        assert!(at(0.99) < 2000, "{name}: {times:?}");
    }
}
