//! Chatbook's HTTP and WebSocket surface: a folder per area, a file per endpoint. Handlers extract, call `chat`, respond.

mod account;
mod addresses;
mod admin;
mod devices;
mod directory;
mod error;
mod event;
mod extract;
mod filter;
mod health;
mod login;
mod media;
mod messages;
mod metrics;
mod profile;
mod push_rules;
mod rooms;
mod router;
mod serve;
mod surface;
mod sync;
mod user_data;
mod user_directory;
mod versions;
mod web;
mod well_known;

pub use addresses::Network;
pub use metrics::{Metrics, metrics_router};
pub use router::router;
pub use serve::serve;
pub use surface::{Surface, app};
pub use web::Asset;
