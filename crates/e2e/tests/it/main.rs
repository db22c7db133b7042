//! The one binary of tests over real connections. A module per area, as in `api`.

mod account;
mod admin;
mod bad_input;
mod crash;
mod devices;
mod directory;
mod filter;
mod full_disk;
mod leaving;
mod login;
mod media;
mod messages;
mod profile;
mod push_rules;
mod rate_limits;
mod reading;
mod rooms;
mod start;
mod state;
mod surface;
mod sync;
mod to_device;
mod user_data;
mod user_directory;
mod waiting;
mod websocket;
