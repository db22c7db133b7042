//! The faults: which there are, and the two lanes in which they happen side by side.

mod nodes;
mod services;

use std::sync::Arc;

use ::services::Error;
use tokio::{sync::watch, time::sleep};

pub use nodes::start;

use super::{
    cluster::Cluster,
    fail_point::Point,
    history::{Fault, Recorder},
    random::Random,
};

/// A way to break something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kill,
    /// Killed while what it asked of PostgreSQL is done and the answer does not arrive: it does not know either.
    KillUnheard,
    /// Killed when a batch is about to be sent to PostgreSQL.
    KillBeforeCommit,
    /// Killed when a batch is committed, and the other nodes were not told.
    KillBeforePublish,
    /// Killed when the other nodes were told, and the callers were not.
    KillBeforeAcknowledge,
    Freeze,
    /// Frozen when a batch is about to be sent to PostgreSQL.
    FreezeBeforeCommit,
    /// Frozen when a batch is committed, and nobody was told.
    FreezeAfterCommit,
    RollingRestart,
    RedisKill,
    RedisFlush,
    RedisFreeze,
    RedisCut,
    RedisSlow,
    PostgresRestart,
    PostgresFailover,
    PostgresFreeze,
    PostgresCut,
    PostgresLoses,
    PostgresSlow,
    StandbyCut,
    StandbySlow,
    /// PostgreSQL's disk is full, for its log too.
    DiskFull,
    FrontCut,
    FrontSlow,
}

const KILLS: [(usize, Kind); 5] = [
    (2, Kind::Kill),
    (1, Kind::KillUnheard),
    (1, Kind::KillBeforeCommit),
    (1, Kind::KillBeforePublish),
    (1, Kind::KillBeforeAcknowledge),
];

const OF_NODES: [(usize, Kind); 9] = [
    KILLS[0],
    KILLS[1],
    KILLS[2],
    KILLS[3],
    KILLS[4],
    (1, Kind::Freeze),
    (1, Kind::FreezeBeforeCommit),
    (1, Kind::FreezeAfterCommit),
    (1, Kind::RollingRestart),
];

const OF_SERVICES: [(usize, Kind); 16] = [
    (1, Kind::RedisKill),
    (1, Kind::RedisFlush),
    (1, Kind::RedisFreeze),
    (1, Kind::RedisCut),
    (1, Kind::RedisSlow),
    (1, Kind::PostgresRestart),
    (1, Kind::PostgresFailover),
    (1, Kind::PostgresFreeze),
    (1, Kind::PostgresCut),
    (1, Kind::PostgresLoses),
    (1, Kind::PostgresSlow),
    (1, Kind::StandbyCut),
    (1, Kind::StandbySlow),
    (1, Kind::DiskFull),
    (1, Kind::FrontCut),
    (1, Kind::FrontSlow),
];

/// Which faults happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Nodes are killed.
    Kills,
    /// Nodes are killed, frozen, restarted.
    Nodes,
    /// PostgreSQL, Redis and the network fail.
    Services,
}

impl Lane {
    /// Its kinds with their weights. Without disks none is full.
    fn kinds(self, disks: bool) -> Vec<(usize, Kind)> {
        let kinds = match self {
            Self::Kills => &KILLS[..],
            Self::Nodes => &OF_NODES,
            Self::Services => &OF_SERVICES,
        };
        kinds.iter().copied().filter(|(_, kind)| disks || *kind != Kind::DiskFull).collect()
    }

    /// The names of all its kinds.
    pub fn names(self, disks: bool) -> Vec<&'static str> {
        self.kinds(disks).into_iter().map(|(_, kind)| kind.name()).collect()
    }
}

/// A fault that was made.
struct Made {
    /// Not always what was meant: a moment of a batch may not come.
    kind: Kind,
    what: String,
}

/// Makes faults of a lane, one after the other, until told to stop. `watched`: each is printed.
pub async fn run(
    lane: Lane,
    watched: bool,
    cluster: Arc<Cluster>,
    recorder: Arc<Recorder>,
    mut random: Random,
    stop: watch::Receiver<bool>,
) {
    let (mut deck, disks) = (Vec::new(), cluster.has_disks().await);
    while !*stop.borrow() {
        sleep(random.ms(200, 1_200)).await;
        if deck.is_empty() {
            deck = random.deck(&lane.kinds(disks));
        }
        let Some(kind) = deck.pop() else { return };
        if *stop.borrow() {
            return;
        }
        // In this lane, since it knows which deaths are its own.
        if lane != Lane::Services {
            nodes::look_after(&cluster, &recorder).await;
        }
        let begin = recorder.now();
        let Made { kind, what } = match make(kind, &cluster, &recorder, &mut random).await {
            Ok(made) => made,
            Err(error) => {
                recorder.bad_answer(format!("the harness could not make {kind:?}: {error}"));
                Made { kind, what: error }
            }
        };
        let end = recorder.now();
        if watched {
            println!("{:>7.1} s to {:>6.1} s  {}: {what}", begin.ms as f64 / 1e3, end.ms as f64 / 1e3, kind.name());
        }
        recorder.fault(Fault { kind: kind.name(), what, begin, end });
    }
}

/// Makes a fault and ends it.
async fn make(kind: Kind, cluster: &Cluster, recorder: &Recorder, random: &mut Random) -> Result<Made, String> {
    let node = &cluster.nodes[random.below(cluster.nodes.len())];
    let made = |what| Made { kind, what };
    match kind {
        Kind::Kill
        | Kind::KillUnheard
        | Kind::KillBeforeCommit
        | Kind::KillBeforePublish
        | Kind::KillBeforeAcknowledge => nodes::kill(kind, node, recorder, random).await,
        Kind::Freeze | Kind::FreezeBeforeCommit | Kind::FreezeAfterCommit => nodes::freeze(kind, node, random).await,
        Kind::RollingRestart => nodes::restart_all(cluster, recorder).await.map(made),
        Kind::RedisKill | Kind::RedisFlush | Kind::RedisFreeze => {
            services::redis(kind, cluster, random).await.map_err(text).map(made)
        }
        Kind::PostgresRestart | Kind::PostgresFailover | Kind::PostgresFreeze => {
            services::postgres(kind, cluster, random).await.map(made)
        }
        Kind::StandbyCut | Kind::StandbySlow => services::standby(kind, cluster, random).await.map(made),
        Kind::DiskFull => services::disk(cluster, random).await.map(made),
        Kind::RedisCut
        | Kind::RedisSlow
        | Kind::PostgresCut
        | Kind::PostgresLoses
        | Kind::PostgresSlow
        | Kind::FrontCut
        | Kind::FrontSlow => services::lines(kind, cluster, random).await.map_err(text).map(made),
    }
}

fn text(error: Error) -> String {
    error.to_string()
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillUnheard => "kill while PostgreSQL's answer is lost",
            Self::KillBeforeCommit => "kill before commit",
            Self::KillBeforePublish => "kill between commit and hint",
            Self::KillBeforeAcknowledge => "kill between hint and acknowledgement",
            Self::Freeze => "node frozen",
            Self::FreezeBeforeCommit => "node frozen before a commit",
            Self::FreezeAfterCommit => "node frozen after a commit",
            Self::RollingRestart => "rolling restart",
            Self::RedisKill => "Redis killed",
            Self::RedisFlush => "Redis flushed",
            Self::RedisFreeze => "Redis frozen",
            Self::RedisCut => "Redis cut off",
            Self::RedisSlow => "Redis slow",
            Self::PostgresRestart => "PostgreSQL killed",
            Self::PostgresFailover => "PostgreSQL failed over",
            Self::PostgresFreeze => "PostgreSQL frozen",
            Self::PostgresCut => "PostgreSQL cut off",
            Self::PostgresLoses => "PostgreSQL unheard",
            Self::PostgresSlow => "PostgreSQL slow",
            Self::StandbyCut => "standby cut off",
            Self::StandbySlow => "standby slow",
            Self::DiskFull => "disk full",
            Self::FrontCut => "node unreachable",
            Self::FrontSlow => "node slow",
        }
    }

    /// The moment of a batch at which it happens.
    fn point(self) -> Option<Point> {
        match self {
            Self::KillBeforeCommit | Self::FreezeBeforeCommit => Some(Point::BeforeCommit),
            Self::KillBeforePublish | Self::FreezeAfterCommit => Some(Point::AfterCommit),
            Self::KillBeforeAcknowledge => Some(Point::BeforeAcknowledge),
            _ => None,
        }
    }
}

/// Whether a fault of this kind is the death of a node.
#[must_use]
pub fn is_kill(kind: &str) -> bool {
    kind.starts_with("kill")
}
