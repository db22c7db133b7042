//! Rooms: what they are in memory, what may be done to them, what may be read of them.

pub(crate) mod auth_rules;
pub mod create;
pub mod directory;
mod load;
pub mod membership;
pub mod read;
pub mod redact;
pub(crate) mod room;
pub mod send;
pub(crate) mod visibility;

pub(crate) use load::Rooms;
pub use room::Room;
