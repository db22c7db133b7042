//! Chatbook's HTTP and WebSocket surface: a folder per area, a file per endpoint. Handlers extract, call `chat`, respond.

mod account;
mod error;
mod extract;
mod filter;
mod login;
mod router;
mod versions;

pub use router::router;
