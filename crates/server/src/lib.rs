//! Starting and stopping a Chatbook server. The binary `chatbook` is a shell around this.

mod cli;
mod config;
mod running;

pub use cli::main;
pub use config::{Server, Settings};
pub use running::{Running, StartError, start};
