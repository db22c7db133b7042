//! Chatbook's HTTP and WebSocket surface: a folder per area, a file per endpoint. Handlers extract, call `chat`, respond.

mod account;
mod admin;
mod devices;
mod error;
mod extract;
mod filter;
mod login;
mod profile;
mod router;
mod user_directory;
mod versions;

pub use router::router;
