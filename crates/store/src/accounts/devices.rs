//! The devices that users are signed in on.

use crate::{db::Stmt, params};

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
