//! Starting and stopping a Chatbook server. The binary `chatbook` is a shell around this.

mod cli;
mod cluster;
mod config;
mod operator;
mod running;
mod telemetry;
mod web;

pub use cli::{main, main_with};
pub use config::Settings;
pub use running::{Running, StartError, start, start_with};
