//! Redis: a server that keeps nothing on disk, that can be killed, frozen and started again.

mod cluster;
mod sentinel;

use std::{ffi::OsString, net::SocketAddr, path::Path};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

use crate::{
    Error,
    command::run,
    directory::Directory,
    port::Port,
    programs::find,
    service::{Program, Service, until},
};

pub use cluster::RedisCluster;
pub use sentinel::Sentinel;

/// A Redis server without a password.
#[derive(Debug)]
pub struct Redis {
    service: Service,
    port: Port,
}

impl Redis {
    /// Starts a new, empty server with these settings (as in redis.conf). It writes nothing to disk, so it forgets
    /// everything when it dies, unless they say otherwise.
    ///
    /// # Errors
    /// If Redis is not installed, or says no.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Redis, Error> {
        Redis::launch(Directory::temporary()?, settings).await
    }

    /// The same in this directory, which stays when the server ends.
    ///
    /// # Errors
    /// If Redis is not installed, or says no.
    pub async fn start_in(directory: &Path, settings: &[(&str, &str)]) -> Result<Redis, Error> {
        Redis::launch(Directory::given(directory).await?, settings).await
    }

    async fn launch(directory: Directory, settings: &[(&str, &str)]) -> Result<Redis, Error> {
        let port = Port::claim()?;
        let number = port.number().to_string();
        let own = [
            ("bind", "127.0.0.1"),
            ("port", number.as_str()),
            ("save", "\"\""),
            ("appendonly", "no"),
            // A new replica gets its copy at once.
            ("repl-diskless-sync-delay", "0"),
        ];
        let mut arguments = vec![OsString::from(find("redis-server")?)];
        for (name, value) in own.iter().chain(settings) {
            arguments.push(format!("--{name}").into());
            arguments.extend(value.split_whitespace().map(|word| OsString::from(word.trim_matches('"'))));
        }
        let service = Service::start(directory, Program { name: "Redis".into(), arguments, ending: "KILL" })?;
        let redis = Redis { service, port };
        redis.ready().await?;
        Ok(redis)
    }

    /// Starts a replica of this server; returns when it has everything.
    ///
    /// # Errors
    /// If Redis says no.
    pub async fn replica(&self) -> Result<Redis, Error> {
        let replica = Redis::start(&[("replicaof", &format!("127.0.0.1 {}", self.port()))]).await?;
        until("the replica to be in step", async || {
            Ok(replica.command(&["info", "replication"]).await?.contains("master_link_status:up"))
        })
        .await?;
        Ok(replica)
    }

    /// Where to connect: `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
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

    /// The number of its process, if it runs.
    pub async fn process(&self) -> Option<u32> {
        self.service.id().await
    }

    /// Its files, with what it wrote in `log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.service.directory()
    }

    /// Sends a command with redis-cli and returns the answer as it prints it.
    ///
    /// # Errors
    /// If it does not answer, or answers with an error.
    pub async fn command(&self, words: &[&str]) -> Result<String, Error> {
        client(self.addr(), words).await
    }

    /// Forgets all data.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn flush(&self) -> Result<(), Error> {
        self.command(&["flushall"]).await?;
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&self) {
        self.service.kill().await;
    }

    /// Starts it on the same port after [`Redis::kill`] or [`Redis::stop`].
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.service.start_again().await?;
        self.ready().await
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub async fn pause(&self) {
        self.service.pause().await;
    }

    /// Ends a [`Redis::pause`].
    pub async fn resume(&self) {
        self.service.resume().await;
    }

    /// Shuts it down in order.
    pub async fn stop(&self) {
        self.service.end(Signal::TERM).await;
    }

    async fn ready(&self) -> Result<(), Error> {
        self.service.ready(async || answers(self.addr()).await).await
    }
}

/// Whether a Redis server or a Sentinel at this address answers a ping, so has loaded its data.
async fn answers(addr: SocketAddr) -> bool {
    let ping = async {
        let mut stream = TcpStream::connect(addr).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    ping.await.is_ok_and(|answer| &answer == b"+PONG\r\n")
}

/// Sends a command with redis-cli.
async fn client(addr: SocketAddr, words: &[&str]) -> Result<String, Error> {
    let mut client = Command::new(find("redis-cli")?);
    client.args(["-e", "-h", &addr.ip().to_string(), "-p", &addr.port().to_string()]).args(words);
    Ok(run(&mut client, "").await?.trim_end().to_owned())
}
