//! Starting and stopping, as an operator does.

use std::{sync::Arc, time::Duration};

use e2e::{Process, Program, Server, chatbook};
use tempfile::TempDir;

#[tokio::test]
async fn a_server_answers_until_it_is_stopped() {
    let server = Server::start().await;
    let versions = server.get("/_matrix/client/versions").ok().await;
    assert!(versions["versions"].as_array().is_some_and(|versions| versions.iter().any(|v| v == "v1.11")));
    let client = server.clone();
    server.stop().await;
    assert!(client.get("/_matrix/client/versions").try_send().await.is_err(), "it still answers");
}

#[tokio::test]
async fn a_killed_process_starts_again_on_its_data() {
    let mut process = Process::spawn().await;
    process.get("/_matrix/client/versions").ok().await;
    process.kill().await;
    assert!(process.get("/_matrix/client/versions").try_send().await.is_err(), "it still answers");
    let process = process.restart().await;
    process.get("/_matrix/client/versions").ok().await;
}

#[tokio::test]
async fn a_signal_stops_the_process_cleanly_although_a_connection_is_open() {
    for signal in ["TERM", "INT"] {
        let mut process = Process::spawn().await;
        process.get("/_matrix/client/versions").ok().await;
        let idle = tokio::net::TcpStream::connect(process.addr()).await.expect("it accepts");
        process.signal(signal).await;
        let status = tokio::time::timeout(Duration::from_secs(8), process.wait()).await.expect("it stops in time");
        assert!(status.success(), "{signal}: {status}");
        drop(idle);
    }
}

#[tokio::test]
async fn the_address_and_the_way_to_become_administrator_are_printed() {
    let process = Process::spawn().await;
    let printed = process.printed_within(Duration::from_secs(5), "Nobody has an account yet").await;
    assert!(printed.contains(&format!("Chatbook listens on http://{}", process.addr())), "{printed}");
    assert!(printed.contains("becomes the administrator"), "{printed}");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let process = Process::spawn_in(Arc::new(TempDir::new().expect("a directory")), &[e2e::SQLITE]).await;
    let data = process.data().display().to_string();
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0", "--data", &data], &[]).await;
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("is in use by another chatbook process"), "{error}");
}

#[tokio::test]
async fn listening_beyond_loopback_without_a_server_name_is_refused() {
    let data = TempDir::new().expect("a directory");
    let data = data.path().join("never-made");
    let path = data.display().to_string();
    let (code, _, error) = chatbook(&["serve", "--listen", "0.0.0.0:0", "--data", &path], &[]).await;
    assert_eq!(code, 1);
    assert!(error.contains("without a server name") && error.contains("--server-name"), "{error}");
    assert!(!data.exists(), "a refused start leaves data behind");
}

#[tokio::test]
async fn a_server_name_cannot_change_once_somebody_has_joined() {
    let data = Arc::new(TempDir::new().expect("a directory"));
    let mut first = Process::spawn_in(data.clone(), &[("CHATBOOK_SERVER__NAME", "first.test"), e2e::SQLITE]).await;
    first.kill().await;
    // Nobody has joined: the name was a slip.
    let mut second = Process::spawn_in(data.clone(), &[("CHATBOOK_SERVER__NAME", "second.test"), e2e::SQLITE]).await;
    second.register("alice").await;
    second.kill().await;
    let path = data.path().display().to_string();
    let (code, _, error) =
        chatbook(&["serve", "--listen", "127.0.0.1:0", "--data", &path, "--server-name", "third.test"], &[]).await;
    assert_eq!(code, 1);
    assert!(error.contains("belongs to the server \"second.test\""), "{error}");
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_and_is_named() {
    let (code, _, error) = chatbook(&["serve", "--listen", "8008"], &[]).await;
    assert_eq!((code, error.starts_with("chatbook: --listen: server.listen: ")), (1, true), "{error}");
    let (code, _, error) = chatbook(&["serve"], &[("CHATBOOK_SERVER__PORT", "1")]).await;
    assert_eq!((code, error.starts_with("chatbook: CHATBOOK_SERVER__PORT: ")), (1, true), "{error}");
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0"], &[("CHATBOOK_LOG__LEVEL", "loud=x")]).await;
    assert_eq!((code, error.contains("log.level")), (1, true), "{error}");
    let (code, _, error) = chatbook(&["serve", "--server-name", "not a name"], &[]).await;
    assert_eq!((code, error.contains("\"not a name\" is not a server name")), (1, true), "{error}");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().display().to_string();
    for store in [e2e::SQLITE.1.to_owned(), e2e::database().await] {
        let environment = [("CHATBOOK_POSTGRES__URL", store.as_str())];
        let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0", "--data", &path], &environment).await;
        let named = error.contains("server.data") && error.contains(&path);
        assert_eq!((code, named), (1, true), "{error}");
    }
    let redis = [("CHATBOOK_REDIS__URLS", "[\"redis://127.0.0.1:1\"]"), e2e::SQLITE];
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0"], &redis).await;
    assert_eq!((code, error.contains("redis.urls is set, but postgres.url is not")), (1, true), "{error}");
}

#[tokio::test]
async fn data_that_a_database_takes_the_place_of_is_named() {
    let data = Arc::new(TempDir::new().expect("a directory"));
    std::fs::write(data.path().join("chatbook.db"), "").expect("it can be written");
    let database = e2e::database().await;
    let node = Process::spawn_in(data, &[("CHATBOOK_POSTGRES__URL", &database)]).await;
    let log = node.logged_within(Duration::from_secs(5), "is not used").await;
    assert!(log.contains("chatbook.db is not used"), "{log}");
}

#[tokio::test]
async fn a_database_that_accepts_and_is_silent_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("postgres://x@{}/x", silent.local_addr().expect("an address"));
    let environment = [("CHATBOOK_POSTGRES__URL", url.as_str()), ("CHATBOOK_POSTGRES__CONNECT_TIMEOUT_MS", "300")];
    let (code, _, error) = chatbook(&["serve", "--listen", "127.0.0.1:0"], &environment).await;
    assert_eq!((code, error.contains("postgres.url: the database cannot be reached")), (1, true), "{error}");
}

#[tokio::test]
async fn a_signal_ends_a_start_that_waits_for_the_database() {
    for signal in ["TERM", "INT"] {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let dir = TempDir::new().expect("a directory");
        let file = dir.path().join("chatbook.toml");
        let address = silent.local_addr().expect("an address");
        let settings = format!("[postgres]\nurl = \"postgres://x@{address}/x\"\nconnect_timeout_ms = 60000");
        std::fs::write(&file, settings).expect("the file is written");
        let file = file.display().to_string();
        let mut program = Program::start(&["serve", "--listen", "127.0.0.1:0", "--config", &file]);
        let _waiting = silent.accept().await.expect("it connects");
        program.signal(signal).await;
        let status = tokio::time::timeout(Duration::from_secs(5), program.wait()).await.expect("it stops in time");
        assert!(status.success(), "{signal}: {status}");
    }
}

#[tokio::test]
async fn nobody_gets_in_before_the_store_is_open() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let (database, listen) = (silent.local_addr().expect("an address"), free.to_string());
    let settings = format!(
        "[postgres]\nurl = \"postgres://x@{database}/x\"\nconnect_timeout_ms = 60000\n[metrics]\nenabled = false"
    );
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("chatbook.toml");
    std::fs::write(&file, settings).expect("the file is written");
    let _starting = Program::start(&["serve", "--listen", &listen, "--config", &file.display().to_string()]);
    let _waiting = silent.accept().await.expect("it connects");
    let refused = tokio::net::TcpStream::connect(free).await.map(drop);
    assert_eq!(refused.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionRefused));
    let (code, _, error) = chatbook(&["serve", "--listen", "192.0.2.1:8008", "--server-name", "a.example"], &[]).await;
    assert_eq!((code, error.contains("cannot listen on 192.0.2.1:8008 (server.listen): ")), (1, true), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let process = Process::spawn().await;
    let data = TempDir::new().expect("a directory");
    let (address, path) = (process.addr().to_string(), data.path().display().to_string());
    let (code, _, error) = chatbook(&["serve", "--listen", &address, "--data", &path], &[]).await;
    assert_eq!(code, 1);
    assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
}

#[tokio::test]
async fn chatbook_config_prints_a_file_that_serve_takes() {
    let (code, sample, _) = chatbook(&["config"], &[]).await;
    assert_eq!(code, 0);
    assert!(sample.contains("[server]"), "{sample}");
    let dir = Arc::new(TempDir::new().expect("a directory"));
    let file = dir.path().join("chatbook.toml");
    std::fs::write(&file, sample).expect("the file is written");
    let process = Process::spawn_with(dir, &["--config", &file.display().to_string()]).await;
    process.get("/_matrix/client/versions").ok().await;
}

#[tokio::test]
async fn a_log_in_json_is_one_object_per_line_with_every_request_and_no_secret() {
    let environment = [("CHATBOOK_LOG__FORMAT", "json"), ("CHATBOOK_LOG__LEVEL", "info,api=debug")];
    let process = Process::spawn_in(Arc::new(TempDir::new().expect("a directory")), &environment).await;
    process.get("/_matrix/client/v3/account/whoami?secret=inthequery").token("secretinaheader").send().await;
    let log = process.logged_within(Duration::from_secs(5), "whoami").await;
    let line = log.lines().find(|line| line.contains("whoami")).expect("the request is logged");
    let line: e2e::Value = serde_json::from_str(line).expect("a line is JSON");
    assert_eq!(line["fields"]["http.status"], 401);
    assert_eq!(line["span"]["http.route"], "/_matrix/client/v3/account/whoami");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn stopping_tells_websockets_to_go_away_and_ends_long_polls_before_it_ends() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let mut stream = server.stream(&alice, "").await.expect("it connects");
    let first = stream.next().await.expect("it sends").expect("the initial sync");
    let since = first["next_batch"].as_str().expect("a token").to_owned();
    let poll = server.get(&format!("/_matrix/client/v3/sync?timeout=30000&since={since}")).by(&alice);
    let poll = tokio::spawn(poll.send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let goodbye = tokio::spawn(async move {
        while stream.next().await.expect("it closes cleanly").is_some() {}
        stream.close_code()
    });
    let started = std::time::Instant::now();
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "stopping took {:?}", started.elapsed());
    assert_eq!(goodbye.await.expect("it ends"), Some(1001));
    assert_eq!(poll.await.expect("it ends").0, 200);
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_begins_no_stream() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    server.chat().draining.send_replace(true);
    let refused = server.stream(&alice, "").await.err().expect("another node is to be asked").to_string();
    assert!(refused.contains("503"), "{refused}");
    server.sync(&alice, None).await;
}

#[tokio::test]
async fn after_a_restore_a_new_epoch_keeps_old_tokens_from_passing_over_what_comes() {
    let data = Arc::new(TempDir::new().expect("a directory"));
    let mut process = Process::spawn_in(data.clone(), &[e2e::SQLITE]).await;
    let alice = process.register("alice").await;
    let room = process.create_room(&alice, e2e::json!({})).await;
    process.signal("TERM").await;
    process.wait().await;
    let backup = TempDir::new().expect("a directory");
    for file in ["chatbook.db", "chatbook.db-wal"] {
        // Closing the store may have removed the log.
        std::fs::copy(data.path().join(file), backup.path().join(file)).ok();
    }
    let mut process = process.restart().await;
    for n in 0..5 {
        process.say(&alice, &room, &format!("lost {n}")).await;
    }
    let since = process.sync(&alice, None).await["next_batch"].clone();
    process.kill().await;
    std::fs::remove_file(data.path().join("chatbook.db-wal")).ok();
    for file in ["chatbook.db", "chatbook.db-wal"] {
        std::fs::copy(backup.path().join(file), data.path().join(file)).ok();
    }
    let path = data.path().display().to_string();
    let environment = [("CHATBOOK_SERVER__DATA", path.as_str()), e2e::SQLITE];
    let (code, printed, error) = chatbook(&["store", "bump-epoch"], &environment).await;
    assert_eq!((code, printed.contains(" begins in 1 shards.")), (0, true), "{printed}{error}");
    let process = process.restart().await;
    let said = process.say(&alice, &room, "after").await;
    let synced = process.sync(&alice, Some(&since)).await;
    let timeline = &synced["rooms"]["join"][&room]["timeline"]["events"];
    assert!(e2e::event_ids(timeline).contains(&said), "{synced}");
}

#[tokio::test]
async fn a_rush_of_connections_waits_until_the_server_gets_to_it() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("Linux says");
    let rush = allowed.trim().parse::<usize>().expect("a number").min(300);
    let process = Process::spawn().await;
    process.get("/_matrix/client/versions").ok().await;
    process.signal("STOP").await;
    let connect = |_| tokio::time::timeout(Duration::from_millis(900), tokio::net::TcpStream::connect(process.addr()));
    let connections = futures_util::future::join_all((0..rush).map(connect)).await;
    process.signal("CONT").await;
    let made = connections.iter().filter(|made| matches!(made, Ok(Ok(_)))).count();
    assert_eq!(made, rush, "a connection that is turned away comes back a second later at the earliest");
    process.get("/_matrix/client/versions").ok().await;
}
