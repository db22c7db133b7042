//! The store's suite, through its public door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod ailing;
mod engines;
mod identity;
mod log;
mod nodes;
mod postgres;
mod sqlite;
