//! Signing in by password.

use serde::Deserialize;
use store::{
    accounts::{devices, sessions as session_rows, users},
    log::{Change, Commit},
};

use super::{SignedIn, device_id, device_name, user_id_of};
use crate::{Chat, Error, Result, passwords, sessions, uia::Identifier};

/// The body of a login by password.
#[derive(Deserialize)]
pub struct Login {
    identifier: Option<Identifier>,
    user: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    refresh_token: bool,
}

/// Signs in by password. On a known device of the user, its earlier tokens end.
///
/// # Errors
/// M_FORBIDDEN if there is no such user or the password is wrong, which cannot be told apart; M_MISSING_PARAM without a
/// user or a password; M_INVALID_PARAM; [`Error::RateLimited`].
pub async fn login(chat: &Chat, body: Login, address: &str) -> Result<SignedIn> {
    let missing = |what| Error::matrix(400, "M_MISSING_PARAM", format!("The {what} is missing."));
    let name = match body.identifier {
        Some(Identifier { kind, user }) if kind == "m.id.user" => user.ok_or_else(|| missing("user"))?,
        Some(Identifier { kind, .. }) if kind == "m.id.thirdparty" || kind == "m.id.phone" => String::new(),
        Some(_) => return Err(Error::invalid("The identifier is of an unknown type.")),
        None => body.user.ok_or_else(|| missing("user"))?,
    };
    let password = body.password.ok_or_else(|| missing("password"))?;
    let named_device = body.device_id.is_some();
    let device_id = device_id(chat, body.device_id)?;
    let device_name = device_name(body.initial_device_display_name)?;

    let refused = || Error::forbidden("The user or the password is wrong.");
    let user_id = user_id_of(chat, &name);
    chat.rate_limits.check_login(address, user_id.as_ref().map_or("", |user_id| user_id.as_str()))?;
    let credentials = match &user_id {
        Some(user_id) => users::credentials(&chat.db, user_id.as_str()).await?,
        None => None,
    };
    let hash = credentials.filter(|row| !row.deactivated).and_then(|row| row.password_hash);
    let verified = passwords::verify(chat, password, hash.clone()).await?;
    let (Some(user_id), Some(hash), true) = (user_id, hash, verified) else { return Err(refused()) };

    let (tokens, session) = sessions::issue(chat, user_id.as_str(), &device_id, body.refresh_token);
    let writes = vec![
        session_rows::delete_of_device(user_id.as_str(), &device_id),
        devices::upsert(user_id.as_str(), &device_id, device_name.as_deref(), session.now, address),
        session_rows::insert_with_password(&session, &hash),
    ];
    // Connections that the device's earlier tokens opened have to hear that these are gone.
    let known = named_device && devices::get(&chat.db, user_id.as_str(), &device_id).await?.is_some();
    let written = match known {
        false => chat.db.write(chat.user_shard(user_id.as_str()), writes).await.map(drop),
        true => {
            let change = Change::DeviceGone { user_id: user_id.as_str().into(), device_id: device_id.as_str().into() };
            let (shard, ts) = (chat.user_shard(user_id.as_str()), session.now);
            let commit = Commit { shard, ts, changes: vec![change], writes, ..Commit::default() };
            chat.commit(commit).await.map(drop)
        }
    };
    match written {
        Err(store::Error::Expectation(_)) => return Err(refused()),
        written => written?,
    }
    chat.sessions.forget_device(user_id.as_str(), &device_id);
    Ok(SignedIn { user_id, device_id, tokens })
}
