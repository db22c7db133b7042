//! Making accounts.

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use store::{
    accounts::{devices, registration_tokens, sessions as session_rows, users},
    log::Shard,
};

use super::{SignedIn, device_id, device_name};
use crate::{
    Chat, Error, Result,
    config::RegistrationMode,
    passwords, sessions,
    uia::{self, AuthData, Operation, Stage},
    user_directory,
};

/// All registrations come one after the other, so that there is one first account.
const REGISTRATIONS: Shard = 0;

/// The body of a registration.
#[derive(Deserialize)]
pub struct Registration {
    auth: Option<AuthData>,
    username: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    inhibit_login: bool,
    #[serde(default)]
    refresh_token: bool,
}

/// How people may register now.
pub fn registration_mode(chat: &Chat) -> RegistrationMode {
    match chat.config.registration.mode {
        RegistrationMode::Auto if chat.loopback_only => RegistrationMode::Open,
        RegistrationMode::Auto => RegistrationMode::Token,
        mode => mode,
    }
}

/// Makes an account; the first one administers the server. Signed in unless the client asked not to be.
///
/// # Errors
/// M_FORBIDDEN if registration is closed; M_INVALID_USERNAME, M_USER_IN_USE; M_WEAK_PASSWORD; [`Error::Challenge`];
/// M_MISSING_PARAM without a password; [`Error::RateLimited`].
pub async fn register(chat: &Chat, body: Registration, address: &str) -> Result<(OwnedUserId, Option<SignedIn>)> {
    let flows: &'static [Stage] = match registration_mode(chat) {
        RegistrationMode::Closed => return Err(closed()),
        RegistrationMode::Token => &[Stage::RegistrationToken],
        RegistrationMode::Open | RegistrationMode::Auto => &[Stage::Dummy],
    };
    let user_id = match &body.username {
        Some(name) => available(chat, name, address).await?,
        None => generated_user_id(chat)?,
    };
    if let Some(password) = &body.password {
        passwords::check_strength(chat, password)?;
    }
    let device_id = device_id(chat, body.device_id)?;
    let device_name = device_name(body.initial_device_display_name)?;
    let operation = Operation { binding: "register".to_owned(), address: address.to_owned(), user_id: None, flows };
    let token = uia::authorize(chat, &operation, body.auth).await?;
    let password = body.password.ok_or_else(|| Error::matrix(400, "M_MISSING_PARAM", "The password is missing."))?;
    chat.rate_limits.check_registration(address)?;
    let password_hash = passwords::hash(chat, password).await?;

    let now = chat.env.now();
    let (name, search) = (user_id.localpart(), user_directory::searched(&user_id, None));
    let mut writes = vec![users::insert(user_id.as_str(), &password_hash, name, &search, now)];
    let (tokens, session) = sessions::issue(chat, user_id.as_str(), &device_id, body.refresh_token);
    if !body.inhibit_login {
        writes.push(devices::upsert(user_id.as_str(), &device_id, device_name.as_deref(), now, address));
        writes.push(session_rows::insert(&session));
    }
    writes.extend(token.as_deref().map(|token| registration_tokens::take(token, now)));
    match chat.db.write(REGISTRATIONS, writes).await {
        Err(store::Error::Expectation(0)) => return Err(in_use()),
        // Somebody else used the token up between the check and now.
        Err(store::Error::Expectation(_)) => {
            return Err(Error::matrix(401, "M_UNAUTHORIZED", "The registration token is not valid any more."));
        }
        result => result?,
    };
    let signed_in = (!body.inhibit_login).then(|| SignedIn { user_id: user_id.clone(), device_id, tokens });
    Ok((user_id, signed_in))
}

/// The user id that a new account of this name would have.
///
/// # Errors
/// M_INVALID_USERNAME, M_USER_IN_USE, [`Error::RateLimited`]; M_FORBIDDEN if registration is closed.
pub async fn available(chat: &Chat, name: &str, address: &str) -> Result<OwnedUserId> {
    if registration_mode(chat) == RegistrationMode::Closed {
        return Err(closed());
    }
    let user_id = new_user_id(chat, name)?;
    chat.rate_limits.check_lookup(address)?;
    if users::exists(&chat.db, user_id.as_str()).await? {
        return Err(in_use());
    }
    Ok(user_id)
}

fn new_user_id(chat: &Chat, name: &str) -> Result<OwnedUserId> {
    let invalid = |message: &str| Error::matrix(400, "M_INVALID_USERNAME", message);
    if name.is_empty() {
        return Err(invalid("The user name is empty."));
    }
    if name.starts_with('_') {
        return Err(invalid("User names that start with an underscore are kept for bridges."));
    }
    let localpart = name.to_ascii_lowercase();
    if !localpart.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._=/+-".contains(&b)) {
        return Err(invalid("A user name consists of the letters a to z, digits, and the characters . _ = / + -"));
    }
    // UserId::parse allows 255 bytes, as the specification does.
    UserId::parse(format!("@{localpart}:{}", chat.server_name)).map_err(|_| invalid("The user name is too long."))
}

fn generated_user_id(chat: &Chat) -> Result<OwnedUserId> {
    let localpart: String = chat.env.random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    new_user_id(chat, &localpart)
}

fn closed() -> Error {
    Error::forbidden("Registration is closed on this server.")
}

fn in_use() -> Error {
    Error::matrix(400, "M_USER_IN_USE", "The user name is taken.")
}
