//! What is PostgreSQL's alone: several nodes, and a database that fails.

use std::{sync::Arc, time::Duration};

use store::{
    Db, Error, Stmt, Value,
    events::under_txn,
    log::{Commit, Head},
    postgres::Config,
};

use crate::{
    engines::database,
    log::{committed, create, history, send, with_txn},
};

async fn open(url: &str, shards: u32) -> Result<Db, Error> {
    Db::open_postgres(&Config { url: url.into(), shards, ..Config::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_commit_at_once_leave_no_gap_and_no_double() {
    let url = database().await;
    let nodes = [open(&url, 1).await.unwrap(), open(&url, 1).await.unwrap(), open(&url, 1).await.unwrap()];
    create(&nodes[0]).await;
    // One after the other, so that there are many batches. Each transaction id is used at two nodes.
    let senders = (0..6).map(|sender| {
        let db = nodes[sender % 3].clone();
        tokio::spawn(async move {
            for n in 0..100 {
                let (id, txn) = (format!("$m{sender}.{n}"), format!("t{}.{n}", sender / 2));
                db.commit(with_txn(&id, &txn)).await.unwrap();
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let history = history(&nodes[1]).await;
    assert_eq!(history.len(), 301);
    for (index, (seq, pos, _)) in history.iter().enumerate() {
        assert_eq!((*seq, *pos), (index as i64 + 1, index as i64 + 1));
    }
}

/// Blocks of the index of transactions that were looked at so far. A connection tells what it has looked at when it has
/// done something, once a second at most.
async fn blocks_of_transactions(db: &Db, moment: &str) -> i64 {
    let mut counted = 0;
    for n in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        db.commit(send(&format!("${moment}.{n}"))).await.unwrap();
        let sql = "select (idx_blks_hit + idx_blks_read)::bigint from pg_statio_user_tables where relname = 'txn'";
        counted = db.query(sql, Vec::new(), |row| row.get(0)).await.unwrap()[0];
    }
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_costs_the_same_however_many_there_were() {
    let db = open(&database().await, 1).await.unwrap();
    create(&db).await;
    let mut looked_at = Vec::new();
    for before in [0, 50_000] {
        // Of the same day, that of all commits in these tests.
        let earlier = "insert into txn (shard, day, user_id, key, event_id, pos)
            select 0, 0, '@' || n, decode(md5(n::text), 'hex'), '', 0 from generate_series(1::bigint, $1) n";
        db.tidy(Stmt::new(earlier, vec![Value::Int(before)])).await.unwrap();
        let start = blocks_of_transactions(&db, &format!("begin{before}")).await;
        for n in 0..100 {
            let (id, commit) =
                (format!("$m{before}.{n}"), with_txn(&format!("$m{before}.{n}"), &format!("t{before}.{n}")));
            let txn = commit.txn.clone().unwrap();
            assert_eq!(under_txn(&db, 0, &txn, 1).await.unwrap(), None);
            db.commit(commit).await.unwrap();
            assert_eq!(under_txn(&db, 0, &txn, 1).await.unwrap(), Some(id));
        }
        looked_at.push(blocks_of_transactions(&db, &format!("end{before}")).await - start);
    }
    assert!(looked_at[0] >= 100, "they are counted: {looked_at:?}");
    assert!(looked_at[1] < looked_at[0] * 4, "the index grows by a level or two: {looked_at:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_keeps_its_number_of_shards() {
    let url = database().await;
    assert_eq!(open(&url, 0).await.unwrap().shards(), 8);
    assert_eq!(open(&url, 0).await.unwrap().shards(), 8);
    let why = open(&url, 3).await.err().unwrap().to_string();
    assert!(why.contains("postgres.shards") && why.contains("8 shards"), "{why}");
    assert_eq!(open(&database().await, 3).await.unwrap().shards(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_work_is_refused_with_its_key() {
    for (url, part) in [
        ("nonsense", "postgres.url"),
        ("postgres://u:secret@127.0.0.1:1,127.0.0.1:2/x", "cannot be reached at 127.0.0.1:1, 127.0.0.1:2: "),
        ("postgres://x@127.0.0.1:1/x?sslmode=require", "encrypted"),
    ] {
        let why = open(url, 0).await.err().unwrap().to_string();
        assert!(why.contains(part) && !why.contains("secret"), "{url}: {why}");
    }
    let config = || Config { url: "postgres://127.0.0.1:1/x".into(), ..Config::default() };
    for (config, part) in [
        (Config { connections: 0, ..config() }, "postgres.connections: 0 cannot work"),
        (Config { connections: usize::MAX, ..config() }, "postgres.connections: "),
        (Config { statement_timeout_ms: 9, ..config() }, "postgres.statement_timeout_ms: 9 cannot work"),
        (Config { tcp_user_timeout_ms: 1 << 31, ..config() }, "postgres.tcp_user_timeout_ms: 2147483648 cannot work"),
        (Config { url: "postgres://a,b:1/x?port=1,2,3".into(), ..config() }, "as many ports as hosts"),
    ] {
        let why = Db::open_postgres(&config).await.err().unwrap().to_string();
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn no_password_is_shown() {
    for url in ["postgres://u:secret@h/d", "host=h password=secret", "u:secret@h"] {
        let shown = format!("{:?}", Config { url: url.into(), ..Config::default() });
        assert!(!shown.contains("secret") && shown.contains("shards"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_a_store_makes_none_and_brings_none_up_to_date() {
    let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let config = Config { url: server.url("app"), ..Config::default() };
    let look = async || Db::open_existing_postgres(&config).await;
    let why = look().await.err().unwrap().to_string();
    assert!(why.contains("no store yet"), "{why}");
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(server.sql("app", tables).await.unwrap(), "0");
    let db = open(&config.url, 3).await.unwrap();
    let looking = look().await.unwrap();
    assert_eq!((looking.shards(), looking.heads().await.unwrap()), (3, db.heads().await.unwrap()));
    assert!(matches!(looking.commit(Commit::default()).await, Err(Error::Closed)));
    // A store that was put back begins an epoch when a node finds it, not when somebody looks.
    server.sql("app", "update store set database = 'another'").await.unwrap();
    let looking = look().await.unwrap();
    assert!(looking.heads().await.unwrap().iter().all(|head| head.epoch == 1));
    assert_eq!(server.sql("app", "select database from store").await.unwrap(), "another");
    server.sql("app", "update store set schema = 0").await.unwrap();
    let why = look().await.err().unwrap().to_string();
    assert!(why.contains("schema version 0"), "{why}");
    assert_eq!(server.sql("app", "select schema from store").await.unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_the_schema_that_fails_says_why() {
    let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    server.sql("app", "create table room ()").await.unwrap();
    let why = open(&server.url("app"), 1).await.err().unwrap().to_string();
    assert!(why.contains("\"room\" already exists. It holds something else, it seems: give Chatbook"), "{why}");
    server.sql("app", "drop table room").await.unwrap();
    open(&server.url("app"), 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_no_place_for_a_store_is_refused_with_what_to_do() {
    let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
    for (database, prepare, said) in [
        (
            "types",
            "create table store (id int, schema text, readable_from text, database text); insert into store values (0, 'a', 'b', 'c')",
            "It holds something else",
        ),
        (
            "empty",
            "create table store (id bigint, schema bigint, readable_from bigint, database text)",
            "It holds something else",
        ),
        ("users", "create table users (name text)", "It holds something else"),
        (
            "shop",
            "create table store (name text)",
            "It holds something else, it seems: give Chatbook a database of its own",
        ),
        ("locked", "create role poor login", "Let the role of postgres.url make tables there"),
    ] {
        server.create_database(database).await.unwrap();
        server.sql(database, prepare).await.unwrap();
        let url = server.url(database).replace("postgres@", if database == "locked" { "poor@" } else { "postgres@" });
        let why = open(&url, 0).await.err().unwrap().to_string();
        assert!(why.starts_with("postgres.url: the database ") && why.contains(said), "{why}");
        let tables = server.sql(database, "select count(*) from pg_tables where schemaname = 'public'").await.unwrap();
        assert_eq!(
            tables,
            if database == "locked" { "0" } else { "1" },
            "{database}: a refused start leaves tables behind"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_soon_notices_that_a_node_is_gone() {
    let db = open(&database().await, 1).await.unwrap();
    let sql = "select name || ' ' || setting from pg_settings where name like 'tcp_keepalives_%' order by name";
    let settings = db.query(sql, Vec::new(), |row| row.get::<String>(0)).await.unwrap();
    assert_eq!(settings, ["tcp_keepalives_count 3", "tcp_keepalives_idle 10", "tcp_keepalives_interval 5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_answered_as_what_it_was() {
    let server = services::Postgres::start(&[]).await.unwrap();
    server.create_database("lost").await.unwrap();
    let db = open(&server.url("lost"), 1).await.unwrap();
    create(&db).await;
    let mut sends = Vec::new();
    for n in 0..400 {
        let commit = if n % 2 == 0 { send(&format!("$m{n}")) } else { with_txn(&format!("$m{n}"), &format!("t{n}")) };
        let db = db.clone();
        sends.push(tokio::spawn(async move {
            loop {
                match db.commit(commit.clone()).await {
                    // It takes its time to start again: who was refused was not taken in.
                    Err(Error::Overloaded) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                    outcome => return committed(outcome.unwrap()),
                }
            }
        }));
        // Many are under way when it dies.
        if !(50..80).contains(&(n % 100)) {
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        if n % 100 == 79 {
            server.kill().await;
            server.start_again().await.unwrap();
        }
    }
    let mut positions = Vec::new();
    for send in sends {
        let record = send.await.unwrap();
        positions.push((record.pos, record.events[0].event_id.to_string()));
    }
    positions.sort();
    let history: Vec<_> = history(&db).await.into_iter().skip(1).map(|(_, pos, id)| (pos, id)).collect();
    assert_eq!(history, positions, "each once, where it was said to be");
    assert!(db.stats().repeats > 0, "nothing was ever lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_epoch_begins_where_no_token_can_be() {
    let url = database().await;
    let db = open(&url, 2).await.unwrap();
    let before = db.heads().await.unwrap();
    db.bump_epoch().await.unwrap();
    let after = db.heads().await.unwrap();
    for (before, after) in before.iter().zip(&after) {
        assert!(after.epoch > before.epoch && after.pos > before.pos + 1_000_000_000);
    }
    // As if a backup of before were restored once more: it knows nothing of the epoch that has been.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let back = |head: &Head| vec![Value::Int(head.epoch), Value::Int(head.pos)];
    db.tidy(Stmt::new("update shard set epoch = $1, head = $2", back(&before[0]))).await.unwrap();
    db.bump_epoch().await.unwrap();
    for (seen, again) in after.iter().zip(db.heads().await.unwrap()) {
        assert!(again.epoch > seen.epoch && again.pos > seen.pos + 1_000_000, "{seen:?} {again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_follower_is_told_what_the_other_shards_had_reached() {
    let url = database().await;
    let db = open(&url, 2).await.unwrap();
    let (told, mut heads) = tokio::sync::mpsc::unbounded_channel();
    db.follow(Arc::new(move |committed| drop(told.send(committed.heads.clone())))).await.unwrap();
    create(&db).await;
    let at = |positions: [i64; 2]| positions.map(|pos| Head { epoch: 1, pos }).to_vec();
    let other = store::log::Commit { shard: 1, ts: 1, ..Default::default() };
    committed(db.commit(other).await.unwrap());
    assert_eq!(heads.recv().await, Some(at([0, 0])));
    assert_eq!(heads.recv().await, Some(at([1, 0])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_owns_the_database_and_nothing_else_suffices() {
    let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.sql("postgres", "create role app login").await.unwrap();
    server.sql("postgres", "create database app owner app").await.unwrap();
    let url = server.url("app").replace("postgres@", "app@");
    let db = open(&url, 1).await.unwrap();
    create(&db).await;
    db.commit(send("$a")).await.unwrap();
    let findings = store::postgres::durability::check(&db, 9).await.unwrap();
    let bad: Vec<_> = findings.iter().filter(|finding| !finding.good).map(|finding| finding.what.as_str()).collect();
    assert_eq!(bad.len(), 2, "{findings:#?}");
    assert!(bad[0].contains("Set fsync = on") && bad[1].contains("no synchronous standby"), "{bad:?}");
    // Who may read only is told so.
    server.sql("app", "alter database app set default_transaction_read_only = on").await.unwrap();
    let why = open(&url, 1).await.err().unwrap().to_string();
    assert!(why.contains("read-only") || why.contains("does not allow"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_promoted_begins_a_new_epoch_by_itself() {
    let primary = services::Postgres::start(&[]).await.unwrap();
    primary.create_database("app").await.unwrap();
    let standby = primary.standby("second").await.unwrap();
    primary.make_synchronous(&["second"]).await.unwrap();
    let hosts = format!("postgres@{},{}/app", primary.addr(), standby.addr());
    let db = open(&format!("postgres://{hosts}"), 1).await.unwrap();
    create(&db).await;
    for n in 0..20 {
        db.commit(send(&format!("$a{n}"))).await.unwrap();
    }
    let before = db.heads().await.unwrap();
    primary.kill().await;
    standby.promote().await.unwrap();
    standby.make_synchronous(&[]).await.unwrap();
    committed(db.commit(send("$after")).await.unwrap());
    let after = db.heads().await.unwrap();
    assert!(after[0].epoch > before[0].epoch);
    assert!(after[0].pos > before[0].pos + 1_000_000_000);
    assert_eq!(history(&db).await.len(), 22, "nothing acknowledged was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_newer_version_is_refused_unless_it_says_that_this_one_may_work_on_it() {
    let server = services::Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    open(&server.url("app"), 1).await.unwrap();
    // A rolling upgrade: the new version has migrated, and the old one can live with it.
    server.sql("app", "update store set schema = 99").await.unwrap();
    open(&server.url("app"), 1).await.unwrap();
    server.sql("app", "update store set readable_from = 99").await.unwrap();
    let why = open(&server.url("app"), 1).await.err().unwrap().to_string();
    assert!(why.contains("schema version 99") && why.contains("newer"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_decided_in_another_epoch_is_stale_whatever_its_numbers_say() {
    let db = open(&database().await, 1).await.unwrap();
    create(&db).await;
    let decided = |id: &str, epoch: i64| {
        let mut commit = send(id);
        let part = commit.room.as_mut().unwrap();
        part.guards = vec![store::log::Guard { kind: "m.room.topic".into(), state_key: "".into(), seq: 1 }];
        (part.decided_at, part.epoch) = (1, epoch);
        db.commit(commit)
    };
    committed(decided("$before", 1).await.unwrap());
    db.bump_epoch().await.unwrap();
    assert!(matches!(decided("$late", 1).await, Err(Error::Stale)));
    let epoch = db.heads().await.unwrap()[0].epoch;
    committed(decided("$after", epoch).await.unwrap());
    assert_eq!(history(&db).await.len(), 3);
}

/// One thread, so that what is asked at once shares a batch.
#[tokio::test]
async fn a_shard_that_somebody_holds_holds_up_no_other_for_long() {
    let server = Arc::new(services::Postgres::start(&[("fsync", "off")]).await.unwrap());
    server.create_database("held").await.unwrap();
    let config = Config { url: server.url("held"), lock_timeout_ms: 500, ..Config::default() };
    let db = Db::open_postgres(&config).await.unwrap();
    let held = tokio::spawn({
        let server = server.clone();
        async move {
            let hold = "begin; select 1 from shard where shard = 3 for update; select pg_sleep(6); commit";
            server.sql("held", hold).await.unwrap();
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let begun = std::time::Instant::now();
    let commits: Vec<_> = (0..8)
        .map(|shard| {
            let db = db.clone();
            tokio::spawn(async move {
                db.commit(Commit { shard, ..Commit::default() }).await.unwrap();
                (shard, begun.elapsed().as_secs())
            })
        })
        .collect();
    for commit in commits {
        let (shard, seconds) = commit.await.unwrap();
        assert!(if shard == 3 { seconds >= 4 } else { seconds <= 2 }, "shard {shard} took {seconds} s");
    }
    held.await.unwrap();
}
