//! The services around a cluster (PostgreSQL, Redis, nginx, HAProxy) for tests and for a cluster on one machine: started
//! from Debian's packages, broken on purpose, and ended.
//!
//! Each service keeps its files in a temporary directory of its own and listens on a free port of 127.0.0.1, so any
//! number of them run side by side, whatever else the machine runs. (`start_in` gives it a directory that stays, or that
//! goes with a [`Scratch`].) A service ends with its value, and also with the
//! process that started it, whichever way that dies (`watcher.sh`).
//!
//! Every method takes `&self`, so a service can be shared, and be broken while others use it. A service may be held in a
//! `static` and used from one runtime after another. A [`Proxy`] alone lives in the runtime that started it.

mod balancer;
mod command;
mod daemon;
mod directory;
mod error;
mod port;
mod postgres;
mod process;
mod programs;
mod proxy;
mod redis;
mod scratch;
mod service;
mod tree;

pub use balancer::{Haproxy, Nginx};
pub use daemon::Daemon;
pub use error::Error;
pub use port::Port;
pub use postgres::Postgres;
pub use programs::missing;
pub use proxy::{Cut, Proxy};
pub use redis::{Redis, RedisCluster, Sentinel};
pub use scratch::Scratch;
