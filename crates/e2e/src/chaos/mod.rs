//! A cluster under load whose parts are broken one after the other, and a checker of everything that clients saw.
//!
//! Three nodes, PostgreSQL with a synchronous standby, Redis, nginx; each node with its own lines to them. Clients do
//! things through nginx, and follow over `/sync` and over WebSockets. Everything is recorded ([`history`]) and checked at
//! the end ([`check`]), together with what stands in PostgreSQL and what each node says ([`ending`]).

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
