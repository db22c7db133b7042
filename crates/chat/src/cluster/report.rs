//! What each node says of itself in the store, every few seconds, and what an administrator is shown of all of them.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    Db,
    nodes::{self, NodeRow},
};

use crate::{Chat, Env, Error, Result, sessions::Session};

/// Who has said nothing for so long has gone, milliseconds; a database that hangs keeps all from it, so it is generous.
pub const SILENT_MS: i64 = 30_000;
/// Silent nodes are shown for so long yet, milliseconds.
const FORGOTTEN_MS: i64 = 3_600_000;

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the program.
    pub version: String,
    /// Where it listens.
    pub address: String,
    /// When it started, milliseconds by its own clock.
    pub started_ts: i64,
    /// Whether it is about to stop.
    pub draining: bool,
    /// Open streams.
    pub streams: usize,
    /// People in its memory, because they follow or have just done so.
    pub people: usize,
    /// By how many commits it is behind what it knows to exist, by shard.
    pub lags: Vec<i64>,
    /// Whether it hears the other nodes through Redis; none without Redis.
    pub redis: Option<bool>,
    /// The nodes that reach Redis, as this one does, and are not heard there.
    #[serde(default)]
    pub unheard: Vec<String>,
    /// The settings that have to be the same at all nodes.
    #[serde(default)]
    pub settings: Value,
}

/// A node, as an administrator is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its id, a new one at each start.
    pub node_id: String,
    /// Whether it has said something lately.
    pub alive: bool,
    /// When it last did, milliseconds by the store's clock.
    pub seen_ts: i64,
    /// What it said; none if this version does not understand it.
    pub report: Option<Report>,
}

/// The cluster, as an administrator is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The present, milliseconds by the store's clock.
    pub now: i64,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The epoch and the newest position of each shard.
    pub shards: Vec<(i64, i64)>,
}

/// This node's report.
pub(crate) fn report(chat: &Chat) -> Report {
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        address: chat.address.clone(),
        started_ts: chat.started_ts,
        draining: *chat.draining.borrow(),
        streams: chat.streams(),
        people: chat.hub.users.len(),
        lags: chat.hub.lags(),
        redis: chat.bus.as_ref().map(|bus| *bus.healthy().borrow()),
        unheard: chat.others.found().unheard,
        settings: chat.common_settings.clone(),
    }
}

/// The time by which nodes tell who is here, milliseconds: the store's, for their own clocks may be minutes apart.
///
/// # Errors
/// If the store does not say.
pub async fn now(db: &Db, env: &Env) -> Result<i64, store::Error> {
    Ok(nodes::now(db).await?.unwrap_or_else(|| env.now()))
}

/// Says in the store that this node is here, and looks who else is.
///
/// # Errors
/// If the store does not take it.
pub async fn send(chat: &Chat) -> Result<()> {
    let (report, now) = (report(chat), now(&chat.db, &chat.env).await?);
    let said = serde_json::to_string(&report).unwrap_or_default();
    chat.db.tidy(nodes::put(&NodeRow { node_id: chat.node_id.to_string(), seen_ts: now, report: said })).await?;
    chat.db.tidy(nodes::expire(now - FORGOTTEN_MS)).await?;
    let alive = list(&chat.db, now, now - SILENT_MS).await?;
    // About: one that was killed counts for a while yet.
    chat.db.set_nodes(alive.len().try_into().unwrap_or(1));
    let found = chat.others.look((&chat.node_id, &report), &alive, now);
    chat.hub.set_untold(found.untold);
    Ok(())
}

/// Says that this node has stopped.
pub async fn leave(chat: &Arc<Chat>) {
    if !chat.db.is_shared() {
        return;
    }
    if let Err(error) = chat.db.tidy(nodes::remove(&chat.node_id)).await {
        tracing::debug!(name: "cluster.leave", %error, "this node could not say that it has stopped");
    }
}

/// All nodes, for whoever can read the store.
///
/// # Errors
/// If it cannot be read.
pub async fn of_store(db: &Db, env: &Env) -> Result<Status> {
    let now = now(db, env).await?;
    let nodes = list(db, now, now - FORGOTTEN_MS).await?;
    let shards = db.heads().await?.into_iter().map(|head| (head.epoch, head.pos)).collect();
    Ok(Status { now, nodes, shards })
}

/// Those that have said something after `ts`.
async fn list(db: &Db, now: i64, ts: i64) -> Result<Vec<Node>> {
    let node = |NodeRow { node_id, seen_ts, report }| Node {
        node_id,
        alive: now - seen_ts < SILENT_MS,
        seen_ts,
        report: serde_json::from_str(&report).ok(),
    };
    Ok(nodes::list(db, ts).await?.into_iter().map(node).collect())
}

/// All nodes, for administrators.
///
/// # Errors
/// M_FORBIDDEN for others.
pub async fn status(chat: &Chat, session: &Session) -> Result<Status> {
    if !session.admin {
        return Err(Error::forbidden("Only administrators may see this."));
    }
    send(chat).await?;
    of_store(&chat.db, &chat.env).await
}

/// What the tails have done, for metrics.
pub struct Tails {
    /// By how many commits this node is behind what it knows to exist, by shard.
    pub lags: Vec<i64>,
    /// Its position in each shard.
    pub cursors: Vec<i64>,
    /// Hints that came out of order: something was lost or overtaken.
    pub out_of_order: u64,
    /// Messages of nodes of another version, which this one does not understand.
    pub unread: u64,
    /// Nodes that reach the bus, as this one does, and are not heard there.
    pub unheard: usize,
    /// Nodes that do not reach the bus, while this one does.
    pub apart: usize,
    /// Settings that are others at another node.
    pub differing: usize,
    /// Requests with a token of what the logs do not have.
    pub tokens_ahead: u64,
    /// Reads of the log, and the records that they brought.
    pub gap_reads: (u64, u64),
    /// Looks at the heads.
    pub polls: u64,
    /// For how long none was answered; nothing if there are none.
    pub unanswered: Option<Duration>,
    /// How often everything in memory was dropped.
    pub resets: u64,
    /// Open streams.
    pub streams: usize,
    /// What the bus has carried; none without one.
    pub bus: Option<bus::Stats>,
}

impl Chat {
    /// Open streams.
    pub fn streams(&self) -> usize {
        self.draining.receiver_count()
    }

    /// What the tails have done.
    pub fn tails(&self) -> Tails {
        let (counts, found) = (&self.hub.counts, self.others.found());
        Tails {
            lags: self.hub.lags(),
            cursors: self.hub.cursors(),
            out_of_order: counts.out_of_order.load(Relaxed),
            unread: counts.unread.load(Relaxed),
            unheard: found.unheard.len(),
            apart: found.apart.len(),
            differing: found.differing.len(),
            tokens_ahead: counts.tokens_ahead.load(Relaxed),
            gap_reads: (counts.gap_reads.load(Relaxed), counts.read.load(Relaxed)),
            polls: counts.polls.load(Relaxed),
            unanswered: counts.looked.lock().map(|looked| looked.elapsed()),
            resets: counts.resets.load(Relaxed),
            streams: self.streams(),
            bus: self.bus.as_ref().map(bus::Bus::stats),
        }
    }
}
