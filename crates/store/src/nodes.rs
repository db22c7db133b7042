//! The nodes that serve the store, each as it last said of itself.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
};

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Its random id, a new one at each start.
    pub node_id: String,
    /// When it said so, milliseconds by the store's clock.
    pub seen_ts: i64,
    /// What it said: JSON.
    pub report: String,
}

/// The time by which nodes tell who is here, milliseconds: the database's. None of a store that has one node.
pub async fn now(db: &Db) -> Result<Option<i64>> {
    if !db.is_shared() {
        return Ok(None);
    }
    db.query_opt("select (extract(epoch from clock_timestamp()) * 1000)::bigint", params![], |row| row.get(0)).await
}

/// The nodes that have said something after `ts` (milliseconds), by id.
pub async fn list(db: &Db, ts: i64) -> Result<Vec<NodeRow>> {
    let sql = "select node_id, seen_ts, report from node where seen_ts > $1 order by node_id limit 1000";
    db.query(sql, params![ts], |row| Ok(NodeRow { node_id: row.get(0)?, seen_ts: row.get(1)?, report: row.get(2)? }))
        .await
}

/// The node is here.
pub fn put(row: &NodeRow) -> Stmt {
    Stmt::new(
        "insert into node (node_id, seen_ts, report) values ($1, $2, $3)
         on conflict (node_id) do update set seen_ts = excluded.seen_ts, report = excluded.report",
        params![&row.node_id, row.seen_ts, &row.report],
    )
}

/// The node has gone.
pub fn remove(node_id: &str) -> Stmt {
    Stmt::new("delete from node where node_id = $1", params![node_id])
}

/// Forgets nodes that have said nothing since `ts` (milliseconds).
pub fn expire(ts: i64) -> Stmt {
    Stmt::new("delete from node where seen_ts < $1", params![ts])
}
