//! What the bus promises, on each implementation, and what it does when Redis fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod faults;
mod suite;
mod worlds;
