//! Following the logs and telling each device what is new to it.

mod audience;
pub mod changes;
pub(crate) mod follow;
pub(crate) mod hub;
mod moment;
mod past;
pub(crate) mod people;
pub mod position;
pub mod room_changes;
pub(crate) mod tail;
pub(crate) mod user;
