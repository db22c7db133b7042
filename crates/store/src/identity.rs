//! Which server the store belongs to.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
};

/// What the store says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The part of user ids after the colon.
    pub server_name: String,
    /// Tells stores apart that share a bus.
    pub cluster: String,
    /// Signs what clients carry from one node to another.
    pub secret: Vec<u8>,
}

/// Tells the database of a shared store from every copy of it that was made by a dump: where it stands. The same after a
/// failover.
pub async fn place(db: &Db) -> Result<String> {
    let sql = "select system_identifier || '.' || oid from pg_control_system(), pg_database where datname = current_database()";
    Ok(db.query_opt(sql, params![], |row| row.get(0)).await?.unwrap_or_default())
}

/// The store's identity. The first call decides it; the name alone changes later, and only while nobody has joined and no
/// node has said after `ts` (milliseconds) that it is there: it goes by the name that it found.
pub async fn claim(db: &Db, wanted: &Identity, ts: i64) -> Result<Identity> {
    let claim = Stmt::new(
        "insert into identity (id, server_name, cluster, secret) values (0, $1, $2, $3)
         on conflict (id) do update set server_name = $1
         where not exists (select 1 from users) and not exists (select 1 from node where seen_ts > $4)",
        params![&wanted.server_name, &wanted.cluster, wanted.secret.clone(), ts],
    );
    db.write(0, vec![claim]).await?;
    let sql = "select server_name, cluster, secret from identity where id = 0";
    let kept = db.query_opt(sql, params![], |row| {
        Ok(Identity { server_name: row.get(0)?, cluster: row.get(1)?, secret: row.get(2)? })
    });
    Ok(kept.await?.unwrap_or_else(|| wanted.clone()))
}

/// The name under which the store's server runs.
pub async fn server_name(db: &Db) -> Result<Option<String>> {
    db.query_opt("select server_name from identity where id = 0", params![], |row| row.get(0)).await
}

/// The mark of the directory (or other storage) in which the store's files lie. The first call decides it.
pub async fn claim_files(db: &Db, mark: &str) -> Result<String> {
    let claim = Stmt::new("update identity set files = $1 where id = 0 and files is null", params![mark]);
    db.write(0, vec![claim]).await?;
    Ok(files(db).await?.unwrap_or_else(|| mark.to_owned()))
}

/// What [`claim_files`] decided, if it has.
pub async fn files(db: &Db) -> Result<Option<String>> {
    let sql = "select files from identity where id = 0 and files is not null";
    db.query_opt(sql, params![], |row| row.get(0)).await
}
