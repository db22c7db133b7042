//! Everything Chatbook keeps on disk: the commit log with its projections, and accounts.
//!
//! Only this crate knows SQL. A file per table family holds the rows, their queries and the tests of both.

pub mod account_data;
pub mod accounts;
mod batcher;
mod command;
mod db;
mod dialect;
pub mod directory;
mod doors;
mod epoch;
mod error;
pub mod events;
#[cfg(feature = "fail-points")]
pub mod fail_point;
#[cfg(not(feature = "fail-points"))]
mod fail_point;
pub mod filters;
pub mod identity;
pub mod log;
pub mod media;
pub mod nodes;
pub mod postgres;
pub mod profiles;
mod queue;
pub mod receipts;
mod replay;
pub mod rooms;
#[cfg(feature = "simulation")]
pub mod simulation;
mod sqlite;
mod stats;
pub mod to_device;
pub mod user_rooms;
mod value;

pub use db::{Db, Follower, Stmt};
pub use epoch::GAP as EPOCH_GAP;
pub use error::{Error, Result};
pub use stats::{APPEND_BUCKETS_US, Snapshot as Stats};
pub use value::{Column, FromColumn, Row, Value};
