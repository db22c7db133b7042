//! Users, their devices, the sessions of the devices, and the tokens that let people register.

pub mod devices;
pub mod directory;
pub mod registration_tokens;
pub mod sessions;
pub mod users;

pub use sessions::{SessionRow, session};
