//! A batch of commands as the arrays that `commit_batch.sql` takes, and its answer as what became of each.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
    sync::Arc,
};

use tokio_postgres::{Row, Statement, types::ToSql};

use super::pool::{self, Connection, Pool};
use crate::{
    command::{self, Answer, Append, Command, Failure, Fate, Order, Reply},
    db::Stmt,
    error::{Error, Result},
    log::{Commit, Committed, DAY_MS, Head, NewEvent, NewReceipt, Outcome, Record, RoomPart, Shard},
    replay,
    value::{Row as StoreRow, Value},
};

const SQL: &str = "select * from commit_batch_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
    $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45)";

/// What the connection is told first. A plan is kept for as long as it lives, from when the tables were small: it must go
/// by the keys from the start, and making it anew for each batch costs more than running it.
const PLANS: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_hashjoin = off;
    set enable_mergejoin = off";

/// Appends on a connection of its own, made when needed.
pub(super) struct Appender {
    pool: Arc<Pool>,
    connection: Option<(Connection, Statement)>,
}

impl Appender {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, connection: None }
    }

    async fn connect(&mut self) -> Result<&(Connection, Statement), tokio_postgres::Error> {
        let open = match self.connection.take() {
            Some(open) if !open.0.client.is_closed() => open,
            _ => {
                let mut connection = self.pool.connect().await?;
                connection.client.batch_execute(PLANS).await?;
                let statement = connection.prepare(SQL).await?;
                (connection, statement)
            }
        };
        Ok(self.connection.insert(open))
    }
}

impl Append for Appender {
    async fn append(&mut self, batch: &[Order<'_>]) -> Result<Reply, Failure> {
        let (silence, now) = (self.pool.silence(), self.pool.now());
        let attempt = async {
            let (connection, statement) = self.connect().await?;
            run(connection, statement, batch, now).await
        };
        let failure = match tokio::time::timeout(silence, attempt).await {
            Ok(Ok(row)) => return read(&row, batch).map_err(|error| Failure::Refused(error, None)),
            Ok(Err(error)) if !pool::is_passing(&error) => return Err(refused(error)),
            Ok(Err(error)) => pool::text(&error),
            Err(_) => "the database does not answer".to_owned(),
        };
        self.connection = None;
        Err(Failure::Unknown(failure))
    }

    async fn record(&self, shard: Shard, pos: i64) -> Result<Option<Record>> {
        let rows = self.pool.query(replay::SQL, &replay::params(shard, pos - 1, pos)).await?;
        let rows = rows.iter().map(|row| replay::read(&StoreRow::postgres(row))).collect::<Result<Vec<_>>>()?;
        Ok(replay::assemble(shard, rows)?.pop())
    }
}

/// What the function says of a statement that changed another number of rows than its command expects, or what else failed.
fn refused(error: tokio_postgres::Error) -> Failure {
    let said = error.as_db_error().filter(|said| said.code().code() == "CB001");
    let place = said.and_then(|said| said.message().split_once(' '));
    match place.map(|(command, statement)| (command.parse(), statement.parse())) {
        Some((Ok(command), Ok(statement))) => Failure::Refused(Error::Expectation(statement), Some(command)),
        _ => Failure::Refused(error.into(), None),
    }
}

/// The columns of a batch, in the order of the function's arguments.
#[derive(Default)]
struct Columns<'a> {
    shards: BTreeSet<Shard>,
    shard: Vec<i64>,
    ts: Vec<i64>,
    day: Vec<i64>,
    user: Vec<&'a str>,
    key: Vec<&'a [u8]>,
    logged: Vec<i64>,
    room: Vec<i64>,
    version: Vec<Option<&'a str>>,
    creator: Vec<Option<&'a str>>,
    decided: Vec<i64>,
    epoch: Vec<i64>,
    changes: Vec<Option<String>>,
    guards: Vec<i64>,
    events: Vec<i64>,
    writes: Vec<i64>,
    room_shards: Vec<i64>,
    rooms: Vec<&'a str>,
    g_type: Vec<&'a str>,
    g_state_key: Vec<&'a str>,
    g_seq: Vec<i64>,
    e_id: Vec<&'a str>,
    e_type: Vec<&'a str>,
    e_state_key: Vec<Option<&'a str>>,
    e_sender: Vec<&'a str>,
    e_device: Vec<Option<&'a str>>,
    e_txn: Vec<Option<&'a str>>,
    e_notifies: Vec<i64>,
    e_ts: Vec<i64>,
    e_json: Vec<&'a str>,
    r_command: Vec<i64>,
    r_user: Vec<&'a str>,
    r_kind: Vec<&'a str>,
    r_thread: Vec<&'a str>,
    r_event: Vec<&'a str>,
    r_nth: Vec<i64>,
    r_seq: Vec<i64>,
    r_count: Vec<i64>,
    r_ts: Vec<i64>,
    m_command: Vec<i64>,
    m_user: Vec<&'a str>,
    m_nth: Vec<i64>,
    w_sql: Vec<String>,
    w_params: Vec<String>,
    w_expect: Vec<i64>,
    known_rooms: HashMap<(Shard, &'a str), i64>,
}

/// Runs the batch on the connection.
async fn run(
    connection: &Connection,
    statement: &Statement,
    batch: &[Order<'_>],
    now: i64,
) -> Result<Row, tokio_postgres::Error> {
    let mut c = Columns::default();
    for order in batch {
        c.push(order, now);
    }
    let shards: Vec<_> = c.shards.iter().collect();
    let params: [&(dyn ToSql + Sync); 45] = [
        &shards,
        &c.shard,
        &c.ts,
        &c.day,
        &c.user,
        &c.key,
        &c.logged,
        &c.room,
        &c.version,
        &c.creator,
        &c.decided,
        &c.epoch,
        &c.changes,
        &c.guards,
        &c.events,
        &c.writes,
        &c.room_shards,
        &c.rooms,
        &c.g_type,
        &c.g_state_key,
        &c.g_seq,
        &c.e_id,
        &c.e_type,
        &c.e_state_key,
        &c.e_sender,
        &c.e_device,
        &c.e_txn,
        &c.e_notifies,
        &c.e_ts,
        &c.e_json,
        &c.r_command,
        &c.r_user,
        &c.r_kind,
        &c.r_thread,
        &c.r_event,
        &c.r_nth,
        &c.r_seq,
        &c.r_count,
        &c.r_ts,
        &c.m_command,
        &c.m_user,
        &c.m_nth,
        &c.w_sql,
        &c.w_params,
        &c.w_expect,
    ];
    connection.client.query_one(statement, &params).await
}

impl<'a> Columns<'a> {
    fn push(&mut self, order: &Order<'a>, now: i64) {
        let Order { shard, command, key } = *order;
        let number = self.ts.len() as i64 + 1;
        let commit = command.commit();
        let part = commit.and_then(|commit| commit.room.as_ref());
        let room = part.map_or(0, |part| self.room(shard, &part.room_id));
        let ts = commit.map_or(now, |commit| commit.ts);
        self.shards.insert(shard);
        self.shard.push(shard);
        self.ts.push(ts);
        self.day.push(ts / DAY_MS);
        self.user.push(&key.user_id);
        self.key.push(&key.key);
        self.logged.push(i64::from(commit.is_some()));
        self.room.push(room);
        let create = part.and_then(|part| part.create.as_ref());
        self.version.push(create.map(|(version, _)| version.as_str()));
        self.creator.push(create.map(|(_, creator)| creator.as_str()));
        self.decided.push(part.map_or(0, |part| part.decided_at));
        self.epoch.push(part.map_or(0, |part| part.epoch));
        let changes = commit.map(|commit| &commit.changes).filter(|changes| !changes.is_empty());
        self.changes.push(changes.and_then(|changes| serde_json::to_string(changes).ok()));
        self.guards.push(part.map_or(0, |part| part.guards.len() as i64));
        self.events.push(command.events().len() as i64);
        self.writes.push(command.writes().len() as i64);
        if let Some(part) = part {
            self.push_guards(part);
        }
        let first = self.e_id.len() as i64 + 1;
        command.events().iter().for_each(|event| self.push_event(event));
        if let Some(commit) = commit {
            self.push_common(commit, number, first);
        }
        for write in command.writes() {
            let (sql, params) = literal(write);
            self.w_sql.push(sql);
            self.w_params.push(params);
            self.w_expect.push(write.expect.map_or(-1, |rows| rows as i64));
        }
    }

    /// The room's index, counted from 1.
    fn room(&mut self, shard: Shard, room_id: &'a str) -> i64 {
        *self.known_rooms.entry((shard, room_id)).or_insert_with(|| {
            self.room_shards.push(shard);
            self.rooms.push(room_id);
            self.rooms.len() as i64
        })
    }

    fn push_guards(&mut self, part: &'a RoomPart) {
        for guard in &part.guards {
            self.g_type.push(&guard.kind);
            self.g_state_key.push(&guard.state_key);
            self.g_seq.push(guard.seq);
        }
    }

    fn push_event(&mut self, event: &'a NewEvent) {
        self.e_id.push(&event.event_id);
        self.e_type.push(&event.kind);
        self.e_state_key.push(event.state_key.as_deref());
        self.e_sender.push(&event.sender);
        self.e_device.push(event.txn.as_ref().map(|(device, _)| device.as_ref()));
        self.e_txn.push(event.txn.as_ref().map(|(_, txn)| txn.as_ref()));
        self.e_notifies.push(i64::from(event.notifies));
        self.e_ts.push(event.ts);
        self.e_json.push(event.json.get());
    }

    /// Receipts and mentions, which come with nearly every message. `first` is the index of the commit's first event.
    fn push_common(&mut self, commit: &'a Commit, number: i64, first: i64) {
        for receipt in &commit.receipts {
            let (user, kind, thread, event, nth, seq, count, ts): (&str, &str, &str, &str, _, _, _, _) = match receipt {
                NewReceipt::Read(r) => (&r.user_id, &r.kind, &r.thread, &r.event_id, 0, r.seq, r.count, r.ts),
                NewReceipt::Own { user_id, n } => (user_id, "own", "", "", first + *n as i64, 0, 0, commit.ts),
            };
            self.r_command.push(number);
            self.r_user.push(user);
            self.r_kind.push(kind);
            self.r_thread.push(thread);
            self.r_event.push(event);
            self.r_nth.push(nth);
            self.r_seq.push(seq);
            self.r_count.push(count);
            self.r_ts.push(ts);
        }
        for mention in &commit.mentions {
            self.m_command.push(number);
            self.m_user.push(&mention.user_id);
            self.m_nth.push(first + mention.n as i64);
        }
    }
}

/// A statement for `execute … using params text[], pos bigint, seqs bigint[], counts bigint[]`, and its parameters as the
/// text of an array.
fn literal(statement: &Stmt) -> (String, String) {
    let mut sql = String::with_capacity(statement.sql.len() + 64);
    let mut rest = statement.sql;
    while let Some((before, after)) = rest.split_once('$') {
        sql.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = after[..digits].parse().unwrap_or(0);
        let value = number.checked_sub(1).and_then(|index| statement.params.get(index)).unwrap_or(&Value::Null);
        match value {
            Value::Null => sql.push_str("null"),
            Value::Int(_) => write!(sql, "($1[{number}])::bigint").unwrap_or_default(),
            Value::Text(_) => write!(sql, "$1[{number}]").unwrap_or_default(),
            Value::Blob(_) => write!(sql, "decode($1[{number}], 'hex')").unwrap_or_default(),
            Value::Pos => sql.push_str("$2"),
            Value::Seq(n) => write!(sql, "$3[{}]", n + 1).unwrap_or_default(),
            Value::Count(n) => write!(sql, "$4[{}]", n + 1).unwrap_or_default(),
        }
        rest = &after[digits..];
    }
    sql.push_str(rest);
    let values: Vec<String> = statement.params.iter().map(array_element).collect();
    (sql, format!("{{{}}}", values.join(",")))
}

fn array_element(value: &Value) -> String {
    match value {
        Value::Int(v) => v.to_string(),
        Value::Text(v) => format!("\"{}\"", v.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::Blob(v) => {
            let hex = v.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap_or_default();
                hex
            });
            // In quotes, for one without bytes is an element too.
            format!("\"{hex}\"")
        }
        Value::Null | Value::Pos | Value::Seq(_) | Value::Count(_) => "null".to_owned(),
    }
}

/// Reads the function's answer.
fn read(row: &Row, batch: &[Order<'_>]) -> Result<Reply> {
    let statuses: Vec<&str> = row.try_get("c_status")?;
    let positions: Vec<Option<i64>> = row.try_get("c_pos")?;
    let answers: Vec<Option<&str>> = row.try_get("c_answer")?;
    let seqs: Vec<Option<i64>> = row.try_get("e_seq")?;
    let counts: Vec<Option<i64>> = row.try_get("e_count")?;
    let rows: Vec<Option<i64>> = row.try_get("w_rows")?;
    let (mut event, mut statement) = (0, 0);
    let epochs: Vec<i64> = row.try_get("epochs")?;
    let heads: Vec<i64> = row.try_get("heads")?;
    let (mut fates, mut segments) = (Vec::with_capacity(batch.len()), Vec::new());
    for (index, Order { shard, command, .. }) in batch.iter().enumerate() {
        let pos = positions.get(index).copied().flatten().unwrap_or(0);
        let fate = match (statuses.get(index).copied(), command) {
            (Some("new"), Command::Write(statements)) => {
                let rows = rows.iter().skip(statement).take(statements.len());
                Fate::Done(Answer::Write(rows.map(|rows| rows.unwrap_or(0) as usize).collect()))
            }
            (Some("new"), Command::Commit(commit)) => {
                let numbers = seqs.iter().zip(&counts).skip(event).map(|(seq, count)| seq.zip(*count));
                let record = Arc::new(command::record(pos, commit, numbers));
                let epoch = epochs.get(*shard as usize).copied().unwrap_or(0);
                command::push_record(&mut segments, epoch, record.clone());
                Fate::Done(Answer::Commit(Outcome::Committed(record)))
            }
            (Some("done"), _) => {
                let answer = answers.get(index).copied().flatten().unwrap_or_default();
                Fate::Before { pos, answer: answer.to_owned() }
            }
            (Some("stale"), _) => Fate::Refused(Error::Stale),
            (Some("no room"), _) => Fate::Refused(Error::NoRoom),
            (other, _) => return Err(Error::Database(format!("commit_batch answered {other:?}").into())),
        };
        fates.push(fate);
        event += command.events().len();
        statement += command.writes().len();
    }
    let heads = epochs.into_iter().zip(heads).map(|(epoch, pos)| Head { epoch, pos }).collect();
    Ok(Reply { fates, committed: Committed { segments, heads } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn a_statement_is_rewritten_for_execute() {
        let statement = Stmt::new(
            "insert into t values ($1, $2, $3, $4, $5, $6) where a = $1",
            params![7, "say \"hi\" \\", Value::Null, vec![0xab_u8, 1], Value::Pos, Value::Seq(1)],
        );
        let (sql, params) = literal(&statement);
        assert_eq!(
            sql,
            "insert into t values (($1[1])::bigint, $1[2], null, decode($1[4], 'hex'), $2, $3[2]) where a = ($1[1])::bigint"
        );
        assert_eq!(params, r#"{7,"say \"hi\" \\",null,"ab01",null,null}"#);
    }
}
