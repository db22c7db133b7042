//! The one binary of tests over real connections. A module per area, as in `api`.

mod account;
mod admin;
mod crash;
mod devices;
mod filter;
mod full_disk;
mod login;
mod media;
mod messages;
mod profile;
mod push_rules;
mod rate_limits;
mod rooms;
mod start;
mod state;
mod surface;
mod user_directory;
