//! What the services promise, each on the real program.

mod orphans;
mod postgres;
mod redis;
mod replication;
