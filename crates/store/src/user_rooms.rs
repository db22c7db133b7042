//! Which rooms a user has anything to do with.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::Shard,
    params,
    value::Value,
};

/// A user's tie to a room.
#[derive(Debug, Clone)]
pub struct UserRoomRow {
    /// The room.
    pub room_id: Arc<str>,
    /// `join`, `invite`, `knock`, `leave` or `ban`.
    pub membership: String,
    /// Where in the room's log this membership began.
    pub pos: i64,
    /// Whether the user asked not to see it any more.
    pub forgotten: bool,
}

/// The user's rooms.
pub async fn of_user(db: &Db, shard: Shard, user_id: &str) -> Result<Vec<UserRoomRow>> {
    db.query(
        "select room_id, membership, pos, forgotten from user_room where shard = $1 and user_id = $2",
        params![shard, user_id],
        |row| {
            Ok(UserRoomRow { room_id: row.get(0)?, membership: row.get(1)?, pos: row.get(2)?, forgotten: row.get(3)? })
        },
    )
    .await
}

/// The rooms that the user is in.
pub async fn joined(db: &Db, shard: Shard, user_id: &str) -> Result<Vec<Arc<str>>> {
    let sql = "select room_id from user_room where shard = $1 and user_id = $2 and membership = 'join'";
    db.query(sql, params![shard, user_id], |row| row.get(0)).await
}

/// In how many rooms the user has this membership.
pub async fn count(db: &Db, shard: Shard, user_id: &str, membership: &str) -> Result<i64> {
    let count = db
        .query_opt(
            "select count(*) from user_room where shard = $1 and user_id = $2 and membership = $3",
            params![shard, user_id, membership],
            |row| row.get(0),
        )
        .await?;
    Ok(count.unwrap_or(0))
}

/// Of the user's rooms in `room_shard`, those that changed after a position. `shard` is the user's.
pub async fn changed_since(
    db: &Db,
    (shard, user_id): (Shard, &str),
    room_shard: Shard,
    pos: i64,
) -> Result<Vec<Arc<str>>> {
    db.query(
        "select r.room_id from user_room u join room r on r.room_id = u.room_id
         where u.shard = $1 and u.user_id = $2 and r.shard = $3 and r.pos > $4",
        params![shard, user_id, room_shard, pos],
        |row| row.get(0),
    )
    .await
}

/// Whether the user asked not to see the room any more.
pub async fn is_forgotten(db: &Db, shard: Shard, user_id: &str, room_id: &str) -> Result<bool> {
    let forgotten = db.query_opt(
        "select forgotten from user_room where shard = $1 and user_id = $2 and room_id = $3",
        params![shard, user_id, room_id],
        |row| row.get(0),
    );
    Ok(forgotten.await?.unwrap_or(false))
}

/// The membership begins with this commit. A forgotten room stays so until the user has to do with it again.
pub fn put(shard: Shard, user_id: &str, room_id: &str, membership: &str) -> Stmt {
    Stmt::new(
        "insert into user_room (shard, user_id, room_id, membership, pos, forgotten) values ($1, $2, $3, $4, $5, 0)
         on conflict (shard, user_id, room_id) do update
         set membership = excluded.membership, pos = excluded.pos,
           forgotten = case when excluded.membership in ('leave', 'ban') then user_room.forgotten else 0 end",
        params![shard, user_id, room_id, membership, Value::Pos],
    )
}

/// The user, who has left the room, does not want to see it any more.
pub fn forget(shard: Shard, user_id: &str, room_id: &str) -> Stmt {
    Stmt::new(
        "update user_room set forgotten = 1
         where shard = $1 and user_id = $2 and room_id = $3 and membership in ('leave', 'ban')",
        params![shard, user_id, room_id],
    )
    .expect(1)
}
