//! Faults of nodes: they are killed, frozen, and stopped in turn.

use std::time::{Duration, Instant};

use services::Cut;
use tokio::time::sleep;

use super::{Kind, Made, text};
use crate::chaos::{cluster::Cluster, fail_point::How, history::Recorder, node::Node, random::Random};

/// How long a node may take to start while there is no database.
const START: Duration = Duration::from_secs(90);
/// What is said of a moment that did not come.
const NO_BATCH: &str = ", no batch came";

/// Kills a node, at a certain moment if it comes there in time, and starts it again.
pub(super) async fn kill(kind: Kind, node: &Node, recorder: &Recorder, random: &mut Random) -> Result<Made, String> {
    let (mut made, mut note, mut killed) = (kind, "", None);
    if let Some(point) = kind.point() {
        node.fail_point.arm(point, How::Kill)?;
        if node.fail_point.hit().await {
            killed = Some(node.dies().await);
        } else {
            (made, note) = (Kind::Kill, NO_BATCH);
        }
    }
    let proxies = if kind == Kind::KillUnheard { &node.postgres[..] } else { &[] };
    for proxy in proxies {
        proxy.cut(Cut::LoseAnswers).await.map_err(text)?;
    }
    if !proxies.is_empty() {
        sleep(random.ms(20, 800)).await;
    }
    let killed = if let Some(killed) = killed { killed } else { node.kill().await };
    killed.unwrap_or_else(|what| recorder.bad_answer(what));
    for proxy in proxies {
        proxy.heal().await.map_err(text)?;
    }
    let down = random.ms(0, 2_000);
    sleep(down).await;
    let begun = Instant::now();
    start(node).await?;
    let what = format!("node {}, down for {down:?}, started in {:?}{note}", node.number, begun.elapsed());
    Ok(Made { kind: made, what })
}

/// Freezes a node for a while, at a certain moment if it comes there in time.
pub(super) async fn freeze(kind: Kind, node: &Node, random: &mut Random) -> Result<Made, String> {
    let frozen = random.ms(200, 8_000);
    let (mut made, mut note, mut stands) = (kind, "", false);
    if let Some(point) = kind.point() {
        node.fail_point.arm(point, How::Stop)?;
        stands = node.fail_point.hit().await;
        if !stands {
            (made, note) = (Kind::Freeze, NO_BATCH);
        }
    }
    if stands {
        node.stands_still().await?;
    } else {
        node.signal("STOP").await;
    }
    sleep(frozen).await;
    node.signal("CONT").await;
    Ok(Made { kind: made, what: format!("node {} for {frozen:?}{note}", node.number) })
}

/// Stops each node in turn, and starts it again.
pub(super) async fn restart_all(cluster: &Cluster, recorder: &Recorder) -> Result<String, String> {
    for node in &cluster.nodes {
        node.stop().await.unwrap_or_else(|what| recorder.bad_answer(what));
        start(node).await?;
    }
    Ok("all nodes, one after the other".into())
}

/// Complains of nodes that have ended by themselves, and starts them again.
pub(super) async fn look_after(cluster: &Cluster, recorder: &Recorder) {
    for node in &cluster.nodes {
        if let Err(what) = node.lives().await {
            recorder.bad_answer(what);
            start(node).await.unwrap_or_else(|what| recorder.bad_answer(what));
        }
    }
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
