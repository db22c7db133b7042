//! A server in a process of its own, which can be killed.

use std::{
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::Client;

/// A `chatbook serve` process with its data in a temporary directory. It is killed when dropped. Sends requests like
/// the [`Client`] that it derefs to.
pub struct Process {
    client: Client,
    child: Child,
    addr: SocketAddr,
    data: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl Process {
    /// Starts with settings that suit tests: cheap password hashes, no rate limits.
    pub async fn spawn() -> Self {
        Self::spawn_in(Arc::new(TempDir::new().expect("a temporary directory")), &[]).await
    }

    /// Starts on the data in `data`, with more `CHATBOOK_…` variables.
    pub async fn spawn_in(data: Arc<TempDir>, environment: &[(&str, &str)]) -> Self {
        let cheap = [
            ("CHATBOOK_RATE_LIMITS__ENABLED", "false"),
            ("CHATBOOK_PASSWORDS__MEMORY_KIB", "8"),
            ("CHATBOOK_PASSWORDS__ITERATIONS", "1"),
        ];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::open(data, cheap.iter().chain(environment).map(own).collect()).await
    }

    async fn open(data: Arc<TempDir>, environment: Vec<(String, String)>) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server's process starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let addr = loop {
            let line = lines.next_line().await.expect("stdout is text").expect("the server prints its address");
            if let Some((_, addr)) = line.split_once("http://") {
                break addr.trim_end_matches('/').parse().expect("an address");
            }
        };
        // Whatever else it prints must not block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { client: Client::new(addr), child, addr, data, environment }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Kills it the hard way (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process can be killed");
    }

    /// Starts it again on the same data (and a new port). Call after [`Process::kill`].
    pub async fn restart(self) -> Self {
        Self::open(self.data.clone(), self.environment.clone()).await
    }

    /// Its process id.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for it to end by itself.
    pub async fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().await.expect("the process can be waited for")
    }
}

impl Deref for Process {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The binary of this package, which cargo has built before the test: it stands above the directory of the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let directory = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    directory.join("chatbook-under-test")
}
