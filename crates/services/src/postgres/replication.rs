//! Standbys of a PostgreSQL server: streaming replication, synchronous replication, failover.

use std::{net::SocketAddr, path::Path};

use super::{Postgres, cluster, quoted};
use crate::{Error, directory::Directory, service::until};

impl Postgres {
    /// Starts a standby that follows this server by streaming replication, under `name` (letters, digits, underscores).
    /// The server keeps what the standby has not got yet, however long it is away.
    ///
    /// # Errors
    /// If the copy fails, or a standby has that name.
    pub async fn standby(&self, name: &str) -> Result<Postgres, Error> {
        self.copy(name, self.addr(), Directory::temporary()?).await
    }

    /// The same over a line that leads to this server, such as a [`Proxy`](crate::Proxy).
    ///
    /// # Errors
    /// As [`Postgres::standby`].
    pub async fn standby_over(&self, line: SocketAddr, name: &str) -> Result<Postgres, Error> {
        self.copy(name, line, Directory::temporary()?).await
    }

    /// The same with its data in this directory, which is created if it is not there and stays when the standby ends.
    ///
    /// # Errors
    /// As [`Postgres::standby`], and if there is data already.
    pub async fn standby_over_in(&self, line: SocketAddr, name: &str, directory: &Path) -> Result<Postgres, Error> {
        self.copy(name, line, Directory::given(directory).await?).await
    }

    async fn copy(&self, name: &str, line: SocketAddr, directory: Directory) -> Result<Postgres, Error> {
        cluster::give_away(directory.path()).await?;
        let source = format!("postgres://postgres@{line}/?application_name={name}");
        let target = format!("--dbname={source}");
        let slot = format!("--slot={name}");
        let arguments = [
            "--pgdata=data",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
            "--create-slot",
            &slot,
            &target,
        ];
        cluster::run_as_postgres("pg_basebackup", &arguments, directory.path()).await?;
        Postgres::launch(directory, self.settings.clone()).await
    }

    /// From now on a commit waits until one of these standbys has it on disk; returns when they are in step. With no
    /// names commits wait for nobody any more.
    ///
    /// # Errors
    /// If a standby is not there or does not catch up.
    pub async fn make_synchronous(&self, names: &[&str]) -> Result<(), Error> {
        let list: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        let value = if list.is_empty() { String::new() } else { format!("ANY 1 ({})", list.join(", ")) };
        self.synchronize(&format!("set synchronous_standby_names = '{}'", value.replace('\'', "''"))).await?;
        let question = "select application_name from pg_stat_replication where sync_state in ('sync', 'quorum');";
        until("standbys to become synchronous", async || {
            let answer = self.sql("postgres", question).await?;
            Ok(names.iter().all(|name| answer.lines().any(|line| line == *name)))
        })
        .await
    }

    /// Makes a standby a server of its own that takes writes. It waits for no standby: it may have copied its
    /// predecessor's setting.
    ///
    /// # Errors
    /// If it is no standby.
    pub async fn promote(&self) -> Result<(), Error> {
        self.synchronize("reset synchronous_standby_names").await?;
        self.sql("postgres", "select pg_promote();").await?;
        Ok(())
    }

    async fn synchronize(&self, change: &str) -> Result<(), Error> {
        self.sql("postgres", &format!("alter system {change};\nselect pg_reload_conf();")).await?;
        Ok(())
    }
}
