//! One node of the cluster: `chatbook serve` with a file of settings.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use services::{Daemon, Error, Port};
use toml::{Table, Value};

use super::probe;

/// What all nodes share besides the files.
pub(super) struct Stores {
    /// `postgres://…`
    pub(super) postgres: String,
    /// `redis://…`
    pub(super) redis: String,
}

/// How many threads the runtime has, if not one for each core.
const THREADS: &str = "TOKIO_WORKER_THREADS";

/// A node that was started, and may be dead at the moment.
pub(super) struct Node {
    name: String,
    daemon: Daemon,
    port: Port,
    settings: PathBuf,
}

impl Node {
    /// Starts one of so many nodes, with this number, in a directory below `root`, and waits until it is ready.
    pub(super) async fn start(root: &Path, (number, nodes): (u16, u16), stores: &Stores) -> Result<Node, Error> {
        let name = format!("node{number}");
        let directory = root.join(&name);
        let port = Port::claim()?;
        let settings = settings(port.addr(), &root.join("shared"), stores);
        let file = directory.join("chatbook.toml");
        let failed = |what: String| move |source| Error::Io { what, source };
        let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&file, settings.to_string()));
        written.map_err(failed(format!("writing {}", file.display())))?;
        // It is this program that the cluster consists of, whatever else is installed.
        let program = std::env::current_exe().map_err(failed("finding the program itself".into()))?;
        let daemon = Daemon::start(&name, &directory, command(&program, &file, &settings, threads(nodes))).await?;
        let node = Node { name, daemon, port, settings: file };
        node.ready().await?;
        Ok(node)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The file for `chatbook serve --config`.
    pub(super) fn settings(&self) -> &Path {
        &self.settings
    }

    pub(super) async fn process(&self) -> Option<u32> {
        self.daemon.process().await
    }

    pub(super) async fn kill(&self) {
        self.daemon.kill().await;
    }

    pub(super) async fn start_again(&self) -> Result<(), Error> {
        self.daemon.start_again().await?;
        self.ready().await
    }

    pub(super) async fn stop(&self) {
        self.daemon.stop().await;
    }

    async fn ready(&self) -> Result<(), Error> {
        self.daemon.ready(async || probe::is_ready(self.addr()).await).await
    }
}

/// What makes a server a node of this cluster.
fn settings(addr: SocketAddr, data: &Path, stores: &Stores) -> Table {
    let text = |text: String| Value::String(text);
    let list = |text: &str| Value::Array(vec![Value::String(text.into())]);
    let server = [
        ("listen", text(addr.to_string())),
        ("data", text(data.display().to_string())),
        // The load balancer.
        ("trusted_proxies", list("127.0.0.1")),
    ];
    let redis = [("urls", list(&stores.redis)), ("mode", text("single".into()))];
    let sections = [
        section("server", server),
        section("postgres", [("url", text(stores.postgres.clone()))]),
        section("redis", redis),
        // Should they be enabled, each node needs a port of its own; its log says which.
        section("metrics", [("listen", text("127.0.0.1:0".into()))]),
        // Behind a load balancer "auto" would ask for tokens.
        section("registration", [("mode", text("open".into()))]),
    ];
    Table::from_iter(sections)
}

fn section<const N: usize>(name: &str, keys: [(&str, Value); N]) -> (String, Value) {
    let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
    (name.to_owned(), Value::Table(Table::from_iter(keys)))
}

/// The threads of a node among so many on this machine: its share of the cores. Threads that all find something to do
/// between the others' work cost more than they bring.
fn threads(nodes: u16) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.div_ceil(nodes.into())
}

/// `chatbook serve`. The environment overrides the file, which is fine for all settings but those that make the cluster.
fn command(program: &Path, file: &Path, settings: &Table, threads: usize) -> Vec<OsString> {
    let mut words = vec![OsString::from("env")];
    for (section, keys) in settings.iter().filter(|(section, _)| *section != "registration") {
        for key in keys.as_table().into_iter().flat_map(Table::keys) {
            words.push(format!("--unset=CHATBOOK_{}__{}", section.to_uppercase(), key.to_uppercase()).into());
        }
    }
    if std::env::var_os(THREADS).is_none() {
        words.push(format!("{THREADS}={threads}").into());
    }
    words.extend([program.into(), "serve".into(), "--config".into(), file.into()]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn example() -> Table {
        let stores = Stores { postgres: "postgres://postgres@127.0.0.1:1/chatbook".into(), redis: "redis://b".into() };
        settings(SocketAddr::from(([127, 0, 0, 1], 4321)), Path::new("/with \"quotes\"/shared"), &stores)
    }

    #[test]
    fn the_settings_of_a_node_are_settings_of_the_server() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("chatbook.toml");
        fs::write(&file, example().to_string()).expect("written");
        let settings = load(&Sources { file: Some(file), ..Sources::default() }).expect("accepted");
        assert_eq!(settings.server.listen.port(), 4321);
        assert_eq!(settings.server.data, Path::new("/with \"quotes\"/shared"));
        assert_eq!(settings.redis.urls, ["redis://b"]);
        assert_eq!(settings.rules.registration.mode, chat::config::RegistrationMode::Open);
    }

    #[test]
    fn the_environment_cannot_take_a_node_out_of_its_cluster() {
        let words = command(Path::new("/bin/chatbook"), Path::new("/x.toml"), &example(), 1);
        let has = |word: &str| words.iter().any(|other| other == word);
        assert!(has("--unset=CHATBOOK_POSTGRES__URL") && has("--unset=CHATBOOK_SERVER__LISTEN"), "{words:?}");
        assert!(!has("--unset=CHATBOOK_REGISTRATION__MODE"), "{words:?}");
        assert!(has("TOKIO_WORKER_THREADS=1") || std::env::var_os(THREADS).is_some(), "{words:?}");
    }

    #[test]
    fn nodes_share_the_cores() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(threads(1), cores);
        assert_eq!(threads(16), cores.div_ceil(16));
        assert!((1..=16).all(|nodes| threads(nodes) >= 1));
    }
}
