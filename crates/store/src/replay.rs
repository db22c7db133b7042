//! Reading the log back, as its followers saw it.

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    events,
    log::{Change, Event, Record, Shard},
    params,
    value::{Row, Value},
};

/// A row: the position, an event of the commit or nothing, its changes.
pub(crate) type LogRow = (i64, Option<Arc<Event>>, Option<String>);

pub(crate) const SQL: &str = "
    select e.room_id, e.seq, e.pos, e.event_id, e.type, e.state_key, e.sender, e.device_id, e.txn_id, e.count, e.ts, e.json,
           l.pos, l.changes
    from log l left join event e
      on e.shard = l.shard and e.room_id = l.room_id and e.seq >= l.seq and e.seq < l.seq + l.events
    where l.shard = $1 and l.pos > $2 and l.pos <= $3 order by l.pos, e.seq";

pub(crate) fn params(shard: Shard, after: i64, to: i64) -> Vec<Value> {
    params![shard, after, to]
}

pub(crate) fn read(row: &Row<'_>) -> Result<LogRow> {
    let event = row.get::<Option<i64>>(1)?.map(|_| events::read(row)).transpose()?;
    Ok((row.get(12)?, event, row.get(13)?))
}

pub(crate) fn assemble(shard: Shard, rows: Vec<LogRow>) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    for (pos, event, changes) in rows {
        if records.last().is_none_or(|record| record.pos != pos) {
            records.push(Record { shard, pos, events: Vec::new(), changes: read_changes(changes.as_deref())? });
        }
        if let Some(record) = records.last_mut() {
            record.events.extend(event);
        }
    }
    Ok(records)
}

fn read_changes(json: Option<&str>) -> Result<Vec<Change>> {
    let changes = json.map(serde_json::from_str).transpose();
    changes.map(Option::unwrap_or_default).map_err(|e| Error::Database(format!("a log row is damaged: {e}").into()))
}
