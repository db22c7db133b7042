//! Load balancers with the configurations that the project ships.

mod haproxy;
mod listeners;
mod nginx;
mod sample;

use std::{
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use rustix::process::Signal;
use tokio::{net::TcpStream, process::Command};

use crate::{
    Error,
    command::run,
    directory::Directory,
    port::Port,
    programs::find,
    service::{Program, Service, until},
    tree::children,
};

pub use haproxy::Haproxy;
pub use nginx::Nginx;

/// What one load balancer does differently from another.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    program: &'static str,
    /// How it runs in the foreground.
    arguments: &'static [&'static str],
    /// The arguments with which it only looks whether its configuration is right.
    check: &'static [&'static str],
    /// Makes it read its configuration again.
    reload: Signal,
    /// The files that it reads, for an address to listen on and the backends.
    files: fn(SocketAddr, &[SocketAddr]) -> Vec<(&'static str, String)>,
}

/// A running load balancer.
#[derive(Debug)]
struct Balancer {
    kind: &'static Kind,
    service: Service,
    addr: SocketAddr,
    /// Of an address of ours.
    _port: Option<Port>,
}

impl Balancer {
    async fn start(kind: &'static Kind, backends: &[SocketAddr]) -> Result<Balancer, Error> {
        let port = Port::claim()?;
        Balancer::launch(kind, Directory::temporary()?, port.addr(), Some(port), backends).await
    }

    /// Listens on this address, with port 0 on a free one; in this directory, which stays when it ends.
    async fn start_in(
        kind: &'static Kind,
        directory: &Path,
        mut addr: SocketAddr,
        backends: &[SocketAddr],
    ) -> Result<Balancer, Error> {
        let port = if addr.port() == 0 { Some(Port::claim()?) } else { None };
        if let Some(port) = &port {
            addr.set_port(port.number());
        }
        // The load balancer says the same less clearly; nginx, which tries for a while, seconds later.
        TcpListener::bind(addr).map_err(Error::io(format!("cannot listen on {addr}")))?;
        Balancer::launch(kind, Directory::given(directory).await?, addr, port, backends).await
    }

    async fn launch(
        kind: &'static Kind,
        directory: Directory,
        addr: SocketAddr,
        port: Option<Port>,
        backends: &[SocketAddr],
    ) -> Result<Balancer, Error> {
        configure(kind, directory.path(), addr, backends).await?;
        let mut arguments = vec![OsString::from(find(kind.program)?)];
        arguments.extend(kind.arguments.iter().map(OsString::from));
        let service = Service::start(directory, Program { name: kind.name.into(), arguments, ending: "TERM" })?;
        let balancer = Balancer { kind, service, addr, _port: port };
        balancer.ready().await?;
        Ok(balancer)
    }

    async fn ready(&self) -> Result<(), Error> {
        self.service.ready(async || TcpStream::connect(self.addr).await.is_ok()).await
    }

    async fn start_again(&self) -> Result<(), Error> {
        self.service.start_again().await?;
        self.ready().await
    }

    async fn set_backends(&self, backends: &[SocketAddr]) -> Result<(), Error> {
        configure(self.kind, self.service.directory(), self.addr, backends).await?;
        let master = self.service.pid().await?;
        let old = children(master);
        crate::tree::signal(master, self.kind.reload);
        // An old worker stays for as long as it has connections, but accepts no more of them.
        until("new workers to take over", async || {
            let (before, since): (Vec<_>, Vec<_>) = children(master).into_iter().partition(|pid| old.contains(pid));
            let listens = |pid: &_| listeners::listens(*pid, self.addr);
            Ok(since.iter().any(listens) && !before.iter().any(listens))
        })
        .await
    }
}

/// Writes the configuration and has the program check it.
async fn configure(kind: &Kind, directory: &Path, addr: SocketAddr, backends: &[SocketAddr]) -> Result<(), Error> {
    for (name, text) in (kind.files)(addr, backends) {
        fs::write(directory.join(name), text).map_err(Error::io(name))?;
    }
    run(Command::new(find(kind.program)?).args(kind.check).current_dir(directory), "").await?;
    Ok(())
}
