//! Accounts: making them, signing in to them, changing their password, closing them.

mod change_password;
mod deactivate;
mod login;
mod register;

pub use change_password::{PasswordChange, change_password};
pub(crate) use deactivate::finish_deactivations;
pub use deactivate::{Deactivation, deactivate};
pub use login::{Login, login};
pub use register::{Registration, available, register, registration_mode};
use ruma::{OwnedUserId, UserId};

use crate::{Chat, Error, Result, sessions::Tokens};

/// Bytes of a device id or a device's name.
const DEVICE_TEXT_LIMIT: usize = 255;

/// Who is signed in where.
pub struct SignedIn {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: String,
    /// Its tokens.
    pub tokens: Tokens,
}

/// The user of this server that a person means by a user id or the part of it before the colon. Capitals do not count:
/// there are none in the ids that this server gives out.
pub fn user_id_of(chat: &Chat, name: &str) -> Option<OwnedUserId> {
    let localpart = match name.strip_prefix('@') {
        Some(id) => id.split_once(':').filter(|(_, server)| *server == chat.server_name.as_str())?.0,
        None => name,
    };
    UserId::parse(format!("@{}:{}", localpart.to_ascii_lowercase(), chat.server_name)).ok()
}

fn device_id(chat: &Chat, wanted: Option<String>) -> Result<String> {
    match wanted {
        None => Ok(chat.env.random::<5>().iter().map(|byte| format!("{byte:02X}")).collect()),
        Some(id) if id.is_empty() || id.len() > DEVICE_TEXT_LIMIT || id.chars().any(char::is_control) => {
            Err(Error::invalid(format!("A device id has 1 to {DEVICE_TEXT_LIMIT} bytes and no control characters.")))
        }
        Some(id) => Ok(id),
    }
}

/// Checks the name of a device.
pub(crate) fn device_name(name: Option<String>) -> Result<Option<String>> {
    match name {
        Some(name) if name.len() > DEVICE_TEXT_LIMIT => {
            Err(Error::invalid(format!("A device's name has at most {DEVICE_TEXT_LIMIT} bytes.")))
        }
        name => Ok(name),
    }
}
