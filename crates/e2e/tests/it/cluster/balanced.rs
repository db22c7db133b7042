//! Real processes behind the load balancers that the project has configurations for, and what a client sees of a node's
//! death.

use std::{
    cell::Cell,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{Client, Process, Stream, User, Value, json};
use services::{Haproxy, Nginx, Port};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::texts;

/// Nodes in processes of their own. One that is dead comes back at the same address, so that the load balancer needs no
/// new configuration: a reload would also make it forget what it knows of the nodes.
pub(crate) struct Processes {
    nodes: Vec<Option<Process>>,
    ports: Vec<Port>,
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
        let ports: Vec<_> = (0..count).map(|_| Port::claim().expect("a free port")).collect();
        let nodes = ports.iter().map(|_| None).collect();
        let mut processes = Self { nodes, ports, environment, media };
        for n in 0..count {
            processes.revive(n).await;
        }
        processes
    }

    pub(crate) fn at(&self, n: usize) -> &Process {
        self.nodes[n].as_ref().expect("it runs")
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.ports.iter().map(Port::addr).collect()
    }

    /// Kills a node the hard way.
    async fn kill(&mut self, n: usize) {
        self.nodes[n].take().expect("it runs").kill().await;
    }

    /// Starts a node that does not run.
    async fn revive(&mut self, n: usize) {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let node = Process::spawn_at(self.ports[n].addr(), self.media.clone(), &environment).await;
        self.nodes[n] = Some(node.unwrap_or_else(|error| panic!("{error}")));
    }

    /// Each node is dead for a while, one after the other.
    async fn die_in_turn(&mut self) {
        for n in 0..self.nodes.len() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.kill(n).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            self.revive(n).await;
        }
        // For as long as nginx passes over the last one yet, and a little longer.
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
}

/// Alice talks and Bob listens all the time, through the load balancer, while nodes die and come back.
async fn talk_through(name: &str, balanced: &Client, mut nodes: Processes) {
    let (alice, bob) = (balanced.register("alice").await, balanced.register("bob").await);
    let room = balanced.public_room(&alice, &[&bob]).await;
    let media = balanced.request("POST", "/_matrix/media/v3/upload?filename=a.txt").by(&alice);
    let uploaded = media.header("content-type", "text/plain").body("tea").ok().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let polling = tokio::spawn(poll(balanced.clone(), bob.clone(), room.clone(), told));
    heard.recv().await.expect("it follows");
    let (mut sent, mut begun, mut received) = (Vec::new(), Vec::new(), Vec::new());
    let (mut slowest_send, mut slowest_arrival) = (Duration::ZERO, Duration::ZERO);
    let (mut tries, mut broken) = (0, 0);
    let over = Cell::new(false);
    let talking = async {
        while !over.get() {
            let (text, now) = (sent.len().to_string(), Instant::now());
            tries += say(balanced, &alice, &room, &text).await;
            slowest_send = slowest_send.max(now.elapsed());
            sent.push(text);
            begun.push(now);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let dying = async {
        nodes.die_in_turn().await;
        over.set(true);
    };
    tokio::join!(talking, dying);
    let all_arrive = async {
        while received.len() < sent.len() {
            let told = heard.recv().await.expect("it follows");
            broken += usize::from(told.texts.is_none());
            for text in told.texts.into_iter().flatten() {
                let begun = begun.get(received.len()).copied().unwrap_or(told.at);
                slowest_arrival = slowest_arrival.max(told.at - begun);
                received.push(text);
            }
        }
    };
    // What is missing then is shown below.
    tokio::time::timeout(Duration::from_secs(20), all_arrive).await.ok();
    polling.abort();
    assert_eq!(received, sent);
    let count = sent.len();
    println!("{name}: {count} messages, slowest send {slowest_send:?}, slowest arrival {slowest_arrival:?}");
    assert!(slowest_send.max(slowest_arrival) < PATIENCE);
    // The load balancer keeps a death from people who send and poll: it asks another node.
    assert_eq!((tries - count, broken), (0, 0), "sends and polls that failed");
    download(balanced, &bob, &uploaded).await;
}

/// A file that one node took is served by another.
async fn download(balanced: &Client, user: &User, uploaded: &Value) {
    let uri = uploaded["content_uri"].as_str().expect("an address").trim_start_matches("mxc://");
    for _ in 0..3 {
        let path = format!("/_matrix/client/v1/media/download/{uri}");
        let (status, _, body) = balanced.get(&path).by(user).send_raw().await;
        assert_eq!((status, &body[..]), (200, &b"tea"[..]));
    }
}

/// How long a send, or a message on its way, may take while a node is dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends until it is acknowledged, under one transaction id. How often it was sent.
async fn say(client: &Client, user: &User, room: &str, text: &str) -> usize {
    let path = client.room(room, &format!("send/m.room.message/{text}"));
    for tries in 1..=100 {
        let request = client.put(&path, json!({ "msgtype": "m.text", "body": text })).by(user);
        match request.try_send().await {
            Ok((200, ..)) => return tries,
            Ok((status, _, body)) => assert!(status >= 500, "{status} {body:?}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text} was never acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_nginx_while_nodes_die() {
    let nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    talk_through("nginx", &Client::new(nginx.addr()), nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_haproxy_while_nodes_die() {
    let nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let haproxy = Haproxy::start(&nodes.addresses()).await.expect("HAProxy starts");
    talk_through("HAProxy", &Client::new(haproxy.addr()), nodes).await;
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
async fn nginx_asks_another_node_when_one_is_silent_but_lets_downloads_wait() {
    let nodes = Processes::start(2, None).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    // The same, in less time.
    reconfigure(&nginx, "proxy_read_timeout 35s;", "proxy_read_timeout 2s;").await;
    let balanced = Client::new(nginx.addr());
    let alice = balanced.register("alice").await;
    let room = balanced.public_room(&alice, &[]).await;
    let reserved = balanced.request("POST", "/_matrix/media/v1/create").by(&alice).ok().await;
    let uri = reserved["content_uri"].as_str().expect("an address").trim_start_matches("mxc://").to_owned();
    let path = format!("/_matrix/client/v1/media/download/{uri}?timeout_ms=3000");
    let (_, answer) = balanced.get(&path).by(&alice).send().await;
    assert_eq!(answer["errcode"], "M_NOT_YET_UPLOADED", "{answer}");
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

/// Starts nginx again with other words in its site file.
async fn reconfigure(nginx: &Nginx, before: &str, after: &str) {
    let site = nginx.directory().join("chatbook.conf");
    let text = std::fs::read_to_string(&site).expect("its configuration");
    assert_eq!(text.matches(before).count(), 1);
    std::fs::write(&site, text.replace(before, after)).expect("it can be written");
    nginx.stop().await;
    nginx.start_again().await.expect("it starts");
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

/// What somebody who follows a room is told: by the answer to a poll, by a frame of a stream, or by their breaking off.
struct Told {
    /// When the poll began, or the stream was opened.
    begun: Instant,
    at: Instant,
    /// The messages; none if it broke off.
    texts: Option<Vec<String>>,
    /// The nodes of which a poll was asked, one after the other, as nginx names them.
    asked: String,
}

impl Told {
    /// Whether it was this node's to answer when the node was killed.
    fn was_at(&self, node: SocketAddr, killed: Instant) -> bool {
        let asked_another = self.asked.starts_with(&format!("{node}, "));
        self.begun < killed && killed <= self.at && (asked_another || self.texts.is_none())
    }
}

/// The deaths of nodes under their clients.
#[derive(Default)]
struct Failovers {
    kills: usize,
    /// How long from the kill of a long-poll's node to the next message that the client got, milliseconds.
    polled: Vec<u64>,
    /// The same for the nodes of streams.
    streamed: Vec<u64>,
}

/// Kills nodes until the long-poll and the stream have each lost so many of their own; gives up if that does not come.
/// nginx repeats a long-poll at another node when its own dies; where a poll was is known only from that.
async fn failovers(wanted: usize) -> Failovers {
    let mut nodes = Processes::start(3, Some(e2e::redis().await)).await;
    let nginx = Nginx::start(&nodes.addresses()).await.expect("nginx starts");
    let (place, header) = ("    location / {", "    add_header X-Upstream $upstream_addr always;\n");
    reconfigure(&nginx, place, &format!("{header}{place}")).await;
    let balanced = Client::new(nginx.addr());
    let (alice, bob) = (balanced.register("alice").await, balanced.register("bob").await);
    let room = balanced.public_room(&alice, &[&bob]).await;
    let (told, mut polled) = mpsc::unbounded_channel();
    let polling = tokio::spawn(poll(balanced.clone(), bob.clone(), room.clone(), told));
    let (told, mut streamed) = mpsc::unbounded_channel();
    let streaming = tokio::spawn(stream(balanced.clone(), bob.clone(), room.clone(), told));
    polled.recv().await.expect("it follows");
    streamed.recv().await.expect("it follows");
    let mut found = Failovers::default();
    let mut last = None;
    while found.polled.len().min(found.streamed.len()) < wanted && found.kills < 10 * wanted {
        let home = node_of_stream(&nodes, &alice).await.expect("it has got the last message");
        // nginx likes to put the poll where the stream is not. Neither is at the node that has just come back.
        let other = (0..3).find(|n| *n != home && Some(*n) != last).expect("there are three");
        let victim = if found.kills % 2 == 0 { home } else { other };
        let (address, text) = (nodes.at(victim).addr(), found.kills.to_string());
        let killed = Instant::now();
        nodes.kill(victim).await;
        found.kills += 1;
        say(&balanced, &alice, &room, &text).await;
        found.polled.extend(failover(&mut polled, &text, address, killed).await);
        let time = failover(&mut streamed, &text, address, killed).await;
        assert_eq!(time.is_some(), victim == home, "a stream ends if its own node dies, and only then");
        found.streamed.extend(time);
        nodes.revive(victim).await;
        // nginx would pass over the node for two seconds yet. Afterwards it begins at its first node again; a few requests
        // more or less keep it from giving the poll the same places over and over.
        e2e::send("HUP", nginx.process().await.expect("it runs")).await;
        for _ in 0..found.kills % 5 {
            balanced.get("/_matrix/client/v3/account/whoami").by(&alice).try_send().await.ok();
        }
        last = Some(victim);
    }
    polling.abort();
    streaming.abort();
    found
}

/// Waits for a message. How many milliseconds after the kill of a node it came, if the node was the follower's own.
async fn failover(
    follower: &mut mpsc::UnboundedReceiver<Told>,
    text: &str,
    node: SocketAddr,
    killed: Instant,
) -> Option<u64> {
    let arrives = async {
        let mut own = false;
        loop {
            let told = follower.recv().await.expect("it follows");
            own |= told.was_at(node, killed);
            if told.texts.into_iter().flatten().any(|told| told == text) {
                return own.then(|| (told.at - killed).as_millis() as u64);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrives).await.expect("it arrives")
}

/// The node that says of itself that it has a stream.
async fn node_of_stream(nodes: &Processes, admin: &User) -> Option<usize> {
    for n in 0..nodes.nodes.len() {
        let status = nodes.at(n).get("/_chatbook/client/v1/cluster").by(admin).ok().await;
        let address = json!(nodes.at(n).addr().to_string());
        // Those that were killed there are still remembered.
        let here = status["nodes"].as_array()?.iter().filter(|node| node["report"]["address"] == address);
        let own = here.max_by_key(|node| node["report"]["started_ts"].as_i64())?;
        if own["report"]["streams"] != 0 {
            return Some(n);
        }
    }
    None
}

/// Follows by long-polls, as an SDK does: at once again after an answer, a little later after a failure.
async fn poll(client: Client, user: User, room: String, told: mpsc::UnboundedSender<Told>) {
    // All that was sent during a failover comes in one answer.
    let filter = e2e::encode(r#"{"room":{"timeline":{"limit":1000}}}"#);
    let mut since: Option<String> = None;
    loop {
        let from = since.as_ref().map(|since| format!("&since={since}")).unwrap_or_default();
        let path = format!("/_matrix/client/v3/sync?timeout=20000&filter={filter}{from}");
        let begun = Instant::now();
        let answer = client.get(&path).by(&user).try_send().await;
        let at = Instant::now();
        if let Ok((200, headers, body)) = answer {
            let synced: Value = serde_json::from_slice(&body).expect("JSON");
            let asked = headers.get("x-upstream").map(|nodes| nodes.to_str().expect("addresses").to_owned());
            since = synced["next_batch"].as_str().map(str::to_owned);
            told.send(Told { begun, at, texts: Some(texts(&synced, &room)), asked: asked.unwrap_or_default() }).ok();
        } else {
            told.send(Told { begun, at, texts: None, asked: String::new() }).ok();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Follows over a stream that is opened anew, from the last token, when it ends.
async fn stream(client: Client, user: User, room: String, told: mpsc::UnboundedSender<Told>) {
    let mut since: Option<String> = None;
    loop {
        let from = since.as_ref().map(|since| format!("since={since}")).unwrap_or_default();
        if let Ok(mut stream) = client.stream(&user, &from).await {
            let begun = Instant::now();
            let tell = |texts| drop(told.send(Told { begun, at: Instant::now(), texts, asked: String::new() }));
            while let Ok(Some(frame)) = stream.next().await {
                tell(Some(texts(&frame, &room)));
                since = frame["next_batch"].as_str().map(str::to_owned).or(since);
            }
            tell(None);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `CHATBOOK_FAILOVERS` sets how many nodes each of the two loses (9); docs/reliability.md has the figures of 60.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the person who runs the tests decides")]
async fn after_the_death_of_its_node_a_client_goes_on_within_two_seconds() {
    let wanted = std::env::var("CHATBOOK_FAILOVERS").map_or(9, |text| text.parse().expect("a number"));
    let Failovers { kills, mut polled, mut streamed } = failovers(wanted).await;
    for (name, times) in [("long-poll", &mut polled), ("WebSocket", &mut streamed)] {
        times.sort_unstable();
        let own = times.len();
        assert!(own >= wanted, "{name}: its own node died {own} times in {kills} kills, and not {wanted} times");
        let at = |part: f64| times[((own - 1) as f64 * part).round() as usize];
        println!(
            "{name}: {own} deaths of its own node in {kills} kills, p50 {} ms, p99 {} ms, most {} ms",
            at(0.5),
            at(0.99),
            at(1.0)
        );
        assert!(at(0.99) < 2000, "{name}: {times:?}");
    }
}
