//! nginx with `examples/cluster/nginx.conf`.

use std::{net::SocketAddr, path::Path};

use rustix::process::Signal;

use super::{
    Balancer, Kind,
    sample::{with_backends, with_part},
};
use crate::Error;

pub(super) const SAMPLE: &str = include_str!("../../../../examples/cluster/nginx.conf");

/// What the system's nginx.conf is on a server. Started by root, nginx gives its workers away to somebody who may not
/// enter the directory; `user` prevents it.
const MAIN: &str = "
daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log stderr;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path temp_body;
    proxy_temp_path temp_proxy;
    fastcgi_temp_path temp_fastcgi;
    uwsgi_temp_path temp_uwsgi;
    scgi_temp_path temp_scgi;
    include chatbook.conf;
}
";

static KIND: Kind = Kind {
    name: "nginx",
    program: "nginx",
    arguments: &["-e", "stderr", "-p", ".", "-c", "nginx.conf"],
    check: &["-e", "stderr", "-p", ".", "-c", "nginx.conf", "-q", "-t"],
    reload: Signal::HUP,
    files: |addr, backends| {
        let site = with_part(SAMPLE, "listen", &[format!("    listen {addr};")]);
        let site = with_backends(&with_backends(&site, "backends", backends), "last resort", backends);
        vec![("nginx.conf", MAIN.to_owned()), ("chatbook.conf", site)]
    },
};

/// nginx in front of some backends, without TLS.
#[derive(Debug)]
pub struct Nginx(Balancer);

impl Nginx {
    /// Starts it in front of these backends, of which there must be one at least.
    ///
    /// # Errors
    /// If nginx is not installed, or says no.
    pub async fn start(backends: &[SocketAddr]) -> Result<Nginx, Error> {
        Ok(Nginx(Balancer::start(&KIND, backends).await?))
    }

    /// The same on this address, with port 0 on a free one, and in this directory, which stays when it ends.
    ///
    /// # Errors
    /// If nginx is not installed, the address is taken, or nginx says no.
    pub async fn start_in(directory: &Path, addr: SocketAddr, backends: &[SocketAddr]) -> Result<Nginx, Error> {
        Ok(Nginx(Balancer::start_in(&KIND, directory, addr, backends).await?))
    }

    /// The number of its first process, if it runs.
    pub async fn process(&self) -> Option<u32> {
        self.0.service.id().await
    }

    /// Where it listens for HTTP.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Its files: the configuration, and what it wrote in `log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.service.directory()
    }

    /// Puts it in front of other backends. New connections go to those when this returns; connections that are open stay
    /// with their backend.
    ///
    /// # Errors
    /// If nginx says no.
    pub async fn set_backends(&self, backends: &[SocketAddr]) -> Result<(), Error> {
        self.0.set_backends(backends).await
    }

    /// SIGKILL to all of its processes, also to those that go on working when the first one is dead.
    pub async fn kill(&self) {
        self.0.service.kill().await;
    }

    /// Starts it on the same address, after ending what still ran.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.0.start_again().await
    }

    /// Ends it, breaking off all connections.
    pub async fn stop(&self) {
        self.0.service.end(Signal::TERM).await;
    }
}
