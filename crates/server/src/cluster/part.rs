//! A part of the cluster: a process that can be killed.

use std::net::SocketAddr;

use services::{Error, Haproxy, Nginx, Postgres, Redis};

use super::node::Node;

/// A part that was started, and may be dead at the moment.
pub(super) struct Part {
    kind: Kind,
}

/// What it is.
pub(super) enum Kind {
    /// The load balancer, nginx.
    Nginx(Nginx),
    /// The load balancer, HAProxy.
    Haproxy(Haproxy),
    /// A Chatbook server.
    Node(Node),
    /// Through which the nodes tell each other what is new.
    Redis(Redis),
    /// What the nodes keep.
    Postgres(Postgres),
}

impl Part {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind }
    }

    /// What people call it; also the name of its directory.
    pub(super) fn name(&self) -> &str {
        match &self.kind {
            Kind::Nginx(_) => "nginx",
            Kind::Haproxy(_) => "haproxy",
            Kind::Node(node) => node.name(),
            Kind::Redis(_) => "redis",
            Kind::Postgres(_) => "postgres",
        }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(super) fn is_node(&self) -> bool {
        matches!(self.kind, Kind::Node(_))
    }

    pub(super) fn is_balancer(&self) -> bool {
        matches!(self.kind, Kind::Nginx(_) | Kind::Haproxy(_))
    }

    pub(super) fn addr(&self) -> SocketAddr {
        match &self.kind {
            Kind::Nginx(nginx) => nginx.addr(),
            Kind::Haproxy(haproxy) => haproxy.addr(),
            Kind::Node(node) => node.addr(),
            Kind::Redis(redis) => redis.addr(),
            Kind::Postgres(postgres) => postgres.addr(),
        }
    }

    /// The number of its first process, if it runs.
    pub(super) async fn process(&self) -> Option<u32> {
        match &self.kind {
            Kind::Nginx(nginx) => nginx.process().await,
            Kind::Haproxy(haproxy) => haproxy.process().await,
            Kind::Node(node) => node.process().await,
            Kind::Redis(redis) => redis.process().await,
            Kind::Postgres(postgres) => postgres.process().await,
        }
    }

    /// SIGKILL to all of its processes that still run.
    pub(super) async fn kill(&self) {
        match &self.kind {
            Kind::Nginx(nginx) => nginx.kill().await,
            Kind::Haproxy(haproxy) => haproxy.kill().await,
            Kind::Node(node) => node.kill().await,
            Kind::Redis(redis) => redis.kill().await,
            Kind::Postgres(postgres) => postgres.kill().await,
        }
    }

    /// Starts it where it was, and waits until it is ready.
    pub(super) async fn start_again(&self) -> Result<(), Error> {
        match &self.kind {
            Kind::Nginx(nginx) => nginx.start_again().await,
            Kind::Haproxy(haproxy) => haproxy.start_again().await,
            Kind::Node(node) => node.start_again().await,
            Kind::Redis(redis) => redis.start_again().await,
            Kind::Postgres(postgres) => postgres.start_again().await,
        }
    }

    /// Ends it in order, and waits until it has ended.
    pub(super) async fn stop(&self) {
        match &self.kind {
            Kind::Nginx(nginx) => nginx.stop().await,
            Kind::Haproxy(haproxy) => haproxy.stop().await,
            Kind::Node(node) => node.stop().await,
            Kind::Redis(redis) => redis.stop().await,
            Kind::Postgres(postgres) => postgres.stop().await,
        }
    }
}
