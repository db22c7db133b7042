//! Which server the store belongs to.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
};

/// The server name that the store belongs to. The first call decides it; it changes only while nobody has joined.
pub async fn server_name(db: &Db, wanted: &str) -> Result<String> {
    let claim = Stmt::new(
        "insert into identity (id, server_name) values (0, $1)
         on conflict (id) do update set server_name = $1 where not exists (select 1 from users)",
        params![wanted],
    );
    db.write(vec![claim]).await?;
    let name = db.query_opt("select server_name from identity where id = 0", params![], |row| row.get::<String>(0));
    Ok(name.await?.unwrap_or_else(|| wanted.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_name_can_change_until_somebody_has_joined() {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open_sqlite(dir.path()).expect("the store opens");
        assert_eq!(server_name(&db, "first").await.expect("it answers"), "first");
        assert_eq!(server_name(&db, "second").await.expect("it answers"), "second");
        let join = "insert into users (user_id, admin, deactivated, profile, search, created_ts) values ('@a:second', 0, 0, '{}', '', 0)";
        db.write(vec![Stmt::new(join, params![])]).await.expect("the user joins");
        assert_eq!(server_name(&db, "third").await.expect("it answers"), "second");
        db.close().await;
    }
}
