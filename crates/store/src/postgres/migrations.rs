//! Brings the schema of a PostgreSQL store up to date, while other nodes of this or the previous version run on it.
//!
//! `store` says what made the database: how many steps have run, the lowest number of steps that a program must know to
//! work on it, and which database it was at the last connection. A step that an older program cannot live with raises
//! the second number; the node then refuses to start, or to go on.

use tokio_postgres::Client;

use super::pool::{Pool, text};
use crate::{
    dialect::{self, MIGRATIONS},
    error::{Error, Result},
};

/// Shards of a new store if the operator does not say.
const SHARDS: u32 = 8;
/// Each commit reads the heads of all.
const MAX_SHARDS: u32 = 1024;
/// The lowest schema version whose programs can work on the present schema.
const READABLE_FROM: i64 = 1;
/// The number of the advisory lock under which one node at a time migrates: "chatbook" in ASCII.
const LOCK: i64 = 0x6368_6174_626f_6f6b;
/// How far positions jump ahead when the log may have lost its end: no client can have seen so many commits of it.
const EPOCH_GAP: i64 = 1 << 32;
/// The oldest server that is known to work: `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// Returns the number of shards.
///
/// # Errors
/// [`Error::Refused`] with a sentence for the operator.
pub(super) async fn run(pool: &Pool, shards: u32) -> Result<usize> {
    let failed = |error: tokio_postgres::Error| Error::Refused(format!("the database: {}", text(&error)));
    if shards > MAX_SHARDS {
        return Err(Error::Refused(format!("postgres.shards: {shards} are too many, {MAX_SHARDS} are the most")));
    }
    let connection = pool
        .connect()
        .await
        .map_err(|error| Error::Refused(format!("postgres.url: the database cannot be reached: {}", text(&error))))?;
    let client = &connection.client;
    check_server(client).await?;
    client.batch_execute("set lock_timeout = 0; set statement_timeout = 0").await.map_err(failed)?;
    // Held by the connection, so that a node which is killed amid it lets go.
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(failed)?;
    let migrated = migrate(client, shards, MIGRATIONS, READABLE_FROM).await;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.map_err(failed)?;
    let found = migrated?;
    if shards != 0 && shards as usize != found {
        return Err(Error::Refused(format!(
            "postgres.shards: the store was made with {found} shards, which cannot change: set it to {found}, or leave it out"
        )));
    }
    let row = client.query_one(
        "select substr(replace(gen_random_uuid()::text, '-', ''), 17), (extract(epoch from clock_timestamp()) * 1000)::bigint",
        &[],
    );
    let row = row.await.map_err(failed)?;
    let (nonce, now): (String, i64) = (row.get(0), row.get(1));
    pool.opened(u64::from_str_radix(&nonce, 16).unwrap_or(0).to_be_bytes(), now);
    recognize(client).await.map_err(failed)?;
    Ok(found)
}

async fn check_server(client: &Client) -> Result<()> {
    let setting = async |name: &str| -> Result<String, tokio_postgres::Error> {
        client.query_one("select current_setting($1)", &[&name]).await?.try_get(0)
    };
    let failed = |error: tokio_postgres::Error| Error::Refused(format!("the database: {}", text(&error)));
    let version = setting("server_version_num").await.map_err(failed)?;
    if version.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(Error::Refused(format!(
            "the database is PostgreSQL {version}: 15 is the oldest that is supported"
        )));
    }
    let encoding = setting("server_encoding").await.map_err(failed)?;
    if encoding != "UTF8" {
        return Err(Error::Refused(format!(
            "the database has the encoding {encoding}: make one with `create database … encoding 'UTF8' template template0`"
        )));
    }
    Ok(())
}

async fn migrate(client: &Client, shards: u32, steps: &[&str], steps_readable_from: i64) -> Result<usize> {
    let failed = |error: tokio_postgres::Error| Error::Refused(format!("the database: {}", text(&error)));
    let exists: bool = client
        .query_one("select to_regclass('store') is not null", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    if !exists {
        let create =
            "create table store (id bigint not null primary key, schema bigint not null, readable_from bigint not null,
                        database text not null);
                      insert into store values (0, 0, 0, '')";
        client.batch_execute(create).await.map_err(failed)?;
    }
    let row = client.query_one("select schema, readable_from from store where id = 0", &[]).await.map_err(failed)?;
    let (done, readable_from): (i64, i64) = (row.get(0), row.get(1));
    let known = steps.len() as i64;
    if readable_from > known {
        return Err(Error::Refused(format!(
            "the store has schema version {done}, which this program (version {known}) cannot work with: start a newer one"
        )));
    }
    for (index, step) in steps.iter().enumerate().skip(usize::try_from(done).unwrap_or(0)) {
        let mut sql = format!("begin; {}", dialect::postgres_migration(step));
        if index == 0 {
            let shards = if shards == 0 { SHARDS } else { shards };
            sql += &format!("insert into shard select n, 1, 0 from generate_series(0, {shards} - 1) n;");
        }
        sql += &format!(
            "update store set schema = {}, readable_from = {steps_readable_from} where id = 0; commit",
            index + 1
        );
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    // Functions carry a number in their name: a version that changes one makes another, beside that of the old version.
    client.batch_execute(include_str!("commit_batch.sql")).await.map_err(failed)?;
    let row = client.query_one("select count(*) from shard", &[]).await.map_err(failed)?;
    Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

/// Notices that this is another database than at the last connection, by any node: a standby that was promoted, or a
/// restored backup. Its log may lack what clients have seen, so positions begin anew where no client can have been.
pub(super) async fn recognize(client: &Client) -> Result<(), tokio_postgres::Error> {
    let database = "select system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) from pg_control_system()";
    let database: String = client.query_one(database, &[]).await?.try_get(0)?;
    let known: String = client.query_one("select database from store where id = 0", &[]).await?.try_get(0)?;
    if known == database {
        return Ok(());
    }
    // Of all nodes that notice, one finds the old name; a store that has none yet is new.
    let bumped = client
        .execute(
            "with noticed as (update store set database = $1 where id = 0 and database = $2 returning 1)
             update shard set epoch = epoch + 1, head = head + $3 where exists (select 1 from noticed) and $2 <> ''",
            &[&database, &known, &EPOCH_GAP],
        )
        .await?;
    if bumped > 0 {
        tracing::warn!(name: "store.epoch", before = known, now = database, "the database was replaced: a new epoch begins");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::{Db, log::Commit, postgres::Config, stats::Stats};

    /// The next version's step: what a release may do while nodes of the release before it run.
    const NEXT: &str =
        "alter table room add column nickname text; create index room_by_nickname on room (shard, nickname);";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nodes_of_this_version_go_on_while_the_next_one_migrates_and_after() {
        let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
        server.create_database("rolling").await.unwrap();
        let config = Config { url: server.url("rolling"), ..Config::default() };
        let old = Db::open_postgres(&config).await.unwrap();
        let migrated = Arc::new(AtomicBool::new(false));
        let (begun, begins) = tokio::sync::oneshot::channel();
        let working = tokio::spawn({
            let (old, migrated, mut begun) = (old.clone(), migrated.clone(), Some(begun));
            async move {
                let (mut shard, mut after) = (0, 0);
                while after < 100 {
                    shard = (shard + 1) % 8;
                    old.commit(Commit { shard, ..Commit::default() }).await.unwrap();
                    begun.take().map(|begun| begun.send(()));
                    after += usize::from(migrated.load(Ordering::Relaxed));
                }
            }
        });
        begins.await.unwrap();
        let pool = Pool::new(&config, Arc::new(Stats::default())).unwrap();
        let connection = pool.connect().await.unwrap();
        let steps = [MIGRATIONS[0], NEXT];
        assert_eq!(migrate(&connection.client, 0, &steps, 1).await.unwrap(), 8);
        migrated.store(true, Ordering::Relaxed);
        working.await.unwrap();
        assert_eq!(server.sql("rolling", "select schema, readable_from from store").await.unwrap(), "2|1");
        // Until the upgrade is over, a node of this version may still be started again.
        let again = Db::open_postgres(&config).await.unwrap();
        again.commit(Commit::default()).await.unwrap();
        // A step that this version cannot live with keeps it out.
        let steps = [MIGRATIONS[0], NEXT, "alter table room drop column nickname;"];
        migrate(&connection.client, 0, &steps, 3).await.unwrap();
        assert!(Db::open_postgres(&config).await.is_err());
    }
}
