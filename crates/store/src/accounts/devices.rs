//! The devices that users are signed in on.

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::Shard,
    params,
    value::Row,
};

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id.
    pub device_id: String,
    /// The name that its user gave it.
    pub display_name: Option<String>,
    /// When it was last in use, milliseconds, to within a few minutes.
    pub last_seen_ts: i64,
    /// From where.
    pub last_seen_ip: String,
}

fn read(row: &Row<'_>) -> Result<DeviceRow> {
    Ok(DeviceRow {
        device_id: row.get(0)?,
        display_name: row.get(1)?,
        last_seen_ts: row.get(2)?,
        last_seen_ip: row.get(3)?,
    })
}

/// A user's devices, by id.
pub async fn of_user(db: &Db, user_id: &str) -> Result<Vec<DeviceRow>> {
    db.query(
        "select device_id, display_name, last_seen_ts, last_seen_ip from device where user_id = $1 order by device_id",
        params![user_id],
        read,
    )
    .await
}

/// One device of a user.
pub async fn get(db: &Db, user_id: &str, device_id: &str) -> Result<Option<DeviceRow>> {
    db.query_opt(
        "select device_id, display_name, last_seen_ts, last_seen_ip from device where user_id = $1 and device_id = $2",
        params![user_id, device_id],
        read,
    )
    .await
}

/// A new device, or a further sign-in on a known one, which keeps its name.
pub fn upsert(user_id: &str, device_id: &str, display_name: Option<&str>, now: i64, ip: &str) -> Stmt {
    Stmt::new(
        "insert into device (user_id, device_id, display_name, last_seen_ts, last_seen_ip, created_ts)
         values ($1, $2, $3, $4, $5, $4)
         on conflict (user_id, device_id) do update set
           last_seen_ts = excluded.last_seen_ts, last_seen_ip = excluded.last_seen_ip",
        params![user_id, device_id, display_name, now, ip],
    )
}

/// Notes when and from where a device was last in use.
pub fn seen(user_id: &str, device_id: &str, now: i64, ip: &str) -> Stmt {
    Stmt::new(
        "update device set last_seen_ts = $3, last_seen_ip = $4 where user_id = $1 and device_id = $2",
        params![user_id, device_id, now, ip],
    )
}

/// Renames a device; changes no row if there is none.
pub fn rename(user_id: &str, device_id: &str, display_name: &str) -> Stmt {
    Stmt::new(
        "update device set display_name = $3 where user_id = $1 and device_id = $2",
        params![user_id, device_id, display_name],
    )
}

/// Removes a device with its sessions and the messages that wait for it.
pub fn delete(shard: Shard, user_id: &str, device_id: &str) -> Vec<Stmt> {
    vec![
        Stmt::new("delete from session where user_id = $1 and device_id = $2", params![user_id, device_id]),
        Stmt::new("delete from device where user_id = $1 and device_id = $2", params![user_id, device_id]),
        Stmt::new(
            "delete from to_device where shard = $1 and user_id = $2 and device_id = $3",
            params![shard, user_id, device_id],
        ),
    ]
}

/// Removes all devices of a user but one (no device has an empty id), as [`delete`] does.
pub fn delete_all_but(shard: Shard, user_id: &str, device_id: &str) -> Vec<Stmt> {
    vec![
        Stmt::new("delete from session where user_id = $1 and device_id <> $2", params![user_id, device_id]),
        Stmt::new("delete from device where user_id = $1 and device_id <> $2", params![user_id, device_id]),
        Stmt::new(
            "delete from to_device where shard = $1 and user_id = $2 and device_id <> $3",
            params![shard, user_id, device_id],
        ),
    ]
}
