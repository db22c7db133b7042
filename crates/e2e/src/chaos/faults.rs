//! The faults: which there are, how each is made, and the two lanes in which they happen side by side.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use services::{Cut, Error};
use tokio::{sync::watch, time::sleep};

use super::{
    cluster::Cluster,
    history::{Fault, Recorder},
    node::Node,
    random::Random,
};

/// How long a node may take to start while there is no database.
const START: Duration = Duration::from_secs(90);
/// What a slow line holds each piece for.
const SLOW: Duration = Duration::from_millis(30);

/// A way to break something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kill,
    /// Killed while what it asked of PostgreSQL is done and nobody hears of it.
    KillAfterCommit,
    /// Killed while what it asks of PostgreSQL never arrives.
    KillBeforeCommit,
    /// Killed while what it tells the other nodes does not arrive.
    KillBeforePublish,
    /// Killed while its answers to clients do not arrive.
    KillBeforeAcknowledge,
    Freeze,
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
    FrontCut,
    FrontSlow,
}

const KILLS: [(usize, Kind); 5] = [
    (4, Kind::Kill),
    (2, Kind::KillAfterCommit),
    (2, Kind::KillBeforeCommit),
    (1, Kind::KillBeforePublish),
    (2, Kind::KillBeforeAcknowledge),
];

const OF_NODES: [(usize, Kind); 7] =
    [KILLS[0], KILLS[1], KILLS[2], KILLS[3], KILLS[4], (4, Kind::Freeze), (3, Kind::RollingRestart)];

const OF_SERVICES: [(usize, Kind); 13] = [
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

/// Makes faults of a lane, one after the other, until told to stop. `watched`: each is printed.
pub async fn run(
    lane: Lane,
    watched: bool,
    cluster: Arc<Cluster>,
    recorder: Arc<Recorder>,
    mut random: Random,
    stop: watch::Receiver<bool>,
) {
    let mut deck = Vec::new();
    while !*stop.borrow() {
        let (from, to) = if lane == Lane::Kills { (300, 1_500) } else { (500, 3_500) };
        sleep(random.ms(from, to)).await;
        if deck.is_empty() {
            deck = random.deck(match lane {
                Lane::Kills => &KILLS[..],
                Lane::Nodes => &OF_NODES,
                Lane::Services => &OF_SERVICES,
            });
        }
        let Some(kind) = deck.pop() else { return };
        if *stop.borrow() {
            return;
        }
        let begin = recorder.now();
        let what = match make(kind, &cluster, &mut random).await {
            Ok(what) => what,
            Err(error) => {
                recorder.bad_answer(format!("the harness could not make {kind:?}: {error}"));
                error
            }
        };
        let end = recorder.now();
        if watched {
            println!("{:>7.1} s to {:>6.1} s  {}: {what}", begin.ms as f64 / 1e3, end.ms as f64 / 1e3, kind.name());
        }
        recorder.fault(Fault { kind: kind.name(), what, begin, end });
    }
}

/// Makes a fault and ends it. Says what it was.
async fn make(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, String> {
    let node = &cluster.nodes[random.below(cluster.nodes.len())];
    match kind {
        Kind::Kill
        | Kind::KillAfterCommit
        | Kind::KillBeforeCommit
        | Kind::KillBeforePublish
        | Kind::KillBeforeAcknowledge => kill(kind, node, random).await,
        Kind::Freeze => {
            let frozen = random.ms(200, 8_000);
            node.signal("STOP").await;
            sleep(frozen).await;
            node.signal("CONT").await;
            Ok(format!("node {} for {frozen:?}", node.number))
        }
        Kind::RollingRestart => {
            for node in &cluster.nodes {
                if !node.stop().await {
                    return Err(format!("node {} does not stop", node.number));
                }
                start(node).await?;
            }
            Ok("all nodes, one after the other".into())
        }
        Kind::RedisKill | Kind::RedisFlush | Kind::RedisFreeze => redis(kind, cluster, random).await.map_err(text),
        Kind::PostgresRestart | Kind::PostgresFailover | Kind::PostgresFreeze => {
            postgres(kind, cluster, random).await.map_err(text)
        }
        Kind::RedisCut
        | Kind::RedisSlow
        | Kind::PostgresCut
        | Kind::PostgresLoses
        | Kind::PostgresSlow
        | Kind::FrontCut
        | Kind::FrontSlow => lines(kind, cluster, random).await.map_err(text),
    }
}

fn text(error: Error) -> String {
    error.to_string()
}

/// Kills a node at a certain moment, and starts it again.
async fn kill(kind: Kind, node: &Node, random: &mut Random) -> Result<String, String> {
    let cut = match kind {
        Kind::KillAfterCommit | Kind::KillBeforeAcknowledge => Cut::LoseAnswers,
        _ => Cut::LoseRequests,
    };
    let proxies = match kind {
        Kind::KillAfterCommit | Kind::KillBeforeCommit => node.postgres.iter().collect(),
        Kind::KillBeforePublish => vec![&node.redis],
        Kind::KillBeforeAcknowledge => vec![&node.front],
        _ => Vec::new(),
    };
    for proxy in &proxies {
        proxy.cut(cut).await.map_err(text)?;
    }
    if !proxies.is_empty() {
        sleep(random.ms(20, 800)).await;
    }
    node.kill().await;
    for proxy in &proxies {
        proxy.heal().await.map_err(text)?;
    }
    let down = random.ms(0, 2_000);
    sleep(down).await;
    let begun = Instant::now();
    start(node).await?;
    Ok(format!("node {}, down for {down:?}, started in {:?}", node.number, begun.elapsed()))
}

/// Starts a node again, as a supervisor would: over and over.
pub async fn start(node: &Node) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match node.start_again().await {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() > START => {
                return Err(format!("node {} does not start: {error}", node.number));
            }
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn redis(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, Error> {
    let redis = &cluster.redis;
    let time = random.ms(100, 4_000);
    match kind {
        Kind::RedisKill => {
            redis.kill().await;
            sleep(time).await;
            redis.start_again().await?;
        }
        Kind::RedisFreeze => {
            redis.pause().await;
            sleep(time).await;
            redis.resume().await;
        }
        _ => {
            redis.flush().await?;
            return Ok("everything".into());
        }
    }
    Ok(format!("for {time:?}"))
}

async fn postgres(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, Error> {
    let time = random.ms(0, 3_000);
    match kind {
        Kind::PostgresRestart => cluster.restart_primary(time).await?,
        Kind::PostgresFreeze => cluster.pause_primary(time).await,
        _ => {
            let took = cluster.fail_over().await?;
            let begun = Instant::now();
            sleep(time).await;
            cluster.replace_standby().await?;
            let took = took.map_or_else(|| "without a standby".into(), |took| format!("promoted in {took:?}"));
            return Ok(format!("{took}, a new standby after {:?}", begun.elapsed()));
        }
    }
    Ok(format!("for {time:?}"))
}

/// Faults of the network between parts.
async fn lines(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, Error> {
    let all = random.one_in(3) && !matches!(kind, Kind::FrontCut);
    let one = random.below(cluster.nodes.len());
    let nodes: Vec<_> =
        cluster.nodes.iter().enumerate().filter(|(n, _)| all || *n == one).map(|(_, node)| node).collect();
    let proxies: Vec<_> = nodes
        .iter()
        .flat_map(|node| match kind {
            Kind::RedisCut | Kind::RedisSlow => vec![&node.redis],
            Kind::FrontCut | Kind::FrontSlow => vec![&node.front],
            _ => node.postgres.iter().collect(),
        })
        .collect();
    let cut = match (kind, random.one_in(2)) {
        (Kind::PostgresLoses, true) => Cut::LoseRequests,
        (Kind::PostgresLoses, false) => Cut::LoseAnswers,
        (_, true) => Cut::Refuse,
        (_, false) => Cut::Blackhole,
    };
    let slow = matches!(kind, Kind::RedisSlow | Kind::PostgresSlow | Kind::FrontSlow);
    let time = random.ms(300, 6_000);
    for proxy in &proxies {
        if slow { proxy.delay(SLOW).await? } else { proxy.cut(cut).await? }
    }
    sleep(time).await;
    for proxy in &proxies {
        proxy.heal().await?;
        proxy.delay(Duration::ZERO).await?;
    }
    let whom = if all { "all nodes".to_owned() } else { format!("node {}", one + 1) };
    let how = if slow { format!("{SLOW:?} for each piece") } else { format!("{cut:?}") };
    Ok(format!("{whom}, {how}, for {time:?}"))
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillAfterCommit => "kill after commit",
            Self::KillBeforeCommit => "kill before commit",
            Self::KillBeforePublish => "kill before publish",
            Self::KillBeforeAcknowledge => "kill before acknowledgement",
            Self::Freeze => "node frozen",
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
            Self::FrontCut => "node unreachable",
            Self::FrontSlow => "node slow",
        }
    }
}

/// Whether a fault of this kind is the death of a node.
#[must_use]
pub fn is_kill(kind: &str) -> bool {
    kind.starts_with("kill")
}
