//! Whether a PostgreSQL server is set up so that no acknowledged message is lost.

use crate::{db::Db, error::Result, params};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it has to be.
    pub good: bool,
    /// A sentence for the operator: what is so, what follows, what to do.
    pub what: String,
}

fn good(what: impl Into<String>) -> Finding {
    Finding { good: true, what: what.into() }
}

fn bad(what: impl Into<String>) -> Finding {
    Finding { good: false, what: what.into() }
}

/// Reads the settings of the running server that decide what a crash, a power cut or a lost machine costs. `connections`
/// is how many one node makes.
pub async fn check(db: &Db, connections: usize) -> Result<Vec<Finding>> {
    let setting = async |name: &str| -> Result<String> {
        let sql = "select setting from pg_settings where name = $1";
        Ok(db.query_opt(sql, params![name], |row| row.get::<String>(0)).await?.unwrap_or_default())
    };
    let mut findings = vec![good(format!("PostgreSQL {}", setting("server_version").await?))];
    findings.push(match setting("fsync").await?.as_str() {
        "on" => good("fsync is on: what is committed is on disk"),
        _ => bad("fsync is off: a power cut can lose and damage everything. Set fsync = on"),
    });
    findings.push(match setting("full_page_writes").await?.as_str() {
        "on" => good("full_page_writes is on: a page torn by a power cut is repaired"),
        _ => bad("full_page_writes is off: a power cut can damage pages for good. Set full_page_writes = on"),
    });
    let waits = setting("synchronous_commit").await?;
    findings.push(match waits.as_str() {
        "on" | "remote_apply" => good(format!("synchronous_commit is {waits}: commits wait for the disk")),
        "off" => {
            bad("synchronous_commit is off: a crash loses the last acknowledged messages. Set synchronous_commit = on")
        }
        _ => bad(format!("synchronous_commit is {waits}: a failover can lose acknowledged messages. Set it to on")),
    });
    findings.push(standbys(db, &setting("synchronous_standby_names").await?).await?);
    let (most, reserved) = (setting("max_connections").await?, setting("superuser_reserved_connections").await?);
    let most = most.parse::<usize>().unwrap_or(0).saturating_sub(reserved.parse().unwrap_or(0));
    let nodes = most / connections.max(1);
    let what =
        format!("max_connections leaves {most} to use, and a node makes up to {connections}: enough for {nodes} nodes");
    findings.push(if nodes >= 3 { good(what) } else { bad(format!("{what}. Raise max_connections")) });
    Ok(findings)
}

async fn standbys(db: &Db, names: &str) -> Result<Finding> {
    if names.trim().is_empty() {
        return Ok(bad(
            "there is no synchronous standby: if this machine is lost, so are the messages that it acknowledged last. Set up \
             two standbys and synchronous_standby_names = 'ANY 1 (first, second)', so that either can fail",
        ));
    }
    let sql = "select count(*) from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')";
    let streaming = db.query_opt(sql, params![], |row| row.get::<i64>(0)).await?.unwrap_or(0);
    let hidden = "select count(*) from pg_stat_replication where state is null";
    if db.query_opt(hidden, params![], |row| row.get::<i64>(0)).await?.unwrap_or(0) > 0 {
        return Ok(bad(format!(
            "synchronous_standby_names is {names}, but whether one is connected is not for this user to see: grant it the \
             role pg_monitor"
        )));
    }
    Ok(match streaming {
        0 => bad(format!("synchronous_standby_names is {names}, but none of them is connected: commits wait for ever")),
        1 => bad(format!(
            "synchronous_standby_names is {names}, and one of them is connected: nothing acknowledged is lost with this \
             machine, but if the standby fails, commits wait until it is back. A second one lets either fail"
        )),
        n => good(format!("synchronous_standby_names is {names}, and {n} of them are connected")),
    })
}
