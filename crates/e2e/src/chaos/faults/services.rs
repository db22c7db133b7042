//! Faults of PostgreSQL, Redis and the network.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use services::{Cut, Error};
use tokio::time::sleep;

use super::{Kind, text};
use crate::chaos::{cluster::Cluster, database::Trouble, random::Random};

/// What a slow line holds each piece for.
const SLOW: Duration = Duration::from_millis(30);
/// What a disk that is nearly full has left.
const ROOM_KIB: Range<u64> = 16..1_024;

pub(super) async fn redis(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, Error> {
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

pub(super) async fn postgres(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, String> {
    let time = random.ms(0, 3_000);
    match kind {
        Kind::PostgresRestart => cluster.restart_primary(time).await.map_err(text)?,
        Kind::PostgresFreeze => cluster.pause_primary(time).await,
        _ => {
            let took = cluster.fail_over().await.map_err(text)?;
            let begun = Instant::now();
            sleep(time).await;
            cluster.replace_standby().await?;
            let took = took.map_or_else(|| "without a standby".into(), |took| format!("promoted in {took:?}"));
            return Ok(format!("{took}, a new standby after {:?}", begun.elapsed()));
        }
    }
    Ok(format!("for {time:?}"))
}

/// Faults of the line between the primary and its standby.
pub(super) async fn standby(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, String> {
    let cuts = [Cut::Refuse, Cut::Blackhole, Cut::LoseRequests, Cut::LoseAnswers];
    let cut = Trouble::Cut(cuts[random.below(cuts.len())]);
    let trouble = if kind == Kind::StandbySlow { Trouble::Slow(SLOW) } else { cut };
    let time = random.ms(300, 4_000);
    cluster.break_standby(trouble, time).await?;
    Ok(format!("{trouble:?}, for {time:?}"))
}

/// The primary's disk is full. With some room its tables may be the first that get none, without any its log is.
pub(super) async fn disk(cluster: &Cluster, random: &mut Random) -> Result<String, String> {
    let room = if random.one_in(2) { 0 } else { ROOM_KIB.start + random.next() % (ROOM_KIB.end - ROOM_KIB.start) };
    let time = random.ms(1_000, 4_000);
    let ended = cluster.fill_disk(room * 1024, time).await?;
    let ended = if ended { ", and PostgreSQL had to be started again" } else { "" };
    Ok(format!("but for {room} KiB, for {time:?}{ended}"))
}

/// Faults of the network between parts.
pub(super) async fn lines(kind: Kind, cluster: &Cluster, random: &mut Random) -> Result<String, Error> {
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
