//! `chatbook cluster dev`: a whole cluster from one command, parts of which are killed.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use e2e::{Client, PASSWORD, Program, Value, chatbook, json, send};
use services::Scratch;

/// A machine that is busy with other tests takes its time.
const PATIENCE: Duration = Duration::from_secs(90);

/// The command, and what it says of its cluster.
struct Dev {
    program: Program,
    client: Client,
    /// Process ids by the parts' names.
    parts: BTreeMap<String, u32>,
    /// The command's process and all that it has started, in any way.
    processes: Vec<u32>,
    directory: PathBuf,
}

impl Dev {
    async fn start(options: &[&str]) -> Dev {
        let arguments = [&["cluster", "dev", "--listen", "127.0.0.1:0"], options].concat();
        let program = Program::start(&arguments);
        let printed = program.printed_within(PATIENCE, "Ctrl-C stops everything").await;
        let after = |mark: &str| printed.lines().find_map(|line| Some(line.split_once(mark)?.1.to_owned()));
        let addr = after("The cluster is ready: http://").and_then(|addr| addr.parse().ok());
        let addr: SocketAddr = addr.unwrap_or_else(|| panic!("no address: {printed}\n{}", program.errors()));
        let table = printed.lines().skip_while(|line| !line.starts_with("PART")).skip(1);
        let parts = table.map_while(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, _, process] => Some((name.to_owned(), process.parse().expect("a process id"))),
            _ => None,
        });
        let parts = parts.collect();
        let directory = after("Each part writes to ").expect("a directory");
        let directory = directory.split_once("/PART/log").expect("a pattern").0.into();
        let processes = descendants(program.id().expect("it runs"));
        Dev { program, client: Client::new(addr), parts, processes, directory }
    }

    async fn kill(&self, part: &str) {
        send("KILL", self.parts[part]).await;
    }

    async fn printed(&self, part: &str) {
        let printed = self.program.printed_within(PATIENCE, part).await;
        assert!(printed.contains(part), "\"{part}\" was not printed: {printed}{}", self.program.errors());
    }

    /// Ends it as Ctrl-C does; it says that it succeeded, and nothing of it is left.
    async fn stop(mut self, signal: &str) {
        self.processes = descendants(self.program.id().expect("it runs"));
        self.program.signal(signal).await;
        let status = tokio::time::timeout(PATIENCE, self.program.wait()).await.expect("it stops in time");
        assert_eq!(status.code(), Some(0), "{}", self.program.errors());
        assert_eq!(alive(&self.processes), Vec::<u32>::new(), "a process is left");
    }
}

/// A process and all that descend from it.
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let all: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut found = vec![root];
    for index in 0.. {
        let Some(parent) = found.get(index).copied() else { break };
        found.extend(all.iter().filter(|process| stat(**process).is_some_and(|(_, its)| its == parent)));
    }
    found
}

fn alive(processes: &[u32]) -> Vec<u32> {
    processes.iter().copied().filter(|process| stat(*process).is_some_and(|(state, _)| state != "Z")).collect()
}

/// A process's state and parent.
fn stat(process: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// The texts of a room's messages in the answer to a sync.
fn texts(sync: &Value, room: &str) -> Vec<String> {
    let events = sync["rooms"]["join"][room]["timeline"]["events"].as_array();
    let texts = events.into_iter().flatten().filter_map(|event| event["content"]["body"].as_str());
    texts.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn people_talk_on_when_a_node_is_killed_and_nothing_is_left_in_the_end() {
    let dev = Dev::start(&[]).await;
    let names: Vec<_> = dev.parts.keys().map(String::as_str).collect();
    assert_eq!(names, ["nginx", "node1", "node2", "node3", "postgres", "redis"]);
    assert_eq!(alive(&dev.processes).len(), dev.processes.len());
    let (alice, bob) = (dev.client.register("alice").await, dev.client.register("bob").await);
    let room = dev.client.public_room(&alice, &[&bob]).await;
    dev.client.say(&alice, &room, "before").await;
    let first = dev.client.sync(&bob, None).await;
    assert_eq!(texts(&first, &room), ["before"]);

    dev.kill("node2").await;
    let mut since = first["next_batch"].clone();
    for number in 0..6 {
        let text = format!("after {number}");
        dev.client.say(&alice, &room, &text).await;
        let next = dev.client.sync_with(&bob, Some(&since), "timeout=10000").await;
        assert_eq!(texts(&next, &room), [text], "a node that lives has it");
        since = next["next_batch"].clone();
    }
    dev.printed(&format!("node2 (process {}) is dead", dev.parts["node2"])).await;

    let directory = dev.directory.clone();
    assert!(directory.join("node1/log").exists() && directory.join("node2/chatbook.toml").exists());
    dev.stop("TERM").await;
    assert!(!directory.exists(), "files are left");
}

#[tokio::test]
async fn nothing_is_left_when_the_command_itself_is_killed() {
    let mut dev = Dev::start(&["--nodes", "2"]).await;
    dev.client.register("alice").await;
    // Its workers do not notice that.
    dev.kill("nginx").await;
    dev.program.signal("KILL").await;
    dev.program.wait().await;
    let begin = Instant::now();
    while !alive(&dev.processes).is_empty() || dev.directory.exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "left: {:?} {:?}", alive(&dev.processes), dev.directory);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_directory_keeps_what_was_said_and_a_part_that_dies_comes_back() {
    // With root, the user postgres has to get there.
    let scratch = Scratch::new("chatbook-test-").expect("a directory");
    let data = scratch.path().join("data").display().to_string();
    let options = ["--nodes", "1", "--restart", "--data", &data];
    let dev = Dev::start(&options).await;
    let alice = dev.client.register("alice").await;
    let room = dev.client.create_room(&alice, json!({})).await;
    let file = dev.client.post("/_matrix/media/v3/upload?filename=a.txt", json!("a file")).by(&alice).ok().await;
    for part in ["node1", "redis", "postgres", "nginx"] {
        dev.kill(part).await;
        dev.printed(&format!("{part} is back")).await;
        let begin = Instant::now();
        let path = dev.client.room(&room, &format!("send/m.room.message/{part}"));
        let content = json!({ "msgtype": "m.text", "body": part });
        // PostgreSQL's connections are made again when they are used; nginx gives a node two seconds.
        while dev.client.put(&path, content.clone()).by(&alice).send().await.0 != 200 {
            assert!(begin.elapsed() < PATIENCE, "nothing can be sent after {part} came back");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    dev.stop("INT").await;

    let dev = Dev::start(&options).await;
    let identifier = json!({ "type": "m.id.user", "user": "alice" });
    let login = json!({ "type": "m.login.password", "identifier": identifier, "password": PASSWORD });
    let login = dev.client.post("/_matrix/client/v3/login", login).ok().await;
    let token = login["access_token"].as_str().expect("a token");
    let sync = dev.client.get("/_matrix/client/v3/sync").token(token).ok().await;
    assert_eq!(texts(&sync, &room), ["node1", "redis", "postgres", "nginx"], "each once, in order");
    let file = file["content_uri"].as_str().expect("an address").trim_start_matches("mxc://").to_owned();
    let (status, content) =
        dev.client.get(&format!("/_matrix/client/v1/media/download/{file}")).token(token).send().await;
    assert_eq!((status, content), (200, json!("a file")));
    dev.stop("TERM").await;
    assert!(Path::new(&data).join("postgres/data").is_dir());
}

#[tokio::test]
async fn a_signal_ends_it_also_while_it_starts() {
    let mut program = Program::start(&["cluster", "dev", "--listen", "127.0.0.1:0", "--nodes", "1"]);
    program.printed_within(PATIENCE, "Starting").await;
    // PostgreSQL makes its files.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let processes = descendants(program.id().expect("it runs"));
    program.signal("INT").await;
    let status = tokio::time::timeout(PATIENCE, program.wait()).await.expect("it stops in time");
    assert_eq!(status.code(), Some(0), "{}", program.errors());
    // What PostgreSQL's own programs had started ends a moment after them.
    let begin = Instant::now();
    while !alive(&processes).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(10), "left: {:?}", alive(&processes));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_wrong_option_is_named() {
    for (options, expected) in [
        (["--nodes", "0"], "invalid value '0' for '--nodes <N>'"),
        (["--nodes", "many"], "invalid value 'many' for '--nodes <N>'"),
        (["--listen", "8008"], "invalid value '8008' for '--listen <ADDR:PORT>': invalid socket address"),
        (["--date", "x"], "unexpected argument '--date'"),
    ] {
        let (code, _, error) = chatbook(&["cluster", "dev", options[0], options[1]], &[]).await;
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let (code, _, error) = chatbook(&["cluster"], &[]).await;
    assert_eq!((code, error.contains("dev")), (2, true), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_and_data_of_a_single_server_are_refused_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address").to_string();
    let (code, _, error) = chatbook(&["cluster", "dev", "--listen", &addr], &[]).await;
    assert_eq!(code, 1);
    assert!(error.starts_with(&format!("chatbook: cannot listen on {addr} (--listen): ")), "{error}");
    let directory = tempfile::TempDir::new().expect("a directory");
    fs::write(directory.path().join("chatbook.db"), "").expect("a file");
    let data = directory.path().display().to_string();
    let (code, _, error) = chatbook(&["cluster", "dev", "--listen", "127.0.0.1:0", "--data", &data], &[]).await;
    assert_eq!(code, 1);
    assert!(error.contains("(--data) holds the data of a single server"), "{error}");
}
