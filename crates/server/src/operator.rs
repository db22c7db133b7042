//! What an operator asks of a store without starting a server: is it set up well, who serves it, begin a new epoch.

use std::{fmt::Write, path::PathBuf, time::Duration};

use bus::Bus;
use chat::cluster::{
    others,
    report::{self, Node},
};
use clap::{Args, Subcommand};
use media::Storage;
use store::{Db, postgres::durability};

use crate::{
    cli::{environment, print},
    config::{self, Own, Sources},
    running,
};

/// How long Redis may take to answer a first time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which store. Options override the environment (`CHATBOOK_SECTION__KEY`), which overrides the file.
#[derive(Args)]
pub(crate) struct Which {
    /// The file that the nodes are started with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Store {
    /// Begins a new epoch: run it after restoring a backup, before any node is started again
    BumpEpoch(Which),
}

impl Which {
    fn settings(self) -> Result<Own, String> {
        let sources = Sources { file: self.config, environment: environment(), options: Vec::new() };
        Ok(config::load(&sources).map_err(|error| error.to_string())?.own)
    }

    /// Opens the PostgreSQL store that the settings name, to look at it.
    async fn open(self) -> Result<(Own, Db), String> {
        let settings = self.settings()?;
        if settings.postgres.url.is_empty() {
            return Err(
                "postgres.url is empty: this is about a store on PostgreSQL, and SQLite has nothing of it".into()
            );
        }
        let db = look(&settings).await?;
        Ok((settings, db))
    }
}

/// Opens the PostgreSQL store as it is: who looks makes no store, and brings none up to date.
async fn look(settings: &Own) -> Result<Db, String> {
    Db::open_existing_postgres(&settings.postgres).await.map_err(|error| error.to_string())
}

/// Begins a new epoch in every shard.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn store(command: Store) -> Result<(), String> {
    let Store::BumpEpoch(which) = command;
    let settings = which.settings()?;
    let data = settings.server.data.display();
    let opened = match settings.postgres.url.is_empty() {
        true if !settings.server.data.join("chatbook.db").exists() => {
            return Err(format!("there is no store in {data}: name the right one (--config FILE, or server.data)"));
        }
        true => Db::open_sqlite(&settings.server.data),
        false if !store::postgres::has_store(&settings.postgres).await.map_err(|error| error.to_string())? => {
            return Err("the database has no store yet: restore it first, or name the right one (postgres.url)".into());
        }
        false => Db::open_postgres(&settings.postgres).await,
    };
    let db = opened.map_err(|error| error.to_string())?;
    db.bump_epoch().await.map_err(|error| error.to_string())?;
    let heads = db.heads().await.map_err(|error| error.to_string())?;
    let epoch = heads.first().map_or(0, |head| head.epoch);
    print(&format!("Epoch {epoch} begins in {} shards. Nodes that run begin again from the database.\n", heads.len()));
    db.close().await;
    Ok(())
}

/// Says whether the services are set up so that nothing acknowledged is lost. Fails if they are not.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn check(which: Which) -> Result<(), String> {
    let settings = which.settings()?;
    if settings.postgres.url.is_empty() {
        let data = settings.server.data.display();
        print(&format!(
            "ok    one node, SQLite in {data}: what is acknowledged is on this disk, and lost with it. Back it up\n"
        ));
        return Ok(());
    }
    let db = look(&settings).await?;
    let connections = settings.postgres.most_connections(db.shards());
    let mut findings = durability::check(&db, connections).await.map_err(|error| error.to_string())?;
    findings.push(redis(&settings).await?);
    findings.push(files(&settings, &db).await?);
    db.close().await;
    let mut out = String::new();
    for finding in &findings {
        writeln!(out, "{:5} {}", if finding.good { "ok" } else { "WARN" }, finding.what).unwrap_or_default();
    }
    print(&out);
    match findings.iter().filter(|finding| !finding.good).count() {
        0 => Ok(()),
        n => Err(format!("{n} of {} points want attention", findings.len())),
    }
}

async fn files(settings: &Own, db: &Db) -> Result<durability::Finding, String> {
    let dir = running::media_dir(settings);
    let kept = store::identity::files(db).await.map_err(|error| error.to_string())?;
    let Some(kept) = kept else {
        let what = "no node has marked the directory of the files yet: the first one that is started does".to_owned();
        return Ok(durability::Finding { good: true, what });
    };
    // Who looks makes no directory.
    let found = match dir.is_dir() {
        true => async { Storage::local(&dir)?.marked().await }.await,
        false => Ok(None),
    };
    Ok(match found {
        Ok(Some(mark)) if mark == kept => {
            durability::Finding { good: true, what: format!("the files are in {}", dir.display()) }
        }
        Ok(found) => durability::Finding { good: false, what: running::foreign_files(&dir, found.as_deref(), &kept) },
        Err(error) => {
            let what = format!("server.data: {} cannot be read: {error}", dir.display());
            durability::Finding { good: false, what }
        }
    })
}

async fn redis(settings: &Own) -> Result<durability::Finding, String> {
    let found = |good, what: &str| durability::Finding { good, what: what.to_owned() };
    if settings.redis.urls.is_empty() {
        return Ok(found(
            false,
            "there is no Redis: nodes look at the database several times a second instead. Set redis.urls",
        ));
    }
    let bus = Bus::redis(&settings.redis, "check").map_err(|error| error.to_string())?;
    let mut healthy = bus.healthy();
    let answers = tokio::time::timeout(PATIENCE, healthy.wait_for(|healthy| *healthy)).await.is_ok();
    let what = match (answers, bus.trouble()) {
        (true, _) => "Redis answers".to_owned(),
        (false, why) => {
            let why = if why.is_empty() { "it does not answer".to_owned() } else { why };
            format!(
                "Redis cannot be used ({why}): nodes go on without it, and messages between them take a little longer"
            )
        }
    };
    Ok(durability::Finding { good: answers, what })
}

/// Shows the nodes that serve the store.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn status(which: Which) -> Result<(), String> {
    let (_, db) = which.open().await?;
    let status = report::of_store(&db, &chat::Env::system()).await.map_err(|error| error.to_string())?;
    let now = status.now;
    db.close().await;
    let row =
        [["node", "address", "version", "state", "seen", "streams", "people", "behind", "redis"].map(str::to_owned)];
    let rows: Vec<_> = row.into_iter().chain(status.nodes.iter().map(|node| row_of(node, now))).collect();
    let mut out = table(&rows);
    let shards =
        status.shards.iter().enumerate().map(|(shard, (epoch, pos))| format!("{shard}: {pos} (epoch {epoch})"));
    writeln!(out, "\nshards   {}", shards.collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let alive: Vec<_> = status.nodes.into_iter().filter(|node| node.alive).collect();
    for line in others::disagreements(&alive) {
        writeln!(out, "WARN     {line}").unwrap_or_default();
    }
    print(&out);
    Ok(())
}

fn row_of(node: &Node, now: i64) -> [String; 9] {
    let seen = format!("{} s ago", (now - node.seen_ts).max(0) / 1000);
    let Some(report) = &node.report else {
        let unknown = || "?".to_owned();
        return [
            node.node_id.clone(),
            unknown(),
            unknown(),
            unknown(),
            seen,
            unknown(),
            unknown(),
            unknown(),
            unknown(),
        ];
    };
    let state = match (node.alive, report.draining) {
        (false, _) => "silent",
        (true, true) => "stopping",
        (true, false) => "ready",
    };
    let redis = match report.redis {
        None => "-",
        Some(true) => "yes",
        Some(false) => "away",
    };
    [
        node.node_id.clone(),
        report.address.clone(),
        report.version.clone(),
        state.to_owned(),
        seen,
        report.streams.to_string(),
        report.people.to_string(),
        report.lags.iter().sum::<i64>().to_string(),
        redis.to_owned(),
    ]
}

/// Columns as wide as what stands in them.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
