//! PostgreSQL: a server with its own data, that can be killed, frozen and started again.

mod cluster;
mod replication;

use std::{net::SocketAddr, path::Path};

use rustix::process::Signal;
use tokio::{net::TcpStream, process::Command};

use crate::{
    Error,
    command::run,
    directory::Directory,
    port::Port,
    programs::find,
    service::{Program, Service},
};

/// A PostgreSQL server with the superuser `postgres`, who needs no password from 127.0.0.1.
#[derive(Debug)]
pub struct Postgres {
    service: Service,
    port: Port,
    settings: Vec<(String, String)>,
}

impl Postgres {
    /// Starts a new, empty server with these settings (as in postgresql.conf) and PostgreSQL's defaults for the rest. So
    /// it syncs to disk; `("fsync", "off")` is for tests that do not depend on it.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, or says no.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Postgres, Error> {
        Postgres::create(Directory::temporary()?, settings).await
    }

    /// Starts a server on the data of this directory, which is created if it is not there and stays when the server ends.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, may not enter the directory, or says no, for example to data of another version.
    pub async fn start_in(directory: &Path, settings: &[(&str, &str)]) -> Result<Postgres, Error> {
        Postgres::create(Directory::given(directory).await?, settings).await
    }

    async fn create(directory: Directory, settings: &[(&str, &str)]) -> Result<Postgres, Error> {
        cluster::give_away(directory.path()).await?;
        cluster::create(&directory).await?;
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Postgres::launch(directory, settings).await
    }

    /// Starts a server on a directory with data.
    async fn launch(directory: Directory, settings: Vec<(String, String)>) -> Result<Postgres, Error> {
        let port = Port::claim()?;
        let mut arguments = cluster::as_postgres("postgres")?;
        arguments.extend(["-D".into(), directory.path().join("data").into()]);
        let own = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.number().to_string()),
            // Its default is a directory that all servers share; the path of one of ours may be too long.
            ("unix_socket_directories", String::new()),
            // Its default is files outside the directory, which a killed server leaves behind.
            ("dynamic_shared_memory_type", "mmap".to_owned()),
        ];
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let given = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(given) {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        let service = Service::start(directory, Program { name: "PostgreSQL".into(), arguments, ending: "QUIT" })?;
        let postgres = Postgres { service, port, settings };
        postgres.ready().await?;
        Ok(postgres)
    }

    /// Where to connect, for a database's name: `postgres://postgres@127.0.0.1:PORT/NAME`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.addr())
    }

    /// The port on 127.0.0.1; it stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The number of its first process, if it runs.
    pub async fn process(&self) -> Option<u32> {
        self.service.id().await
    }

    /// Its files: `data`, and what it wrote in `log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.service.directory()
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// If PostgreSQL says no, for example because it exists.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.sql("postgres", &format!("create database {};", quoted(name))).await?;
        Ok(())
    }

    /// Runs statements with psql, each in its own transaction, and returns their rows: a line each, columns separated
    /// by `|`.
    ///
    /// # Errors
    /// PostgreSQL's message for the first statement that fails.
    pub async fn sql(&self, database: &str, text: &str) -> Result<String, Error> {
        let mut psql = Command::new(find("psql")?);
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        psql.arg(format!("--dbname={}", self.url(database)));
        Ok(run(&mut psql, text).await?.trim_end().to_owned())
    }

    /// Writes a database to a file, in the format of [`Postgres::restore`], while it is in use.
    ///
    /// # Errors
    /// What `pg_dump` says.
    pub async fn dump(&self, database: &str, file: &Path) -> Result<(), Error> {
        let mut dump = Command::new(find("pg_dump")?);
        dump.arg("--format=custom").arg("--file").arg(file).arg(format!("--dbname={}", self.url(database)));
        run(&mut dump, "").await.map(drop)
    }

    /// Loads what [`Postgres::dump`] has written into an empty database.
    ///
    /// # Errors
    /// What `pg_restore` says.
    pub async fn restore(&self, database: &str, file: &Path) -> Result<(), Error> {
        let mut restore = Command::new(find("pg_restore")?);
        restore.arg("--exit-on-error").arg(format!("--dbname={}", self.url(database))).arg(file);
        run(&mut restore, "").await.map(drop)
    }

    /// SIGKILL to the server and all of its backends at once, as if the power had gone: what it had not written is lost.
    pub async fn kill(&self) {
        self.service.kill().await;
        cluster::forget_shared_memory(self.directory()).await;
    }

    /// Starts it on the same port and data after [`Postgres::kill`] or [`Postgres::stop`], and waits for the end of its
    /// recovery.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.service.start_again().await?;
        self.ready().await
    }

    /// Breaks all connections off and recovers from the log, as after a crash.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(&self) -> Result<(), Error> {
        self.service.end(Signal::QUIT).await;
        self.start_again().await
    }

    /// Freezes all of its processes: connections stay open, and nothing answers.
    pub async fn pause(&self) {
        self.service.pause().await;
    }

    /// Ends a [`Postgres::pause`].
    pub async fn resume(&self) {
        self.service.resume().await;
    }

    /// Shuts it down in order, breaking off connections and writing everything to disk.
    pub async fn stop(&self) {
        self.service.end(Signal::INT).await;
        // Somebody may have killed it before.
        cluster::forget_shared_memory(self.directory()).await;
    }

    async fn ready(&self) -> Result<(), Error> {
        self.service
            .ready(async || {
                // psql costs more than a look.
                TcpStream::connect(self.addr()).await.is_ok() && self.sql("postgres", "select 1;").await.is_ok()
            })
            .await
    }
}

/// A name as SQL's identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
