//! A server in a process of its own, which can be killed.

use std::{
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};

use crate::{Client, backing};

/// A `chatbook serve` process with its data in a temporary directory. It is killed when dropped. Sends requests like
/// the [`Client`] that it derefs to.
pub struct Process {
    client: Client,
    child: Child,
    start: Start,
    printed: Output,
    logged: Output,
}

/// How it is started.
#[derive(Clone)]
struct Start {
    listen: SocketAddr,
    data: Arc<TempDir>,
    options: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Settings that suit tests: cheap password hashes, no rate limits.
pub(crate) const CHEAP: [(&str, &str); 3] = [
    ("CHATBOOK_RATE_LIMITS__ENABLED", "false"),
    ("CHATBOOK_PASSWORDS__MEMORY_KIB", "8"),
    ("CHATBOOK_PASSWORDS__ITERATIONS", "1"),
];

/// Which database it uses.
const DATABASE: &str = "CHATBOOK_POSTGRES__URL";

/// How long a process may take to print its address.
const START: Duration = Duration::from_secs(60);

impl Process {
    /// Starts with settings that suit tests: cheap password hashes, no rate limits.
    pub async fn spawn() -> Self {
        Self::spawn_in(temporary(), &[]).await
    }

    /// The same on the data in `data`, with more `CHATBOOK_…` variables.
    pub async fn spawn_in(data: Arc<TempDir>, environment: &[(&str, &str)]) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::spawn_at(any, data, environment).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same on an address that stays when it is started again.
    ///
    /// # Errors
    /// What it wrote, if it ended or took too long.
    pub async fn spawn_at(
        listen: SocketAddr,
        data: Arc<TempDir>,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut environment: Vec<_> = CHEAP.iter().chain(environment).map(own).collect();
        if backing::is_postgres() && !environment.iter().any(|(name, _)| name == DATABASE) {
            environment.push((DATABASE.to_owned(), backing::database().await));
        }
        Self::open(Start { listen, data, options: Vec::new(), environment }).await
    }

    /// Starts on the data in `data` with more options and otherwise the program's own defaults.
    pub async fn spawn_with(data: Arc<TempDir>, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let start = Start { listen, data, options, environment: Vec::new() };
        Self::open(start).await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn open(start: Start) -> Result<Self, String> {
        let mut child = Command::new(program())
            .args(["serve", "--listen", &start.listen.to_string(), "--data"])
            .arg(start.data.path())
            .args(&start.options)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server's process starts");
        let printed = Output::collect(child.stdout.take().expect("stdout is piped"));
        let logged = Output::collect(child.stderr.take().expect("stderr is piped"));
        let text = printed.wait(START, "http://").await;
        let addr: Option<SocketAddr> = text.lines().find_map(|line| line.split_once("http://")?.1.parse().ok());
        let addr = addr.ok_or_else(|| format!("no address: {text}\n{}", logged.text()))?;
        Ok(Self { client: Client::new(addr), child, start, printed, logged })
    }

    /// Its data.
    pub fn data(&self) -> &Path {
        self.start.data.path()
    }

    /// Kills it the hard way (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process can be killed");
    }

    /// Starts it again on the same data (and a new port). Call after [`Process::kill`].
    pub async fn restart(self) -> Self {
        Self::open(self.start).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        self.logged.text()
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        send(name, self.id().expect("the process runs")).await;
    }

    /// How it has ended by itself, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be waited for")
    }

    /// Waits for it to end by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        self.child.wait().await.expect("the process can be waited for")
    }

    /// What it has printed to stdout, once `part` is there.
    pub async fn printed_within(&self, patience: Duration, part: &str) -> String {
        self.printed.wait(patience, part).await
    }

    /// What it has written to its log, once `part` is there.
    pub async fn logged_within(&self, patience: Duration, part: &str) -> String {
        self.logged.wait(patience, part).await
    }
}

impl Deref for Process {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Sends a signal to a process.
pub async fn send(name: &str, process: u32) {
    // The shell's own `kill`: the program of that name is not on every machine.
    let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {process}")]).status().await;
    assert!(sent.expect("the system has a shell").success());
}

/// Runs the program until it ends by itself: its exit code, stdout and stderr.
pub async fn chatbook(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    // Its default data directory is relative.
    let here = temporary();
    let mut command = Command::new(program());
    command.args(arguments).envs(environment.iter().copied()).current_dir(here.path()).kill_on_drop(true);
    let ended = tokio::time::timeout(START, command.output()).await.expect("the program ends by itself");
    let output = ended.expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    (output.status.code().expect("it ended by itself"), text(output.stdout), text(output.stderr))
}

/// The binary of this package, which cargo has built before the test: it stands above the directory of the tests.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let directory = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    directory.join("chatbook-under-test")
}

fn temporary() -> Arc<TempDir> {
    Arc::new(TempDir::new().expect("a temporary directory"))
}

/// What a process writes, collected so that a full pipe never blocks it.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<Mutex<(String, bool)>>);

impl Output {
    pub(crate) fn collect(stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let output = Self::default();
        let copy = output.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            let echo = backing::echo();
            while let Ok(Some(line)) = lines.next_line().await {
                if echo {
                    eprintln!("| {line}");
                }
                let mut text = copy.0.lock().expect("nobody panics while holding it");
                text.0.push_str(&line);
                text.0.push('\n');
            }
            copy.0.lock().expect("nobody panics while holding it").1 = true;
        });
        output
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("nobody panics while holding it").0.clone()
    }

    /// The text once `part` is in it, or what there is when the time is over or the process has ended.
    pub(crate) async fn wait(&self, patience: Duration, part: &str) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.0.lock().expect("nobody panics while holding it").1;
            let text = self.text();
            if ended || text.contains(part) || Instant::now() > deadline {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
