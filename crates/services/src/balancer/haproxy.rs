//! HAProxy with `examples/cluster/haproxy.cfg`.

use std::{net::SocketAddr, path::Path};

use rustix::process::Signal;

use super::{
    Balancer, Kind,
    sample::{with_backends, with_part},
};
use crate::Error;

pub(super) const SAMPLE: &str = include_str!("../../../../examples/cluster/haproxy.cfg");

static KIND: Kind = Kind {
    name: "HAProxy",
    program: "haproxy",
    arguments: &["-W", "-f", "haproxy.cfg"],
    check: &["-c", "-f", "haproxy.cfg"],
    reload: Signal::USR2,
    files: |addr, backends| {
        let sample = with_part(SAMPLE, "system", &[]);
        let sample = with_part(&sample, "listen", &[format!("    bind {addr}")]);
        vec![("haproxy.cfg", with_backends(&sample, "backends", backends))]
    },
};

/// HAProxy in front of some backends, without TLS.
#[derive(Debug)]
pub struct Haproxy(Balancer);

impl Haproxy {
    /// Starts it in front of these backends, of which there must be one at least.
    ///
    /// # Errors
    /// If HAProxy is not installed, or says no.
    pub async fn start(backends: &[SocketAddr]) -> Result<Haproxy, Error> {
        Ok(Haproxy(Balancer::start(&KIND, backends).await?))
    }

    /// The same on this address, with port 0 on a free one, and in this directory, which stays when it ends.
    ///
    /// # Errors
    /// If HAProxy is not installed, the address is taken, or HAProxy says no.
    pub async fn start_in(directory: &Path, addr: SocketAddr, backends: &[SocketAddr]) -> Result<Haproxy, Error> {
        Ok(Haproxy(Balancer::start_in(&KIND, directory, addr, backends).await?))
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
    /// If HAProxy says no.
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
