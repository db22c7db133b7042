//! A Redis Sentinel: watches a server, and promotes a replica when it dies.

use std::{fs, net::SocketAddr};

use super::{Redis, answers, client};
use crate::{
    Error,
    directory::Directory,
    port::Port,
    programs::find,
    service::{Program, Service, until},
};

/// A Sentinel that decides alone.
#[derive(Debug)]
pub struct Sentinel {
    service: Service,
    port: Port,
    name: String,
}

impl Sentinel {
    /// Starts a Sentinel that watches `redis` under `name`; returns when it knows all of its replicas. It takes a server
    /// for dead after half a second.
    ///
    /// # Errors
    /// If Redis is not installed, or says no.
    pub async fn start(redis: &Redis, name: &str) -> Result<Sentinel, Error> {
        let port = Port::claim()?;
        let directory = Directory::temporary()?;
        let text = format!(
            "bind 127.0.0.1\nport {}\nsentinel monitor {name} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 3000\n",
            port.number(),
            redis.port(),
        );
        let file = directory.path().join("sentinel.conf");
        fs::write(&file, text).map_err(Error::io("sentinel.conf"))?;
        let arguments = vec![find("redis-server")?.into(), file.into(), "--sentinel".into()];
        let service = Service::start(directory, Program { name: "Sentinel".into(), arguments, ending: "KILL" })?;
        let sentinel = Sentinel { service, port, name: name.to_owned() };
        sentinel.ready().await?;
        let replication = redis.command(&["info", "replication"]).await?;
        let replicas = replication.lines().filter(|line| line.starts_with("slave")).count();
        until("Sentinel to know the replicas", async || {
            let known = client(sentinel.addr(), &["sentinel", "replicas", name]).await?;
            Ok(known.lines().filter(|line| *line == "name").count() == replicas)
        })
        .await?;
        Ok(sentinel)
    }

    /// The name that it knows the server under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The server that takes writes, as it sees it.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn primary(&self) -> Result<SocketAddr, Error> {
        let words = ["sentinel", "get-master-addr-by-name", &self.name];
        let output = client(self.addr(), &words).await?;
        let unknown = || Error::Command { command: words.join(" "), output: output.clone() };
        output.replace('\n', ":").parse().map_err(|_| unknown())
    }

    /// SIGKILL.
    pub async fn kill(&self) {
        self.service.kill().await;
    }

    /// Starts it on the same port after [`Sentinel::kill`], with what it knew.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.service.start_again().await?;
        self.ready().await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.service.ready(async || answers(self.addr()).await).await
    }
}
