//! What people show of themselves: display name, avatar, and fields of their own.
//!
//! Client-Server API, "Profiles".

use std::sync::Arc;

use ruma::{OwnedUserId, UserId};
use serde_json::{Map, Value};
use store::accounts::users::{self, ProfileRow};

use crate::{Chat, Error, Result, rooms::membership, sessions::Session, user_directory};

/// Characters of a display name.
const DISPLAYNAME_LIMIT: usize = 256;
/// Bytes of an avatar's address.
const AVATAR_LIMIT: usize = 1000;
/// Bytes of a field's name.
const KEY_LIMIT: usize = 255;
/// Bytes of a whole profile: the specification wants it under 64 KiB.
const PROFILE_LIMIT: usize = 64 * 1024 - 1;
/// How often a change is tried again when another device of the user changes the profile at the same time.
const ATTEMPTS: usize = 10;

/// The whole profile of a user.
///
/// # Errors
/// M_NOT_FOUND if there is no such user; [`Error::RateLimited`].
pub async fn get(chat: &Chat, user_id: &str, address: &str) -> Result<Map<String, Value>> {
    chat.rate_limits.check_lookup(address)?;
    let user_id = parse_user_id(user_id)?;
    Ok(to_json(&load(chat, &user_id).await?))
}

/// One field of a user's profile.
///
/// # Errors
/// M_NOT_FOUND if there is no such user or field; M_INVALID_PARAM, M_KEY_TOO_LARGE; [`Error::RateLimited`].
pub async fn get_field(chat: &Chat, user_id: &str, key: &str, address: &str) -> Result<Value> {
    check_key(key)?;
    let mut profile = get(chat, user_id, address).await?;
    profile.remove(key).ok_or_else(|| Error::not_found("The profile has no such field."))
}

/// Sets a field of the caller's profile, or removes it (without a value). A display name or an avatar shows in the
/// user's rooms when this returns.
///
/// # Errors
/// M_FORBIDDEN if the profile is somebody else's; M_INVALID_PARAM, M_BAD_JSON, M_KEY_TOO_LARGE, M_PROFILE_TOO_LARGE;
/// [`Error::RateLimited`].
pub async fn set_field(
    chat: &Arc<Chat>,
    session: &Session,
    user_id: &str,
    key: &str,
    value: Option<Value>,
) -> Result<()> {
    check_key(key)?;
    let user_id = parse_user_id(user_id)?;
    if user_id != session.user_id {
        return Err(Error::forbidden("The profile is somebody else's."));
    }
    chat.rate_limits.check_message(&user_id)?;
    let value = match (key, value) {
        ("displayname", value) => value.map(displayname).transpose()?.flatten(),
        ("avatar_url", value) => value.map(avatar_url).transpose()?.flatten(),
        ("m.tz", Some(value)) if !value.is_string() => return Err(bad_json("A time zone is a string.")),
        (_, value) => value,
    };
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        let before = load(chat, &user_id).await?;
        let after = changed(&before, key, value.clone())?;
        if before == after {
            return Ok(());
        }
        let search = user_directory::searched(&user_id, after.displayname.as_deref());
        match chat
            .db
            .write(
                chat.user_shard(user_id.as_str()),
                vec![users::set_profile(user_id.as_str(), &before, &after, &search)],
            )
            .await
        {
            // Who was overtaken once queues with the others, so that many changes at once all come through.
            Err(store::Error::Expectation(_)) if turn.is_none() => {
                turn = Some(chat.changing.take(&user_id.as_str().into()).await);
            }
            Err(store::Error::Expectation(_)) => {}
            result => {
                result?;
                drop(turn);
                let shown = before.displayname != after.displayname || before.avatar_url != after.avatar_url;
                return if shown { show(chat, user_id).await } else { Ok(()) };
            }
        }
    }
    Err(Error::RateLimited { retry_after_ms: 1000 })
}

/// Puts the new names into the user's rooms, in a task of its own: a client that hangs up does not leave it half done.
async fn show(chat: &Arc<Chat>, user_id: OwnedUserId) -> Result<()> {
    let chat = chat.clone();
    let task = tokio::spawn(async move { membership::refresh_profile(&chat, &user_id).await });
    task.await.map_err(|_| Error::Store(store::Error::Closed))?
}

async fn load(chat: &Chat, user_id: &UserId) -> Result<ProfileRow> {
    let row = users::profile(&chat.db, user_id.as_str()).await?;
    row.ok_or_else(|| Error::not_found("There is no such user on this server."))
}

fn parse_user_id(user_id: &str) -> Result<OwnedUserId> {
    OwnedUserId::try_from(user_id).map_err(|_| Error::invalid("That is not a user id."))
}

/// Display name, avatar, or a name of the common namespaced identifier grammar.
fn check_key(key: &str) -> Result<()> {
    if key.len() > KEY_LIMIT {
        let message = format!("A profile field's name has at most {KEY_LIMIT} bytes.");
        return Err(Error::matrix(400, "M_KEY_TOO_LARGE", message));
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let namespaced = key.contains('.') && key.starts_with(|c: char| c.is_ascii_lowercase()) && key.bytes().all(allowed);
    if namespaced || key == "displayname" || key == "avatar_url" {
        return Ok(());
    }
    Err(Error::invalid("A profile field is displayname, avatar_url or a namespaced name such as org.example.title."))
}

/// Empty and null mean none, as clients send them to remove the name.
fn displayname(value: Value) -> Result<Option<Value>> {
    match value {
        Value::Null => Ok(None),
        Value::String(name) if name.trim().is_empty() => Ok(None),
        Value::String(name) if name.chars().nth(DISPLAYNAME_LIMIT).is_some() => {
            Err(Error::invalid(format!("A display name has at most {DISPLAYNAME_LIMIT} characters.")))
        }
        Value::String(name) => Ok(Some(Value::String(name))),
        _ => Err(bad_json("A display name is a string.")),
    }
}

fn avatar_url(value: Value) -> Result<Option<Value>> {
    match value {
        Value::Null => Ok(None),
        Value::String(url) if url.is_empty() => Ok(None),
        Value::String(url) if url.len() <= AVATAR_LIMIT && url.starts_with("mxc://") => Ok(Some(Value::String(url))),
        Value::String(_) => Err(Error::invalid("An avatar is an mxc:// address of media on this server.")),
        _ => Err(bad_json("An avatar's address is a string.")),
    }
}

fn changed(before: &ProfileRow, key: &str, value: Option<Value>) -> Result<ProfileRow> {
    let mut after = before.clone();
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    match key {
        "displayname" => after.displayname = text(value),
        "avatar_url" => after.avatar_url = text(value),
        _ => {
            let mut fields = fields(before);
            match value {
                Some(value) => drop(fields.insert(key.to_owned(), value)),
                None => drop(fields.remove(key)),
            }
            after.fields = Value::Object(fields).to_string();
        }
    }
    if Value::Object(to_json(&after)).to_string().len() > PROFILE_LIMIT {
        return Err(Error::matrix(400, "M_PROFILE_TOO_LARGE", "A profile has to stay under 64 KiB."));
    }
    Ok(after)
}

fn fields(row: &ProfileRow) -> Map<String, Value> {
    serde_json::from_str(&row.fields).unwrap_or_default()
}

fn to_json(row: &ProfileRow) -> Map<String, Value> {
    let mut profile = fields(row);
    profile.extend(row.displayname.clone().map(|name| ("displayname".to_owned(), name.into())));
    profile.extend(row.avatar_url.clone().map(|url| ("avatar_url".to_owned(), url.into())));
    profile
}

fn bad_json(message: &str) -> Error {
    Error::matrix(400, "M_BAD_JSON", message)
}
