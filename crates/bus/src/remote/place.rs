//! Where to connect: to the server itself, to the master that sentinels name, or to the node of a Redis Cluster at which
//! the cluster's keys stand.

use futures_util::{FutureExt, future::BoxFuture, future::select_ok};
use redis::{Cmd, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, Value, cmd, from_redis_value};

use super::{connection, names::Names};
use crate::config::{ConfigError, Mode, Redis};

/// How to find the server that counts.
pub(super) enum Place {
    /// It is this one.
    Single(ConnectionInfo),
    /// The sentinels know.
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String },
    /// Every node knows.
    Cluster { nodes: Vec<ConnectionInfo>, key: String },
}

/// Where to connect now.
pub(super) struct Found {
    /// The server that counts.
    pub(super) best: ConnectionInfo,
    /// Those that pass messages on too while it is away: in a Redis Cluster every node does. Values they do not keep.
    pub(super) others: Vec<ConnectionInfo>,
}

impl Place {
    pub(super) fn new(config: &Redis, names: &Names) -> Result<Place, ConfigError> {
        let mut servers = config.servers()?;
        Ok(match config.mode {
            Mode::Single => Place::Single(servers.pop().ok_or(ConfigError::NoUrl)?),
            Mode::Sentinel => Place::Sentinel { sentinels: servers, master: config.sentinel_master.clone() },
            Mode::Cluster => Place::Cluster { nodes: servers, key: names.any_key().to_owned() },
        })
    }

    /// Whether the answer can change.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Place::Single(_))
    }

    /// Asks everyone at once and takes the first answer.
    pub(super) async fn find(&self) -> Result<Found, String> {
        let (questions, others): (Vec<BoxFuture<'_, _>>, &[ConnectionInfo]) = match self {
            Place::Single(server) => return Ok(Found { best: server.clone(), others: Vec::new() }),
            Place::Sentinel { sentinels, master } => {
                (sentinels.iter().map(|at| master_at(at, master).boxed()).collect(), &[])
            }
            Place::Cluster { nodes, key } => (nodes.iter().map(|at| owner_at(at, key).boxed()).collect(), nodes),
        };
        let (best, _) = select_ok(questions).await?;
        Ok(Found { best, others: others.to_vec() })
    }
}

/// Who is the master, according to one sentinel, and only if it agrees.
async fn master_at(sentinel: &ConnectionInfo, master: &str) -> Result<ConnectionInfo, String> {
    let question = cmd("SENTINEL").arg("get-master-addr-by-name").arg(master).take();
    // Sentinels have users of their own, mostly none.
    let nobody = sentinel.clone().set_redis_settings(RedisConnectionInfo::default());
    let somebody = sentinel.clone().set_redis_settings(sentinel.redis_settings().clone().set_db(0));
    let answer = match answer(nobody, &question).await {
        Ok(answer) => answer,
        Err(_) if sentinel.redis_settings().password().is_some() => self::answer(somebody, &question).await?,
        Err(error) => return Err(error),
    };
    let address: Option<(String, u16)> = from_redis_value(answer).map_err(|error| error.to_string())?;
    let (host, port) = address.ok_or_else(|| format!("the sentinels know no master {master:?}"))?;
    let server = sentinel.clone().set_addr(ConnectionAddr::Tcp(host, port));
    let role = answer_to_role(server.clone()).await?;
    if role == "master" { Ok(server) } else { Err(format!("{} is not a master yet", server.addr())) }
}

async fn answer_to_role(server: ConnectionInfo) -> Result<String, String> {
    let role: Vec<Value> = from_redis_value(answer(server, &cmd("ROLE")).await?).map_err(|error| error.to_string())?;
    let role = role.into_iter().next().unwrap_or(Value::Nil);
    from_redis_value(role).map_err(|error| error.to_string())
}

/// Who has the key, according to one node of a Redis Cluster.
async fn owner_at(node: &ConnectionInfo, key: &str) -> Result<ConnectionInfo, String> {
    let mut connection = connection::ask(node.clone()).await?;
    let mut questions = redis::pipe();
    questions.cmd("CLUSTER").arg("KEYSLOT").arg(key).cmd("CLUSTER").arg("SLOTS");
    let (slot, ranges): (u64, Vec<Vec<Value>>) =
        questions.query_async(&mut connection).await.map_err(|error| error.to_string())?;
    let owner = ranges.into_iter().find_map(|range| master_of(range, slot));
    let (host, port) = owner.ok_or_else(|| "no node of the Redis Cluster has our keys".to_owned())?;
    Ok(match host {
        Some(host) => node.clone().set_addr(ConnectionAddr::Tcp(host, port)),
        // A node that does not know its own address stands where we asked it.
        None => node.clone(),
    })
}

/// The master of a range as CLUSTER SLOTS shows it (first slot, last slot, master, replicas …), if the slot is in it.
fn master_of(range: Vec<Value>, slot: u64) -> Option<(Option<String>, u16)> {
    let mut parts = range.into_iter();
    let first: u64 = from_redis_value(parts.next()?).ok()?;
    let last: u64 = from_redis_value(parts.next()?).ok()?;
    let master: Vec<Value> = from_redis_value(parts.next()?).ok()?;
    let mut master = master.into_iter();
    let host: Option<String> = from_redis_value(master.next()?).ok()?;
    let port: u16 = from_redis_value(master.next()?).ok()?;
    (first..=last).contains(&slot).then_some((host.filter(|host| !host.is_empty()), port))
}

async fn answer(server: ConnectionInfo, question: &Cmd) -> Result<Value, String> {
    let mut connection = connection::ask(server).await?;
    question.query_async(&mut connection).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: Value) -> Vec<Value> {
        let master = Value::Array(vec![host, Value::Int(7000), Value::SimpleString("id".into())]);
        vec![Value::Int(first), Value::Int(last), master]
    }

    #[test]
    fn the_master_of_a_slot_is_read_from_the_ranges() {
        let host = Value::BulkString(b"10.0.0.1".to_vec());
        assert_eq!(master_of(range(0, 99, host.clone()), 99), Some((Some("10.0.0.1".into()), 7000)));
        assert_eq!(master_of(range(0, 99, host), 100), None);
        assert_eq!(master_of(range(0, 99, Value::Nil), 5), Some((None, 7000)));
        assert_eq!(master_of(vec![Value::Int(1)], 1), None);
    }
}
