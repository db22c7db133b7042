//! Everything Chatbook keeps on disk: the commit log with its projections, and accounts.
//!
//! Only this crate knows SQL. A file per table family holds the rows, their queries and the tests of both.

pub mod accounts;
mod append;
mod db;
mod dialect;
mod error;
pub mod filters;
pub mod identity;
pub mod log;
mod migrations;
mod value;
mod writer;

pub use db::{Db, Follower, Stmt};
pub use error::{Error, Result};
pub use value::{FromColumn, Row, Value};
pub use writer::Snapshot as WriterStats;
