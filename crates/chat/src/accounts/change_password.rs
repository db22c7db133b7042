//! Changing one's password.

use serde::Deserialize;
use store::accounts::users;

use crate::{
    Chat, Error, Result,
    devices::{self, Gone},
    passwords,
    sessions::Session,
    uia::AuthData,
};

/// The body of a change of password.
#[derive(Deserialize)]
pub struct PasswordChange {
    auth: Option<AuthData>,
    new_password: Option<String>,
    logout_devices: Option<bool>,
}

/// Sets a new password, when the old one was shown. Signs the user's other devices out unless asked not to.
///
/// # Errors
/// M_MISSING_PARAM, M_WEAK_PASSWORD, M_INVALID_PARAM; [`Error::Challenge`]; [`Error::RateLimited`].
pub async fn change_password(chat: &Chat, session: &Session, body: PasswordChange) -> Result<()> {
    let missing = || Error::matrix(400, "M_MISSING_PARAM", "The new password is missing.");
    let password = body.new_password.ok_or_else(missing)?;
    passwords::check_strength(chat, &password)?;
    devices::confirm(chat, session, "change_password", body.auth).await?;
    let password_hash = passwords::hash(chat, password).await?;
    let write = users::set_password(session.user_id.as_str(), &password_hash);
    let gone = match body.logout_devices.unwrap_or(true) {
        true => Gone::AllBut(&session.device_id),
        false => Gone::These(&[]),
    };
    devices::remove(chat, &session.user_id, gone, vec![write], Vec::new()).await?;
    Ok(())
}
