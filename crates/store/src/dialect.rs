//! The few places where the engines differ. Queries are written once, with `$1` parameters and the three column types.

use std::collections::BTreeMap;

use parking_lot::RwLock;

/// Turns a query of this crate into SQLite's: `$1` would be a *named* parameter there, `?1` is the first one.
///
/// Each query is a literal, so it is translated once and found by its address from then on.
pub(crate) fn sqlite(sql: &'static str) -> &'static str {
    static TRANSLATED: RwLock<BTreeMap<(usize, usize), &'static str>> = RwLock::new(BTreeMap::new());
    if !sql.contains('$') {
        return sql;
    }
    let key = (sql.as_ptr().addr(), sql.len());
    if let Some(translated) = TRANSLATED.read().get(&key) {
        return translated;
    }
    TRANSLATED.write().entry(key).or_insert_with(|| Box::leak(sql.replace('$', "?").into_boxed_str()))
}

/// The schema, step by step: its version is how many have run. A step is never edited after it has shipped.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/0001_log_rooms_accounts.sql"), include_str!("../migrations/0002_files.sql")];

/// Turns a migration of this crate into PostgreSQL's. Text is compared byte by byte, as in SQLite.
pub(crate) fn postgres_migration(sql: &str) -> String {
    sql.replace(") clustered;", ");").replace(" text", " text collate \"C\"")
}

/// Turns a migration of this crate into SQLite's.
pub(crate) fn sqlite_migration(sql: &str) -> String {
    sql.replace(") clustered;", ") without rowid;")
}

/// What a connection sets before its first use. NORMAL leaves it to the writer to sync the log before it acknowledges.
pub(crate) const SQLITE_PRAGMAS: &str = "
    pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 5000; pragma temp_store = memory;
    pragma cache_size = -16384; pragma mmap_size = 268435456; pragma wal_autocheckpoint = 4000; pragma foreign_keys = off;";
