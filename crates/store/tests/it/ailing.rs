//! A database that is full, slow, cut off, or changes its password: what is asked of it fails in words or waits, and goes
//! on by itself afterwards.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use services::{Cut, Postgres, Proxy};
use store::{Db, Error, postgres::Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::log::{committed, create, history, send};

async fn open(url: &str) -> Db {
    Db::open_postgres(&Config { url: url.into(), shards: 1, ..Config::default() }).await.unwrap()
}

/// A small file system in memory, for root only. Unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m,mode=0700,uid=postgres,gid=postgres");
        let mount = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(directory.path()).output();
        // The way to it must be the database's to go, too.
        let open = Command::new("chmod").arg("o+x").arg(directory.path().parent()?).output();
        (mounted.is_ok_and(|mounted| mounted.status.success()) && open.is_ok()).then_some(Self(directory))
    }

    /// A file that takes all the room there is.
    fn fill(&self) -> std::fs::File {
        let filling = std::fs::File::create(self.0.path().join("filling")).unwrap();
        let mut zeros = vec![0_u8; 1 << 20];
        while std::io::Write::write_all(&mut &filling, &zeros).is_ok() {}
        zeros.truncate(4096);
        while std::io::Write::write_all(&mut &filling, &zeros).is_ok() {}
        filling
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.0.path()).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_says_so_is_read_on_and_recovers_with_free_space() {
    let Some(disk) = SmallDisk::mount(24) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    let space = format!("create tablespace small location '{}'", disk.0.path().display());
    server.sql("postgres", &space).await.unwrap();
    server.sql("postgres", "create database app tablespace small").await.unwrap();
    let db = open(&server.url("app")).await;
    create(&db).await;
    let filling = disk.fill();
    let mut kept = 1;
    let refused = loop {
        match db.commit(send(&format!("$m{kept}"))).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 10_000, "the disk is never full");
    };
    assert!(matches!(refused, Error::Full), "{refused:?}");
    assert_eq!(history(&db).await.len(), kept, "what was refused left nothing behind");
    filling.set_len(0).unwrap();
    committed(db.commit(send("$after")).await.unwrap());
    assert_eq!(history(&db).await.len(), kept + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_ends_since_its_log_is_full_is_waited_for() {
    let Some(disk) = SmallDisk::mount(64) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    // The log's files take their room when they are written, and not before.
    let lazy = [("fsync", "off"), ("wal_init_zero", "off"), ("wal_recycle", "off"), ("min_wal_size", "32MB")];
    let server = Postgres::start(&lazy).await.unwrap();
    server.create_database("app").await.unwrap();
    server.stop().await;
    let (log, elsewhere) = (server.directory().join("data/pg_wal"), disk.0.path().join("pg_wal"));
    let moved = Command::new("mv").arg(&log).arg(&elsewhere).status().unwrap();
    assert!(moved.success());
    std::os::unix::fs::symlink(&elsewhere, &log).unwrap();
    server.start_again().await.unwrap();
    let db = open(&server.url("app")).await;
    create(&db).await;
    let filling = disk.fill();
    filling.set_len(filling.metadata().unwrap().len() - 300_000).unwrap();
    let mut kept = 1;
    let waiting = loop {
        assert!(kept < 10_000, "the disk is never full");
        let (db, commit) = (db.clone(), send(&format!("$m{kept}")));
        let mut sending = tokio::spawn(async move { db.commit(commit).await });
        match timeout(Duration::from_secs(2), &mut sending).await {
            Ok(outcome) => drop(committed(outcome.unwrap().expect("whether it stands is not known"))),
            Err(_) => break sending,
        }
        kept += 1;
    };
    server.kill().await;
    filling.set_len(0).unwrap();
    server.start_again().await.unwrap();
    committed(waiting.await.unwrap().unwrap());
    assert_eq!(history(&db).await.len(), kept + 1);
}

/// As a server does whose disk is full when it begins a session: the words are PostgreSQL's own, its code is the one it
/// has for what should not happen.
async fn refuse_session(mut connection: TcpStream) -> std::io::Result<()> {
    let asked = connection.read_u32().await?;
    connection.read_exact(&mut vec![0; asked as usize - 4]).await?;
    let said = b"SFATAL\0VFATAL\0CXX000\0Mcould not write init file\0\0";
    connection.write_u8(b'E').await?;
    connection.write_u32(4 + said.len() as u32).await?;
    connection.write_all(said).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_has_no_room_for_a_session_is_waited_for() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let (front, full) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicBool::new(false)));
    let url = format!("postgres://postgres@{}/app", front.local_addr().unwrap());
    tokio::spawn({
        let (full, server) = (full.clone(), server.addr());
        async move {
            while let Ok((mut connection, _)) = front.accept().await {
                let full = full.load(Relaxed);
                tokio::spawn(async move {
                    if full {
                        return refuse_session(connection).await;
                    }
                    let mut through = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut connection, &mut through).await.map(drop)
                });
            }
        }
    });
    let db = open(&url).await;
    create(&db).await;
    full.store(true, Relaxed);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'app'";
    server.sql("postgres", end).await.unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { db.commit(send("$waiting")).await }
    });
    assert!(matches!(db.heads().await, Err(Error::Unavailable)));
    assert!(!waiting.is_finished(), "it should wait: {:?}", waiting.await);
    full.store(false, Relaxed);
    committed(waiting.await.unwrap().unwrap());
    assert_eq!(history(&db).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_changed_under_way_stops_nothing_that_is_connected_and_heals() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.sql("postgres", "create role app login password 'old'").await.unwrap();
    server.sql("postgres", "create database app owner app").await.unwrap();
    let rules = server.directory().join("data/pg_hba.conf");
    let trusted = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all app 127.0.0.1/32 scram-sha-256\n{trusted}")).unwrap();
    server.sql("postgres", "select pg_reload_conf()").await.unwrap();
    let url = server.url("app").replace("postgres@", "app:old@");
    let db = open(&url).await;
    create(&db).await;
    server.sql("postgres", "alter role app password 'new'").await.unwrap();
    committed(db.commit(send("$connected")).await.unwrap());
    // New connections are refused, and what needs one waits for the operator.
    server
        .sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { db.commit(send("$waiting")).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished(), "it should wait: {:?}", waiting.await);
    server.sql("postgres", "alter role app password 'old'").await.unwrap();
    committed(waiting.await.unwrap().unwrap());
    let why = Db::open_postgres(&Config { url: url.replace(":old@", ":wrong@"), ..Config::default() }).await;
    let why = why.err().unwrap().to_string();
    assert!(why.contains("password authentication failed") && !why.contains("wrong"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_becomes_read_only_under_way_is_waited_for() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let db = open(&server.url("app")).await;
    create(&db).await;
    // As a server does that is no primary any more, or whose operator wants nothing to be written.
    server.sql("postgres", "alter database app set default_transaction_read_only = on").await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'app'";
    server.sql("postgres", end).await.unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { db.commit(send("$waiting")).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished(), "it should wait: {:?}", waiting.await);
    // Where there are several hosts, the one that takes writes is meant, and this one no longer is.
    assert!(matches!(db.heads().await, Err(Error::Unavailable)));
    server.sql("postgres", "alter database app reset default_transaction_read_only").await.unwrap();
    committed(waiting.await.unwrap().unwrap());
    assert_eq!(history(&db).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_slow_cut_off_or_silent_delays_commits_and_doubles_none() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let url = format!("postgres://postgres@{}/app", proxy.addr());
    let config = Config { url, shards: 1, statement_timeout_ms: 500, tcp_user_timeout_ms: 500, ..Config::default() };
    let db = Db::open_postgres(&config).await.unwrap();
    create(&db).await;
    let mut sent = 0;
    let mut burst = async |db: &Db| {
        let mut sends = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (db, commit) = (db.clone(), send(&format!("$m{sent}")));
            sends.spawn(async move { committed(db.commit(commit).await.unwrap()) });
            sent += 1;
        }
        sends.join_all().await;
    };
    proxy.delay(Duration::from_millis(30)).await.unwrap();
    burst(&db).await;
    proxy.delay(Duration::ZERO).await.unwrap();
    for cut in [Cut::Refuse, Cut::Blackhole] {
        proxy.cut(cut).await.unwrap();
        let (heal, db) = (proxy_heals(&proxy), &db);
        tokio::join!(heal, burst(db));
    }
    let history: Vec<_> = history(&db).await.into_iter().skip(1).map(|(_, _, id)| id).collect();
    let mut unique = history.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((history.len(), unique.len()), (60, 60));
    assert!(db.stats().repeats > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_accepts_and_is_silent_is_passed_over_once() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://postgres@{},{}/app", silent.local_addr().unwrap(), server.addr());
    let calls = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let calls = calls.clone();
        async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = silent.accept().await {
                open.push(stream);
                calls.fetch_add(1, Relaxed);
            }
        }
    });
    let config = Config { url, shards: 1, connect_timeout_ms: 300, ..Config::default() };
    let db = timeout(Duration::from_secs(10), Db::open_postgres(&config)).await.expect("it gets past it").unwrap();
    create(&db).await;
    assert_eq!(history(&db).await.len(), 1);
    assert!(db.stats().connects > 2, "to open it, to commit, and to read");
    assert_eq!(calls.load(Relaxed), 1, "the host that works is tried first from then on");
}

/// As [`Cut::Blackhole`] at the first of two hosts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_begins_to_hang_does_not_keep_commits_from_the_next_host() {
    let server = Postgres::start(&[("fsync", "off")]).await.unwrap();
    server.create_database("app").await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let url = format!("postgres://postgres@{},{}/app", proxy.addr(), server.addr());
    let config = Config { url, shards: 1, statement_timeout_ms: 500, tcp_user_timeout_ms: 500, ..Config::default() };
    let db = Db::open_postgres(&config).await.unwrap();
    create(&db).await;
    proxy.cut(Cut::Blackhole).await.unwrap();
    let commit = timeout(Duration::from_secs(10), db.commit(send("$a"))).await;
    committed(commit.expect("it goes on").unwrap());
    assert_eq!(history(&db).await.len(), 2);
}

async fn proxy_heals(proxy: &Proxy) {
    tokio::time::sleep(Duration::from_millis(700)).await;
    proxy.heal().await.unwrap();
}
