//! `chatbook cluster dev`: a whole cluster on one machine, to develop against and to kill parts of.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use futures_util::future::join_all;
use services::{Error, Haproxy, Nginx, Postgres, Redis};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};

use super::{
    node::{Node, Stores},
    part::{Kind, Part},
    place::Place,
    screen,
};

#[derive(Args)]
pub(crate) struct Options {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: u16,
    /// Where the load balancer listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8008")]
    listen: SocketAddr,
    /// A directory that keeps everything for the next time [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Starts a part that has died again, after two seconds
    #[arg(long)]
    restart: bool,
}

/// How often is looked whether a part has died.
const LOOK: Duration = Duration::from_millis(200);
/// Before a part that has died is started again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a part may take to stop. A node's own patience is `server.shutdown_timeout_ms`.
const STOP: Duration = Duration::from_secs(25);

/// Runs the cluster until a signal.
pub(super) async fn run(options: Options) -> Result<(), String> {
    // Before anything that takes time, so that an early signal is not lost.
    let mut signals = Signals::listen().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let balancer = balancer(&services::missing())?;
    // The load balancer comes last, and this is what most often goes wrong.
    let taken = |error| format!("cannot listen on {} (--listen): {error}", options.listen);
    TcpListener::bind(options.listen).map_err(taken)?;
    // Everything ends in reverse order: the parts before the place that they are in.
    let place = Place::open(options.data.as_deref())?;
    screen::starting(options.nodes, balancer);
    let parts = tokio::select! {
        started = start(&options, balancer, &place) => started.map_err(|error| error.to_string())?,
        () = signals.next() => return Ok(()),
    };
    screen::ready(&parts, &place, options.listen, options.restart).await;
    tokio::select! {
        () = watch(&parts, &place, options.restart) => (),
        () = signals.next() => (),
    }
    println!("Stopping.");
    tokio::select! {
        () = stop(&parts) => (),
        () = signals.next() => return Err("interrupted again: the parts are ended without waiting for them".into()),
    }
    drop(parts);
    screen::stopped(&place);
    Ok(())
}

/// Which load balancer is used, or which packages have to be installed.
fn balancer(missing: &[&'static str]) -> Result<&'static str, String> {
    let misses = |package: &&str| missing.contains(package);
    let balancer = if misses(&"nginx") && !misses(&"haproxy") { "haproxy" } else { "nginx" };
    let needed: Vec<_> = ["postgresql", "redis-server", balancer].into_iter().filter(misses).collect();
    match needed.is_empty() {
        true => Ok(balancer),
        false => Err(format!(
            "the cluster needs programs that are not installed; on Debian and Ubuntu: apt-get install {}",
            needed.join(" ")
        )),
    }
}

/// Starts everything and waits until it is ready. The parts stand in the order in which they are to stop.
async fn start(options: &Options, balancer: &str, place: &Place) -> Result<Vec<Part>, Error> {
    let root = place.path();
    // Each node makes 16, and one that is killed leaves its own behind for a moment.
    let connections = (20 + 30 * options.nodes).to_string();
    let mut settings = vec![("max_connections", connections.as_str())];
    if !place.stays() {
        // It survives a killed process, not a machine that goes down: then the directory is of no use to anyone.
        settings.push(("fsync", "off"));
    }
    let (postgres_directory, redis_directory) = (root.join("postgres"), root.join("redis"));
    let postgres = Postgres::start_in(&postgres_directory, &settings);
    let (postgres, redis) = tokio::join!(postgres, Redis::start_in(&redis_directory, &[]));
    let (postgres, redis) = (postgres?, redis?);
    if postgres.sql("postgres", "select 1 from pg_database where datname = 'chatbook';").await?.is_empty() {
        postgres.create_database("chatbook").await?;
    }
    let stores = Stores { postgres: postgres.url("chatbook"), redis: redis.url() };
    let nodes = join_all((1..=options.nodes).map(|number| Node::start(root, (number, options.nodes), &stores))).await;
    let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<_> = nodes.iter().map(Node::addr).collect();
    let directory = root.join(balancer);
    let balancer = match balancer {
        "haproxy" => Kind::Haproxy(Haproxy::start_in(&directory, options.listen, &addresses).await?),
        _ => Kind::Nginx(Nginx::start_in(&directory, options.listen, &addresses).await?),
    };
    let last = [Kind::Redis(redis), Kind::Postgres(postgres)];
    Ok([balancer].into_iter().chain(nodes.into_iter().map(Kind::Node)).chain(last).map(Part::new).collect())
}

/// Says when a part dies, and starts it again if that is wanted. Does not return.
async fn watch(parts: &[Part], place: &Place, restart: bool) {
    join_all(parts.iter().map(|part| follow(part, place, restart))).await;
    std::future::pending::<()>().await;
}

async fn follow(part: &Part, place: &Place, restart: bool) {
    loop {
        let Some(process) = part.process().await else { return };
        while part.process().await == Some(process) {
            sleep(LOOK).await;
        }
        screen::died(part, process, place, restart);
        // The rest of it: nginx's workers go on without their master.
        part.kill().await;
        if !restart {
            return;
        }
        sleep(PAUSE).await;
        while part.start_again().await.is_err() {
            screen::again(part, place);
            sleep(PAUSE).await;
        }
        screen::back(part).await;
    }
}

/// Ends the parts in order: nobody loses what the next one still needs.
async fn stop(parts: &[Part]) {
    let stop = async |part: &Part| {
        if timeout(STOP, part.stop()).await.is_err() {
            eprintln!("chatbook: {} did not stop within {} s and is killed", part.name(), STOP.as_secs());
            part.kill().await;
        }
    };
    let (nodes, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.is_node());
    let (balancer, stores): (Vec<_>, Vec<_>) = others.into_iter().partition(|part| part.is_balancer());
    for part in balancer {
        stop(part).await;
    }
    join_all(nodes.into_iter().map(stop)).await;
    for part in stores {
        stop(part).await;
    }
}

/// What asks the command to end: Ctrl-C, a service manager, a terminal that is closed.
struct Signals(Signal, Signal, Signal);

impl Signals {
    fn listen() -> io::Result<Self> {
        let hear = |kind| signal(kind);
        Ok(Self(hear(SignalKind::interrupt())?, hear(SignalKind::terminate())?, hear(SignalKind::hangup())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => (),
            _ = self.1.recv() => (),
            _ = self.2.recv() => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_are_missing_are_named_and_either_load_balancer_will_do() {
        assert_eq!(balancer(&[]), Ok("nginx"));
        assert_eq!(balancer(&["haproxy"]), Ok("nginx"));
        assert_eq!(balancer(&["nginx"]), Ok("haproxy"));
        let error = balancer(&["postgresql", "redis-server", "nginx", "haproxy"]).expect_err("they are missing");
        assert!(error.ends_with("apt-get install postgresql redis-server nginx"), "{error}");
    }
}
