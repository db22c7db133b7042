//! The PostgreSQL servers of the cluster, each on a disk of its own if there can be one, and the line between two.

use std::time::{Duration, Instant};

use services::{Cut, Error, Postgres, Proxy};
use tokio::time::sleep;

use super::disk::Disk;

/// PostgreSQL's settings. What is broken here are processes, not the machine: nothing that was written gets lost without
/// fsync. The log's files take their room only when they are written, so that a full disk is full for the log too.
const SETTINGS: [(&str, &str); 7] = [
    ("fsync", "off"),
    ("max_connections", "400"),
    ("wal_retrieve_retry_interval", "300ms"),
    ("wal_sender_timeout", "5s"),
    ("wal_init_zero", "off"),
    ("wal_recycle", "off"),
    ("max_wal_size", "256MB"),
];

/// How long a server may take to answer again.
const RECOVERY: Duration = Duration::from_secs(30);

/// A server.
pub struct Server {
    /// PostgreSQL itself.
    pub postgres: Postgres,
    // Below the server: fields are dropped in this order.
    /// What it writes to, if that can be full.
    pub disk: Option<Disk>,
}

/// A server that follows another.
pub struct Standby {
    /// The server.
    pub server: Server,
    /// Between it and the one that it follows.
    line: Proxy,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// It is cut.
    Cut(Cut),
    /// It holds each piece for so long.
    Slow(Duration),
}

fn text(error: Error) -> String {
    error.to_string()
}

impl Standby {
    /// Has the line to the primary broken for a while.
    ///
    /// # Errors
    /// If the line's runtime has ended.
    pub async fn suffer(&self, trouble: Trouble, broken: Duration) -> Result<(), String> {
        match trouble {
            Trouble::Cut(cut) => self.line.cut(cut).await.map_err(text)?,
            Trouble::Slow(delay) => self.line.delay(delay).await.map_err(text)?,
        }
        sleep(broken).await;
        self.line.heal().await.map_err(text)?;
        self.line.delay(Duration::ZERO).await.map_err(text)
    }
}

impl Server {
    /// Starts an empty one.
    ///
    /// # Errors
    /// If PostgreSQL is not installed or does not start.
    pub async fn start() -> Result<Self, String> {
        let disk = Disk::mount().await?;
        let postgres = match &disk {
            Some(disk) => Postgres::start_in(&disk.path(), &SETTINGS).await,
            None => Postgres::start(&SETTINGS).await,
        };
        Ok(Self { postgres: postgres.map_err(text)?, disk })
    }

    /// Starts one that follows this one, under a name. It is not synchronous yet.
    ///
    /// # Errors
    /// If the copy fails.
    pub async fn standby(&self, name: &str) -> Result<Standby, String> {
        let line = Proxy::start(self.postgres.addr()).await.map_err(text)?;
        let disk = Disk::mount().await?;
        let postgres = match &disk {
            Some(disk) => self.postgres.standby_over_in(line.addr(), name, &disk.path()).await,
            None => self.postgres.standby_over(line.addr(), name).await,
        };
        Ok(Standby { server: Self { postgres: postgres.map_err(text)?, disk }, line })
    }

    /// Has its disk full, but for some bytes, for a while. Says whether it ended of that.
    ///
    /// # Errors
    /// If it has no disk of its own, or does not work again once there is room.
    pub async fn fill_disk(&self, room: u64, full: Duration) -> Result<bool, String> {
        let disk = self.disk.as_ref().ok_or("PostgreSQL has no disk of its own")?;
        let filled = disk.fill(room, full).await;
        disk.empty().await?;
        filled?;
        self.recover().await.map_err(text)
    }

    /// Waits until it answers, and starts it again if it has ended: without room for its log it may. Says whether it had.
    async fn recover(&self) -> Result<bool, Error> {
        let (begun, mut ended) = (Instant::now(), false);
        loop {
            if self.postgres.process().await.is_none() {
                ended = true;
                self.postgres.start_again().await?;
            }
            match self.postgres.sql("postgres", "select 1;").await {
                Ok(_) => return Ok(ended),
                Err(error) if begun.elapsed() > RECOVERY => return Err(error),
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}
