//! Brings the schema up to date when the store is opened, one file per step, never edited after it has shipped.

use rusqlite::Connection;

use crate::{
    dialect::{self, MIGRATIONS as STEPS},
    error::{Error, Result},
};

pub(crate) fn run(connection: &mut Connection) -> Result<()> {
    let done: i64 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(Error::Refused(format!(
            "the store has schema version {done}, this program knows {} at most: start the newer version again",
            STEPS.len()
        )));
    }
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(&dialect::sqlite_migration(step))?;
        if index == 0 {
            transaction.execute("insert into shard (shard, epoch, head) values (0, 1, 0)", [])?;
        }
        transaction.pragma_update(None, "user_version", (index + 1) as i64)?;
        transaction.commit()?;
    }
    Ok(())
}
