//! Brings the schema of a PostgreSQL store up to date, while other nodes of this or the previous version run on it.
//!
//! `store` says what made the database: how many steps have run, the lowest number of steps that a program must know to
//! work on it, and which database it was at the last connection. A step that an older program cannot live with raises
//! the second number; the node then refuses to start, or to go on.

use std::time::Duration;

use tokio_postgres::{Client, Row, error::SqlState};

use super::pool::{Connection, Pool, text};
use crate::{
    dialect::{self, MIGRATIONS},
    epoch,
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
/// How long a node waits until no other migrates.
const PATIENCE: Duration = Duration::from_secs(60);
/// The oldest server that is known to work: `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// Returns the number of shards.
///
/// # Errors
/// [`Error::Refused`] with a sentence for the operator.
pub(super) async fn run(pool: &Pool, shards: u32) -> Result<usize> {
    if shards > MAX_SHARDS {
        return Err(Error::Refused(format!("postgres.shards: {shards} are too many, {MAX_SHARDS} are the most")));
    }
    let connection = connect(pool).await?;
    let client = &connection.client;
    lock(client, PATIENCE).await?;
    client.batch_execute("set lock_timeout = 0; set statement_timeout = 0").await.map_err(failed)?;
    // If a step fails, its transaction hangs on the connection, and only that one's end lets go of the lock.
    let found = migrate(client, shards, MIGRATIONS, READABLE_FROM).await?;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.map_err(failed)?;
    client.batch_execute("reset lock_timeout; reset statement_timeout").await.map_err(failed)?;
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

/// Returns the number of shards of a store that is there and up to date, and changes nothing.
///
/// # Errors
/// [`Error::Refused`] with a sentence for the operator.
pub(super) async fn look(pool: &Pool) -> Result<usize> {
    let connection = connect(pool).await?;
    let known = MIGRATIONS.len();
    match done(&connection.client, known).await? {
        None => Err(Error::Refused("the database has no store yet: the first node that is started makes it".into())),
        Some(done) if done < known => Err(Error::Refused(format!(
            "the store has schema version {done}, and this program works with version {known}: the first node of this \
             program that is started brings the store up to date"
        ))),
        Some(_) => count_shards(&connection.client).await,
    }
}

/// Whether there is a store.
///
/// # Errors
/// [`Error::Refused`] with a sentence for the operator.
pub(super) async fn has_store(pool: &Pool) -> Result<bool> {
    let connection = connect(pool).await?;
    Ok(done(&connection.client, MIGRATIONS.len()).await?.is_some())
}

/// A connection to a server that suits.
async fn connect(pool: &Pool) -> Result<Connection> {
    let unreachable = |error| {
        let why = text(&error);
        Error::Refused(format!("postgres.url: the database cannot be reached at {}: {why}", pool.places()))
    };
    let connection = pool.connect().await.map_err(unreachable)?;
    check_server(&connection.client).await?;
    Ok(connection)
}

/// Waits until no other node migrates. The connection holds the lock, so that a node which is killed amid it lets go.
async fn lock(client: &Client, patience: Duration) -> Result<()> {
    let free = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await;
    if free.and_then(|row| row.try_get(0)).map_err(failed)? {
        return Ok(());
    }
    tracing::info!(name: "store.migrate", "another node is bringing the schema up to date: waiting until it has");
    let bound = format!("set statement_timeout = 0; set lock_timeout = {}", patience.as_millis());
    client.batch_execute(&bound).await.map_err(failed)?;
    let locked = client.execute("select pg_advisory_lock($1)", &[&LOCK]).await;
    locked.map(drop).map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => Error::Refused(format!(
            "postgres.url: another node has been bringing the schema up to date for {} s, or somebody else holds its \
             advisory lock {LOCK} (the table pg_locks says who): start again when that is over",
            patience.as_secs()
        )),
        _ => failed(error),
    })
}

fn failed(error: tokio_postgres::Error) -> Error {
    refused(&error, "")
}

/// [`failed`] while a store is looked for or made: where that cannot be, it is mostly not the place.
fn out_of_place(error: tokio_postgres::Error) -> Error {
    let advice = match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            ". Let the role of postgres.url make tables there, as the owner of a database may"
        }
        Some(
            &(SqlState::UNDEFINED_COLUMN
            | SqlState::DUPLICATE_TABLE
            | SqlState::DUPLICATE_OBJECT
            | SqlState::WRONG_OBJECT_TYPE),
        ) => ELSEWHERE,
        _ => "",
    };
    refused(&error, advice)
}

/// What to do with a database in which something else lives.
const ELSEWHERE: &str = ". It holds something else, it seems: give Chatbook a database of its own (postgres.url)";

fn refused(error: &tokio_postgres::Error, advice: &str) -> Error {
    Error::Refused(format!("postgres.url: the database says: {}{advice}", text(error)))
}

async fn check_server(client: &Client) -> Result<()> {
    let setting = async |name: &str| -> Result<String, tokio_postgres::Error> {
        client.query_one("select current_setting($1)", &[&name]).await?.try_get(0)
    };
    let version = setting("server_version_num").await.map_err(failed)?;
    if version.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(Error::Refused(format!(
            "postgres.url: the database is PostgreSQL {version}: 15 is the oldest that is supported"
        )));
    }
    let encoding = setting("server_encoding").await.map_err(failed)?;
    if encoding != "UTF8" {
        return Err(Error::Refused(format!(
            "postgres.url: the database has the encoding {encoding}: make one with `create database … encoding 'UTF8' template template0`"
        )));
    }
    Ok(())
}

async fn migrate(client: &Client, shards: u32, steps: &[&str], steps_readable_from: i64) -> Result<usize> {
    let done = done(client, steps.len()).await?.unwrap_or(0);
    for (index, step) in steps.iter().enumerate().skip(done) {
        let mut sql = format!("begin; {}", dialect::postgres_migration(step));
        if index == 0 {
            // With the first step or not at all: nothing is left in a database that is no place for it.
            sql += "create table if not exists store (id bigint not null primary key, schema bigint not null,
                      readable_from bigint not null, database text not null);
                    insert into store values (0, 0, 0, '') on conflict do nothing;";
            let shards = if shards == 0 { SHARDS } else { shards };
            sql += &format!("insert into shard select n, 1, 0 from generate_series(0, {shards} - 1) n;");
        }
        sql += &format!(
            "update store set schema = {}, readable_from = {steps_readable_from} where id = 0; commit",
            index + 1
        );
        client.batch_execute(&sql).await.map_err(out_of_place)?;
    }
    // Functions carry a number in their name: a version that changes one makes another, beside that of the old version.
    client.batch_execute(include_str!("commit_batch.sql")).await.map_err(failed)?;
    count_shards(client).await
}

/// How many steps have run; none if there is no store. Refuses one that a program with `known` steps cannot work with.
async fn done(client: &Client, known: usize) -> Result<Option<usize>> {
    let exists = client.query_one("select to_regclass('store') is not null", &[]).await;
    if !exists.and_then(|row| row.try_get(0)).map_err(failed)? {
        return Ok(None);
    }
    let read = |row: Row| Some((row.try_get::<_, i64>(0).ok()?, row.try_get::<_, i64>(1).ok()?));
    let row =
        client.query_opt("select schema, readable_from from store where id = 0", &[]).await.map_err(out_of_place)?;
    let Some((done, readable_from)) = row.and_then(read) else {
        let what = format!("postgres.url: the database has a table \"store\" of another kind{ELSEWHERE}");
        return Err(Error::Refused(what));
    };
    if readable_from > known as i64 {
        return Err(Error::Refused(format!(
            "the store has schema version {done}, which this program (version {known}) cannot work with: start a newer one"
        )));
    }
    Ok(Some(usize::try_from(done).unwrap_or(0)))
}

async fn count_shards(client: &Client) -> Result<usize> {
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
    let begin = epoch::POSTGRES;
    let sql = format!(
        "with noticed as (update store set database = $2 where id = 0 and database = $3 returning 1)
         {begin} where exists (select 1 from noticed) and $3 <> ''"
    );
    let bumped = client.execute(&sql, &[&epoch::GAP, &database, &known]).await?;
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

    #[tokio::test]
    async fn who_waits_too_long_until_another_node_has_migrated_is_told_what_for() {
        let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
        let config = Config { url: server.url("postgres"), ..Config::default() };
        let pool = Pool::new(&config, Arc::new(Stats::default())).unwrap();
        let (first, second) = (pool.connect().await.unwrap(), pool.connect().await.unwrap());
        lock(&first.client, PATIENCE).await.unwrap();
        let why = tokio::time::timeout(PATIENCE, lock(&second.client, Duration::from_millis(200))).await.unwrap();
        let why = why.unwrap_err().to_string();
        assert!(why.contains("another node has been bringing the schema up to date"), "{why}");
        drop(first);
        lock(&second.client, PATIENCE).await.unwrap();
    }

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
        let steps = [MIGRATIONS, &[NEXT]].concat();
        assert_eq!(migrate(&connection.client, 0, &steps, 1).await.unwrap(), 8);
        migrated.store(true, Ordering::Relaxed);
        working.await.unwrap();
        let found = server.sql("rolling", "select schema, readable_from from store").await.unwrap();
        assert_eq!(found, format!("{}|1", steps.len()));
        // Until the upgrade is over, a node of this version may still be started again.
        let again = Db::open_postgres(&config).await.unwrap();
        again.commit(Commit::default()).await.unwrap();
        // A step that this version cannot live with keeps it out.
        let steps = [&*steps, &["alter table room drop column nickname;"]].concat();
        migrate(&connection.client, 0, &steps, steps.len() as i64).await.unwrap();
        assert!(Db::open_postgres(&config).await.is_err());
    }
}
