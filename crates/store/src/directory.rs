//! Room aliases and the public room list.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
};

/// An alias.
#[derive(Debug, Clone)]
pub struct AliasRow {
    /// The alias, such as `#tea:example.org`.
    pub alias: String,
    /// Its room.
    pub room_id: Arc<str>,
    /// Who made it.
    pub creator: String,
}

/// The alias, if it is taken.
pub async fn alias(db: &Db, alias: &str) -> Result<Option<AliasRow>> {
    db.query_opt("select alias, room_id, creator from alias where alias = $1", params![alias], |row| {
        Ok(AliasRow { alias: row.get(0)?, room_id: row.get(1)?, creator: row.get(2)? })
    })
    .await
}

/// The room's aliases.
pub async fn aliases(db: &Db, room_id: &str) -> Result<Vec<String>> {
    db.query("select alias from alias where room_id = $1 order by alias limit 1000", params![room_id], |row| row.get(0))
        .await
}

/// Takes an alias; fails with [`Error::Expectation`](crate::Error::Expectation) if somebody has it.
pub fn put_alias(alias: &str, room_id: &str, creator: &str, ts: i64) -> Stmt {
    Stmt::new(
        "insert into alias (alias, room_id, creator, ts) values ($1, $2, $3, $4) on conflict do nothing",
        params![alias, room_id, creator, ts],
    )
    .expect(1)
}

/// Gives an alias up.
pub fn delete_alias(alias: &str) -> Stmt {
    Stmt::new("delete from alias where alias = $1", params![alias]).expect(1)
}

/// Whether the room is in the public list.
pub async fn is_public(db: &Db, room_id: &str) -> Result<bool> {
    let found: Option<i64> =
        db.query_opt("select 1 from directory where room_id = $1 limit 1", params![room_id], |row| row.get(0)).await?;
    Ok(found.is_some())
}

/// Puts the room into the public list.
pub fn publish(room_id: &str, ts: i64) -> Stmt {
    Stmt::new("insert into directory (room_id, ts) values ($1, $2) on conflict do nothing", params![room_id, ts])
}

/// Takes the room out of the public list.
pub fn unpublish(room_id: &str) -> Stmt {
    Stmt::new("delete from directory where room_id = $1", params![room_id])
}

/// The rooms of the public list.
pub async fn public_rooms(db: &Db) -> Result<Vec<Arc<str>>> {
    db.query("select room_id from directory order by ts limit 10000", params![], |row| row.get(0)).await
}
