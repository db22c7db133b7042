//! Connections to PostgreSQL: made when needed, kept while idle, replaced when they break.

use std::{
    collections::HashMap,
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    net::lookup_host,
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{
    Client, NoTls, Statement,
    config::{Host, SslMode, TargetSessionAttrs},
    error::{Severity, SqlState},
    types::ToSql,
};

use super::{Config, migrations};
use crate::{
    error::{Error, Result},
    stats::Stats,
    value::Value,
};

/// How long a query is tried again, on other connections, before the database counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The connections of one node.
pub(super) struct Pool {
    /// Each host of the URL by itself.
    hosts: Vec<tokio_postgres::Config>,
    /// The host to try first: the one that worked last, or that after the one that failed last.
    first: AtomicUsize,
    /// How long a host may take until it has said that it takes writes.
    handshake: Duration,
    /// How long the server may be silent while it has something to do.
    silence: Duration,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
    stats: Arc<Stats>,
    /// Random, once the store is open: what this node's keys begin with.
    nonce: OnceLock<[u8; 8]>,
    /// The database's clock at a moment, milliseconds.
    clock: OnceLock<(Instant, i64)>,
    /// The last failure to connect that was logged: each is logged once, until a connection succeeds.
    complaint: Mutex<String>,
}

/// One connection, with the statements that it has prepared.
pub(super) struct Connection {
    pub(super) client: Client,
    statements: HashMap<(usize, usize), Statement>,
}

impl Pool {
    /// # Errors
    /// [`Error::Refused`] for an URL that is none, and for settings that cannot work.
    pub(super) fn new(settings: &Config, stats: Arc<Stats>) -> Result<Self> {
        settings.check()?;
        let hosts = hosts(settings)?;
        let silence = Duration::from_millis(settings.statement_timeout_ms + settings.tcp_user_timeout_ms);
        // Who waits no longer than that has got past hosts that hang.
        let share = silence / (hosts.len() as u32 + 1);
        Ok(Self {
            hosts,
            first: AtomicUsize::new(0),
            handshake: Duration::from_millis(settings.connect_timeout_ms).min(share),
            silence,
            idle: Mutex::default(),
            permits: Semaphore::new(settings.connections),
            stats,
            nonce: OnceLock::new(),
            clock: OnceLock::new(),
            complaint: Mutex::default(),
        })
    }

    /// The rows of a statement that may run more than once: it is tried again, on another connection, if one breaks.
    pub(super) async fn query(&self, sql: &'static str, params: &[Value]) -> Result<Vec<tokio_postgres::Row>> {
        let deadline = Instant::now() + PATIENCE;
        let _permit = timeout(PATIENCE, self.permits.acquire()).await.map_err(|_| Error::Overloaded)?;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match timeout(self.silence, self.query_once(sql, params)).await {
                Err(_) => return Err(Error::Unavailable),
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) => error,
            };
            if !is_passing(&error) {
                return Err(error.into());
            }
            if Instant::now() + pause > deadline {
                tracing::warn!(name: "store.query", error = %text(&error), "the database did not answer a query");
                return Err(Error::Unavailable);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn query_once(
        &self,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let mut connection = self.take().await?;
        let statement = connection.prepare(sql).await?;
        let answer = connection.client.query(&statement, &dynamic(params)).await;
        if answer.as_ref().err().is_none_or(|error| !is_passing(error)) {
            self.idle.lock().push(connection);
        }
        answer
    }

    async fn take(&self) -> Result<Connection, tokio_postgres::Error> {
        while let Some(connection) = { self.idle.lock().pop() } {
            if !connection.client.is_closed() {
                return Ok(connection);
            }
        }
        self.connect().await
    }

    /// Where the database is looked for, without user and password.
    pub(super) fn places(&self) -> String {
        self.hosts.iter().map(place).collect::<Vec<_>>().join(", ")
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        match self.open().await {
            Ok(connection) => {
                self.stats.connects.fetch_add(1, Relaxed);
                if !std::mem::take(&mut *self.complaint.lock()).is_empty() {
                    tracing::info!(name: "store.connect", "the database is reached again");
                }
                Ok(connection)
            }
            Err(error) => {
                let (why, mut complaint) = (text(&error), self.complaint.lock());
                if *complaint != why {
                    let hosts = self.places();
                    tracing::warn!(name: "store.connect", hosts, error = why, "the database cannot be reached");
                    *complaint = why;
                }
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<Connection, tokio_postgres::Error> {
        let client = self.reach().await?;
        if self.nonce.get().is_some() {
            migrations::recognize(&client).await?;
        }
        Ok(Connection { client, statements: HashMap::new() })
    }

    /// The first host that takes writes.
    async fn reach(&self) -> Result<Client, tokio_postgres::Error> {
        let (first, count) = (self.first.load(Relaxed), self.hosts.len());
        let mut failure = None;
        for host in (first..first + count).map(|n| n % count) {
            for address in addresses(&self.hosts[host], self.handshake).await {
                match timeout(self.handshake, handshake(&address)).await {
                    Ok(Ok(client)) => {
                        self.first.store(host, Relaxed);
                        return Ok(client);
                    }
                    Ok(Err(error)) => failure = Some(error),
                    Err(_) => {}
                }
            }
            self.first.store((host + 1) % count, Relaxed);
        }
        Err(failure.unwrap_or_else(tokio_postgres::Error::__private_api_timeout))
    }

    /// The store is there: from now on each connection looks whether it is still the same.
    pub(super) fn opened(&self, nonce: [u8; 8], now: i64) {
        self.nonce.set(nonce).ok();
        self.clock.set((Instant::now(), now)).ok();
    }

    /// The database's clock, milliseconds, as far as this machine's can tell.
    pub(super) fn now(&self) -> i64 {
        self.clock.get().map_or(0, |(then, now)| now + then.elapsed().as_millis() as i64)
    }

    pub(super) fn nonce(&self) -> [u8; 8] {
        self.nonce.get().copied().unwrap_or_default()
    }

    /// How long the server may be silent while it works on a statement.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    pub(super) fn close(&self) {
        self.idle.lock().clear();
    }
}

impl Connection {
    /// The statement, prepared once: each query of this crate is a literal, and is found by its address.
    pub(super) async fn prepare(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }
}

/// Each host of the URL by itself: the library gives up on all of them when one of them hangs.
fn hosts(settings: &Config) -> Result<Vec<tokio_postgres::Config>> {
    let refused = |why: &str| Err(Error::Refused(format!("postgres.url: {why}")));
    // The library's own error may repeat what stands in the URL.
    let Ok(given) = tokio_postgres::Config::from_str(&settings.url) else {
        return refused("this is no address of a PostgreSQL database (postgres://user:password@host:port/database)");
    };
    if given.get_ssl_mode() == SslMode::Require {
        return refused("encrypted connections (sslmode=require) are not supported yet");
    }
    let (names, addresses, ports) = (given.get_hosts().len(), given.get_hostaddrs().len(), given.get_ports().len());
    let count = names.max(addresses);
    match count {
        0 => refused("it names no host"),
        _ if ![0, count].contains(&names) || ![0, count].contains(&addresses) => {
            refused("there have to be as many addresses (hostaddr) as hosts")
        }
        _ if ![0, 1, count].contains(&ports) => refused("there have to be as many ports as hosts, or one"),
        _ => Ok((0..count).map(|n| host(&given, n, settings)).collect()),
    }
}

/// The URL's host number `n`, with all that the URL and the settings say of connections.
fn host(given: &tokio_postgres::Config, n: usize, settings: &Config) -> tokio_postgres::Config {
    let Config { statement_timeout_ms, lock_timeout_ms, tcp_user_timeout_ms, .. } = settings;
    let mut host = tokio_postgres::Config::new();
    match given.get_hosts().get(n) {
        Some(Host::Tcp(name)) => _ = host.host(name),
        Some(Host::Unix(path)) => _ = host.host_path(path),
        None => {}
    }
    if let Some(address) = given.get_hostaddrs().get(n) {
        host.hostaddr(*address);
    }
    if let Some(port) = given.get_ports().get(n).or(given.get_ports().first()) {
        host.port(*port);
    }
    if let Some(user) = given.get_user() {
        host.user(user);
    }
    if let Some(password) = given.get_password() {
        host.password(password);
    }
    if let Some(name) = given.get_dbname() {
        host.dbname(name);
    }
    // A node whose machine is gone says no goodbye: without keepalives its sessions would stay for hours.
    host.options(format!(
        "-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} \
         -c tcp_user_timeout={tcp_user_timeout_ms} -c idle_in_transaction_session_timeout={lock_timeout_ms} \
         -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c jit=off {}",
        given.get_options().unwrap_or_default()
    ));
    host.application_name("chatbook")
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .tcp_user_timeout(Duration::from_millis(*tcp_user_timeout_ms))
        .keepalives(given.get_keepalives())
        .keepalives_idle(Duration::from_secs(10))
        .channel_binding(given.get_channel_binding())
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    host
}

/// A host as operators write it: `host:port`.
fn place(host: &tokio_postgres::Config) -> String {
    let name = match (host.get_hosts().first(), host.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        (Some(Host::Unix(path)), _) => path.display().to_string(),
        (None, address) => address.map(ToString::to_string).unwrap_or_default(),
    };
    format!("{name}:{}", host.get_ports().first().unwrap_or(&5432))
}

/// The host at each address of its name, so that one that is silent does not use up the time of the others.
async fn addresses(host: &tokio_postgres::Config, patience: Duration) -> Vec<tokio_postgres::Config> {
    let at = |address: SocketAddr| {
        let mut host = host.clone();
        host.hostaddr(address.ip());
        host
    };
    match (host.get_hosts(), host.get_hostaddrs()) {
        ([Host::Tcp(name)], []) => match timeout(patience, lookup_host((name.as_str(), 0))).await {
            Ok(Ok(found)) => found.map(at).collect(),
            // The library says what is wrong with the name.
            _ => vec![host.clone()],
        },
        _ => vec![host.clone()],
    }
}

/// A connection to a host that takes writes.
async fn handshake(host: &tokio_postgres::Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = host.connect(NoTls).await?;
    // Ends when the client is dropped, or the connection breaks.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(name: "store.connection", %error, "a connection to the database ended");
        }
    });
    Ok(client)
}

fn dynamic(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Whether the failure lies in the connection or the moment, not in what was asked. What came of that is then unknown.
pub(super) fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(said) = error.as_db_error() else { return true };
    // The end of the session, or none to begin with, whatever the code: a password that is being changed, no room for a
    // session's files. Where there is no room for its log the server ends itself, with a code as if the statement had
    // failed, and may have written down the commit.
    let ends = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    let state = said.code();
    // Class 08: connection exceptions. 53: out of something, a full disk aside. 57: the server stops, starts, or cancelled
    // the statement.
    let of_the_moment = ["08", "53", "57"].iter().any(|class| state.code().starts_with(class));
    ends || of_the_moment && *state != SqlState::DISK_FULL
        || [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            // The server has become, or still is, a standby.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(state)
}

/// What the server said, or what befell the connection.
pub(super) fn text(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => said.to_string(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            _ if is_passing(&error) => Self::Unavailable,
            Some(state) if *state == SqlState::DISK_FULL => Self::Full,
            _ => Self::Database(text(&error).into()),
        }
    }
}
