//! What the nodes of a cluster tell each other, over Redis or Valkey (alone, behind Sentinel, or a Cluster), or inside
//! one process for tests.
//!
//! **Invariant: the bus is only a hint.** Messages may be lost, repeated or reordered, and Redis may die or forget
//! everything: that changes latency and nothing else. So nothing here blocks its caller or fails to it: what does not fit
//! is dropped and counted, and a connection that breaks is made again for ever.
//!
//! Only this crate knows Redis. It knows nothing of what it carries.

mod bus;
mod config;
mod in_process;
mod node;
mod queue;
mod remote;

pub use bus::{Bus, Unavailable};
pub use config::{ConfigError, Mode, Redis};
pub use in_process::Exchange;
pub use node::{Stats, Subscription};
