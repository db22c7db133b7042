//! The one binary of tests over real connections. A module per area, as in `api`.

mod account;
mod admin;
mod devices;
mod login;
mod profile;
mod rate_limits;
mod start;
mod surface;
mod user_directory;
