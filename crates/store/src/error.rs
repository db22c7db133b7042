//! What can go wrong below the rules: the caller decides what it means to a client.

use std::sync::Arc;

/// A failed read or write. Cheap to clone, since one failed batch answers many commands.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The disk or the database's quota is full. Nothing was written; reads go on.
    #[error("the storage is full")]
    Full,
    /// A statement did not change as many rows as it had to (its index in the write). Nothing was written.
    #[error("statement {0} did not find what it expects")]
    Expectation(usize),
    /// The room changed between the decision and the commit: decide again on its present state.
    #[error("the room's state has changed meanwhile")]
    Stale,
    /// The room is not in the store.
    #[error("no such room")]
    NoRoom,
    /// Too many writes wait for the disk; the caller should ask its client to come back later.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The database cannot be reached, or did not answer in time. A command's outcome is unknown.
    #[error("the database cannot be reached")]
    Unavailable,
    /// A text has a NUL character, which cannot be stored.
    #[error("a text with a NUL character cannot be stored")]
    Unstorable,
    /// The store was closed while the command waited. Its outcome is unknown.
    #[error("the store is closing")]
    Closed,
    /// A stored value is not of the type its column promises.
    #[error("column {column}: {message}")]
    Column {
        /// Index in the row.
        column: usize,
        /// What was found.
        message: String,
    },
    /// The store was made by a version that this one does not understand, or is in use.
    #[error("{0}")]
    Refused(String),
    /// Anything else the engine reports.
    #[error("database: {0}")]
    Database(Arc<str>),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error.to_string().into()),
        }
    }
}
