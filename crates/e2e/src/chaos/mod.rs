//! A cluster under load whose parts are broken one after the other, and a checker of everything that clients saw.
//!
//! Three nodes, PostgreSQL with a synchronous standby, Redis, nginx; each node with its own lines to them. Clients do
//! things through nginx, and follow over `/sync` and over WebSockets. Everything is recorded (`history.rs`) and checked at
//! the end (`check`), together with what stands in PostgreSQL and what each node says (`ending.rs`).
//!
//! What is done to nodes, PostgreSQL, Redis and the network, and how often, is a list in `faults.rs`; a seed decides. The
//! nodes' clocks are minutes apart. Nodes are also killed around a commit, a hint and an acknowledgement, without hooks in
//! them: a line loses what goes one way, so that something is done of which nobody hears, and then the node dies. A full
//! disk is not among the faults: the store's tests have it.

mod calls;
mod check;
mod client;
mod cluster;
mod ending;
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
