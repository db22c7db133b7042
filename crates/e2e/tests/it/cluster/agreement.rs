//! What nodes have to have in common: one directory, one Redis, the same settings. Where they do not, it is said.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{Process, Server, Settings, User, chatbook, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

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
    assert!(!other.path().join("media/mark").exists(), "who is refused marks nothing");
    std::fs::write(other.path().join("media/mark"), format!("{mark}\n")).expect("it can be written");
    let second = Process::spawn_in(other.clone(), &environment).await;
    second.get("/_matrix/client/versions").ok().await;
    std::fs::write(other.path().join("media/mark"), "another").expect("it can be written");
    let warned = look(path.clone()).await;
    assert!(warned.contains("It bears the mark of others (another in") && !warned.contains("write "), "{warned}");
    // Nor does a server of its own sweep away what a cluster's nodes are writing.
    let alone = [e2e::SQLITE];
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0", "--data", &path], &alone).await;
    assert_eq!((code, error.contains("belongs to a cluster")), (1, true), "{error}");
    assert!(!other.path().join("chatbook.db").exists(), "a refused start leaves a store behind");
}

/// As a network file system does that is not mounted any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_away_are_neither_missed_nor_added_to() {
    let database = e2e::database().await;
    let data = Arc::new(TempDir::new().expect("a directory"));
    let node = Process::spawn_in(data.clone(), &[("CHATBOOK_POSTGRES__URL", &database)]).await;
    let alice = node.register("alice").await;
    let upload =
        || node.request("POST", "/_matrix/media/v3/upload").by(&alice).header("content-type", "a/b").body("tea");
    let kept = upload().ok().await["content_uri"].as_str().expect("a uri").replace("mxc://", "");
    let path = format!("/_matrix/client/v1/media/download/{kept}");
    let (media, away) = (data.path().join("media"), data.path().join("away"));
    std::fs::rename(&media, &away).expect("it is renamed");
    std::fs::create_dir(&media).expect("it is made");
    for (status, body) in [upload().send().await, node.get(&path).by(&alice).send().await] {
        assert_eq!(status, 503, "{body}");
    }
    assert!(node.logged_within(Duration::from_secs(5), "is a directory not mounted?").await.contains("not mounted"));
    std::fs::remove_dir_all(&media).expect("it is removed");
    std::fs::rename(&away, &media).expect("it is renamed");
    let (status, _, bytes) = node.get(&path).by(&alice).send_raw().await;
    assert_eq!((status, &bytes[..]), (200, &b"tea"[..]));
    upload().ok().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_redis_is_named_and_read_in_time() {
    let redis = e2e::redis().await;
    let nodes = Nodes::each(2, |n, settings| {
        if n == 0 {
            settings.redis.urls = vec![redis.clone()];
        }
        serve_metrics(settings);
    })
    .await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    // They look at each other every five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_told_in_time([nodes.at(1), nodes.at(0)], [&bob, &alice], &room).await;
    metric_becomes(nodes.at(0), "chatbook_cluster_apart_nodes 1").await;
}

/// As an orchestrator starts them, on a store that is new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_a_new_store_may_start_at_once() {
    for _ in 0..5 {
        let (database, data) = (e2e::database().await, Arc::new(TempDir::new().expect("a directory")));
        let start = || async {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            Process::spawn_at(any, data.clone(), &[("CHATBOOK_POSTGRES__URL", database.as_str())]).await
        };
        let started = tokio::join!(start(), start(), start());
        for started in [started.0, started.1, started.2] {
            started.expect("it starts");
        }
    }
}

/// Whoever listens at the second node hears of what is said at the first in less than the second that passes between two
/// looks while all is well.
async fn assert_told_in_time([from, to]: [&Server; 2], [speaker, listener]: [&User; 2], room: &str) {
    let mut since = to.sync(listener, None).await["next_batch"].clone();
    let mut times = Vec::new();
    for n in 0..11 {
        let text = format!("m{n}");
        from.say(speaker, room, &text).await;
        let begun = Instant::now();
        let synced = to.sync_with(listener, Some(&since), "timeout=5000").await;
        since = synced["next_batch"].clone();
        assert_eq!(texts(&synced, room), [text]);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    assert!(times[5] < Duration::from_millis(300), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_at_two_redis_servers_say_so_and_deliver_in_time() {
    let (here, there) = (e2e::redis().await, services::Redis::start(&[]).await.expect("Redis starts"));
    let nodes = Nodes::each(2, |n, settings| {
        settings.redis.urls = vec![if n == 0 { here.clone() } else { there.url() }];
        serve_metrics(settings);
    })
    .await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    metric_becomes(nodes.at(1), "chatbook_cluster_unheard_nodes 1").await;
    let status = nodes.at(1).get("/_chatbook/client/v1/cluster").by(&alice).ok().await;
    let [here, there] = [0, 1].map(|n| {
        let address = json!(nodes.at(n).addr().to_string());
        let mut shown = status["nodes"].as_array().expect("nodes").iter();
        shown.find(|shown| shown["report"]["address"] == address).expect("it is shown")
    });
    let name = format!("{} ({})", nodes.at(0).addr(), here["node_id"].as_str().expect("an id"));
    assert_eq!(there["report"]["unheard"], json!([name]));
    assert_told_in_time([nodes.at(0), nodes.at(1)], [&alice, &bob], &room).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_differ_are_named() {
    let database = e2e::database().await;
    let data = Arc::new(TempDir::new().expect("a directory"));
    let mut nodes = Vec::new();
    for bytes in ["1000", "2000"] {
        let environment = [
            ("CHATBOOK_POSTGRES__URL", database.as_str()),
            ("CHATBOOK_LIMITS__UPLOAD_BYTES", bytes),
            // Each machine's own affair.
            ("CHATBOOK_PASSWORDS__CONCURRENCY", &bytes[..1]),
        ];
        nodes.push(Process::spawn_in(data.clone(), &environment).await);
    }
    let said = format!("limits.upload_bytes is 2000 at this node, 1000 at {} (", nodes[0].addr());
    let log = nodes[1].logged_within(Duration::from_secs(60), &said).await;
    assert!(log.contains(&said) && !log.contains("concurrency"), "{log}");
    let (_, printed, _) = chatbook(&["cluster", "status"], &[("CHATBOOK_POSTGRES__URL", &database)]).await;
    assert!(printed.contains("WARN     limits.upload_bytes is "), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_under_two_names_do_not_both_run() {
    for _ in 0..5 {
        let (database, data) = (e2e::database().await, Arc::new(TempDir::new().expect("a directory")));
        let start = |name: &'static str| {
            let (database, data) = (database.clone(), data.clone());
            async move {
                let environment = [("CHATBOOK_POSTGRES__URL", database.as_str()), ("CHATBOOK_SERVER__NAME", name)];
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                Process::spawn_at(any, data, &environment).await
            }
        };
        let started = tokio::join!(start("one.test"), start("two.test"));
        let started = [started.0, started.1];
        assert!(started.iter().any(Result::is_err), "both run");
        for error in started.iter().filter_map(|started| started.as_ref().err()) {
            assert!(error.contains("the database belongs to the server"), "{error}");
        }
    }
}

/// Somebody sends a file slowly while another node is started, as in a rolling restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_uploaded_outlives_the_start_of_another_node() {
    let database = e2e::database().await;
    let environment = [("CHATBOOK_POSTGRES__URL", database.as_str())];
    let data = Arc::new(TempDir::new().expect("a directory"));
    let first = Process::spawn_in(data.clone(), &environment).await;
    let alice = first.register("alice").await;
    let mut connection = TcpStream::connect(first.addr()).await.expect("it connects");
    let (part, parts) = (vec![7; 1_000_000], 3);
    let head = format!(
        "POST /_matrix/media/v3/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: a/b\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        alice.token,
        part.len() * parts
    );
    connection.write_all(head.as_bytes()).await.expect("it is taken");
    connection.write_all(&part).await.expect("it is taken");
    let begun = Instant::now();
    while !staged(&data.path().join("media")) {
        assert!(begun.elapsed() < Duration::from_secs(10), "nothing is written");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = Process::spawn_in(data, &environment).await;
    // It looks through the files when it has started.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 1..parts {
        connection.write_all(&part).await.expect("it is taken");
    }
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("it answers");
    let uri = answer.split("mxc://").nth(1).and_then(|rest| rest.split('"').next()).expect("a uri");
    let path = format!("/_matrix/client/v1/media/download/{uri}");
    let (status, _, bytes) = second.get(&path).by(&alice).send_raw().await;
    assert_eq!((status, bytes.len()), (200, part.len() * parts));
}

/// Whether a file below the directory is being written.
fn staged(dir: &Path) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| match entry.path() {
        dir if dir.is_dir() => staged(&dir),
        file => file.to_string_lossy().contains('#'),
    })
}

fn serve_metrics(settings: &mut Settings) {
    settings.metrics.enabled = true;
    settings.metrics.listen = SocketAddr::from(([127, 0, 0, 1], 0));
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
