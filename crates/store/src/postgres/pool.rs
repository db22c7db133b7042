//! Connections to PostgreSQL: made when needed, kept while idle, replaced when they break.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{Client, NoTls, Statement, config::TargetSessionAttrs, error::SqlState, types::ToSql};

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
    config: tokio_postgres::Config,
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
    /// [`Error::Refused`] for an URL that is none.
    pub(super) fn new(settings: &Config, stats: Arc<Stats>) -> Result<Self> {
        let refused = |why: String| Error::Refused(format!("postgres.url: {why}"));
        let mut config = tokio_postgres::Config::from_str(&settings.url)
            .map_err(|error| refused(format!("this is no address of a PostgreSQL database: {error}")))?;
        if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
            return Err(refused("encrypted connections (sslmode=require) are not supported yet".into()));
        }
        let Config { statement_timeout_ms, lock_timeout_ms, tcp_user_timeout_ms, .. } = settings;
        let given = config.get_options().unwrap_or_default().to_owned();
        config.options(format!(
            "-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} \
             -c tcp_user_timeout={tcp_user_timeout_ms} -c idle_in_transaction_session_timeout={lock_timeout_ms} \
             -c jit=off {given}"
        ));
        config
            .application_name("chatbook")
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms.max(1)))
            .tcp_user_timeout(Duration::from_millis(*tcp_user_timeout_ms))
            .keepalives_idle(Duration::from_secs(10))
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self {
            config,
            silence: Duration::from_millis(statement_timeout_ms.saturating_add(*tcp_user_timeout_ms).max(1)),
            idle: Mutex::default(),
            permits: Semaphore::new(settings.connections.max(1)),
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

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        match self.open().await {
            Ok(connection) => {
                self.stats.connects.fetch_add(1, Relaxed);
                self.complaint.lock().clear();
                Ok(connection)
            }
            Err(error) => {
                let (why, mut complaint) = (text(&error), self.complaint.lock());
                if *complaint != why {
                    tracing::warn!(name: "store.connect", error = why, "the database cannot be reached");
                    *complaint = why;
                }
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // Ends when the client is dropped, or the connection breaks.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(name: "store.connection", %error, "a connection to the database ended");
            }
        });
        if self.nonce.get().is_some() {
            migrations::recognize(&client).await?;
        }
        Ok(Connection { client, statements: HashMap::new() })
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

fn dynamic(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Whether the failure lies in the connection or the moment, not in what was asked.
pub(super) fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return true };
    // Class 08: connection exceptions. Class 57: the server stops, starts, or cancelled the statement.
    state.code().starts_with("08")
        || state.code().starts_with("57")
        || [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::TOO_MANY_CONNECTIONS,
            // The server has become, or still is, a standby.
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // Wrong for now: the operator is changing a password, or has yet to.
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
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
            Some(state) if *state == SqlState::DISK_FULL => Self::Full,
            _ if is_passing(&error) => Self::Unavailable,
            _ => Self::Database(text(&error).into()),
        }
    }
}
