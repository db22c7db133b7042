//! A cluster under load whose parts are broken one after the other, and a checker of everything that clients saw.
//!
//! Three nodes, PostgreSQL with a synchronous standby, Redis, nginx; each node with its own lines to them. Clients do
//! things through nginx, and follow over `/sync` and over WebSockets. Everything is recorded (`history.rs`) and checked at
//! the end (`check`), together with what stands in PostgreSQL and what each node says (`ending.rs`).
//!
//! What is done to nodes, PostgreSQL, Redis and the network, and how often, is a list in `faults`; a seed decides. The
//! nodes' clocks are minutes apart. Nodes also die and freeze exactly around a commit, a hint and an acknowledgement: a file
//! tells them to (`fail_point.rs`). A node that ends by itself, fails while it stops, or panics is a violation like any
//! other. Each PostgreSQL server has a small disk of its own, in memory, which can be full; who is not root has none.

mod calls;
mod check;
mod client;
mod cluster;
mod database;
mod disk;
mod ending;
mod fail_point;
mod faults;
mod follower;
mod history;
mod node;
mod random;
mod report;
mod run;
mod world;

pub use report::Report;
pub use run::{Options, run};
