//! What the bus promises, on each implementation, and what it does when Redis fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod cluster;
mod faults;
mod load;
mod logs;
mod sentinel;
mod suite;
mod worlds;
