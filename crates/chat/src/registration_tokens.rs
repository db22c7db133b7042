//! Tokens that let people register: invitations to the server. Administrators make them.

use serde::Deserialize;
use store::accounts::{
    registration_tokens::{self as rows, RegistrationTokenRow},
    users,
};

use crate::{Chat, Error, Result, accounts::registration_mode, config::RegistrationMode, sessions::Session};

/// Characters of a token (Client-Server API, "Token-authenticated registration").
const MAX_LENGTH: usize = 64;

/// The body of a request for a token.
#[derive(Default, Deserialize)]
pub struct NewToken {
    token: Option<String>,
    uses_allowed: Option<i64>,
    expires_ts: Option<i64>,
}

/// Makes a token: the one that was asked for or a random one.
///
/// # Errors
/// M_FORBIDDEN if the caller is no administrator; M_INVALID_PARAM if the token is taken or a value makes no sense.
pub async fn create(chat: &Chat, session: &Session, body: NewToken) -> Result<RegistrationTokenRow> {
    check_admin(session)?;
    insert(chat, body).await
}

async fn insert(chat: &Chat, body: NewToken) -> Result<RegistrationTokenRow> {
    let now = chat.env.now();
    let token = body.token.unwrap_or_else(|| chat.env.token::<12>());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    if token.is_empty() || token.len() > MAX_LENGTH || !token.bytes().all(allowed) {
        let message = format!("A token has 1 to {MAX_LENGTH} characters: letters a to z, digits and . _ ~ -");
        return Err(Error::invalid(message));
    }
    if body.uses_allowed.is_some_and(|uses| uses < 1) {
        return Err(Error::invalid("A token is good for one account or more."));
    }
    if body.expires_ts.is_some_and(|expires| expires <= now) {
        return Err(Error::invalid("A token expires in the future."));
    }
    let (uses_allowed, expires_ts) = (body.uses_allowed, body.expires_ts);
    let row = RegistrationTokenRow { token, uses_allowed, used: 0, expires_ts, created_ts: now };
    match chat.db.write(0, vec![rows::insert(&row)]).await {
        Err(store::Error::Expectation(_)) => Err(Error::invalid("There is such a token already.")),
        result => result.map(|_| row).map_err(Into::into),
    }
}

/// All tokens.
///
/// # Errors
/// M_FORBIDDEN if the caller is no administrator.
pub async fn list(chat: &Chat, session: &Session) -> Result<Vec<RegistrationTokenRow>> {
    check_admin(session)?;
    Ok(rows::list(&chat.db).await?)
}

/// Ends a token. Accounts that were made with it stay.
///
/// # Errors
/// M_FORBIDDEN if the caller is no administrator; M_NOT_FOUND.
pub async fn delete(chat: &Chat, session: &Session, token: &str) -> Result<()> {
    check_admin(session)?;
    let changed = chat.db.write(0, vec![rows::delete(token)]).await?;
    if changed == [0] { Err(Error::not_found("There is no such token.")) } else { Ok(()) }
}

/// Whether somebody could register with the token now.
///
/// # Errors
/// M_FORBIDDEN if registration is closed; [`Error::RateLimited`]: tokens must not be guessed.
pub async fn is_valid(chat: &Chat, token: &str, address: &str) -> Result<bool> {
    if registration_mode(chat) == RegistrationMode::Closed {
        return Err(Error::forbidden("Registration is closed on this server."));
    }
    chat.rate_limits.check_registration_token(address)?;
    Ok(rows::is_valid(&chat.db, token, chat.env.now()).await?)
}

/// While nobody has registered and registering takes a token: one for the operator, who becomes the administrator. The
/// same one every time, until it was used.
pub async fn first(chat: &Chat) -> Result<Option<String>> {
    if registration_mode(chat) != RegistrationMode::Token || users::any(&chat.db).await? {
        return Ok(None);
    }
    let now = chat.env.now();
    let usable = |row: &RegistrationTokenRow| {
        row.uses_allowed.is_none_or(|uses| row.used < uses) && row.expires_ts.is_none_or(|expires| expires > now)
    };
    if let Some(row) = rows::list(&chat.db).await?.into_iter().find(usable) {
        return Ok(Some(row.token));
    }
    let body = NewToken { uses_allowed: Some(1), ..NewToken::default() };
    Ok(Some(insert(chat, body).await?.token))
}

fn check_admin(session: &Session) -> Result<()> {
    if session.admin { Ok(()) } else { Err(Error::forbidden("Only administrators of the server may do this.")) }
}
