//! A user's devices, and signing out, which removes them.

use std::sync::Arc;

use ruma::UserId;
use store::{
    Stmt,
    accounts::devices::{self as rows, DeviceRow},
    log::{Change, Commit},
};

use crate::{
    Chat, Error, Result,
    accounts::device_name,
    sessions::Session,
    uia::{self, AuthData, Operation, Stage},
};

/// Devices that go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gone<'a> {
    /// These; ids that the user does not have are passed over.
    These(&'a [String]),
    /// All but this one.
    AllBut(&'a str),
    /// All.
    All,
}

/// The user's devices.
pub async fn list(chat: &Chat, session: &Session) -> Result<Vec<DeviceRow>> {
    Ok(rows::of_user(&chat.db, session.user_id.as_str()).await?)
}

/// One device of the user.
///
/// # Errors
/// M_NOT_FOUND
pub async fn get(chat: &Chat, session: &Session, device_id: &str) -> Result<DeviceRow> {
    rows::get(&chat.db, session.user_id.as_str(), device_id).await?.ok_or_else(unknown)
}

/// Renames a device of the user; without a name only looks whether it is there.
///
/// # Errors
/// M_NOT_FOUND; M_INVALID_PARAM if the name is too long.
pub async fn rename(chat: &Chat, session: &Session, device_id: &str, name: Option<String>) -> Result<()> {
    let Some(name) = device_name(name)? else { return get(chat, session, device_id).await.map(|_| ()) };
    let shard = chat.user_shard(session.user_id.as_str());
    let changed = chat.db.write(shard, vec![rows::rename(session.user_id.as_str(), device_id, &name)]).await?;
    if changed == [0] { Err(unknown()) } else { Ok(()) }
}

/// Removes devices of the user, when the user has shown the password. Devices that are not there count as removed.
///
/// # Errors
/// [`Error::Challenge`]
pub async fn delete(chat: &Chat, session: &Session, devices: &[String], auth: Option<AuthData>) -> Result<()> {
    confirm(chat, session, "delete_devices", auth).await?;
    remove(chat, &session.user_id, Gone::These(devices), Vec::new(), Vec::new()).await?;
    Ok(())
}

/// Signs this device out.
pub async fn logout(chat: &Chat, session: &Session) -> Result<()> {
    remove(chat, &session.user_id, Gone::These(&[session.device_id.to_string()]), Vec::new(), Vec::new()).await
}

/// Signs all of the user's devices out.
pub async fn logout_all(chat: &Chat, session: &Session) -> Result<()> {
    remove(chat, &session.user_id, Gone::All, Vec::new(), Vec::new()).await
}

/// Asks for the password of the session's user. `operation` names what for.
pub(crate) async fn confirm(chat: &Chat, session: &Session, operation: &str, auth: Option<AuthData>) -> Result<()> {
    let operation = Operation {
        binding: format!("{operation}/{}/{}", session.user_id, session.device_id),
        address: String::new(),
        user_id: Some(session.user_id.clone()),
        flows: &[Stage::Password],
    };
    uia::authorize(chat, &operation, auth).await.map(drop)
}

/// Removes devices together with `writes` and `changes`, and lets nothing of them be used any more: tokens end with the commit, and
/// open connections hear of it from the log.
pub(crate) async fn remove(
    chat: &Chat,
    user_id: &UserId,
    gone: Gone<'_>,
    mut writes: Vec<Stmt>,
    mut changes: Vec<Change>,
) -> Result<()> {
    let user = user_id.as_str();
    let shard = chat.user_shard(user);
    let mut devices: Vec<String> =
        rows::of_user(&chat.db, user).await?.into_iter().map(|device| device.device_id).collect();
    match gone {
        Gone::These(ids) => {
            devices.retain(|id| ids.contains(id));
            writes.extend(devices.iter().flat_map(|id| rows::delete(shard, user, id)));
        }
        // Not by the list: who signs in at this moment with the old password must be gone as well.
        Gone::AllBut(kept) => writes.extend(rows::delete_all_but(shard, user, kept)),
        Gone::All => writes.extend(rows::delete_all_but(shard, user, "")),
    }
    let user_id: Arc<str> = user.into();
    match gone {
        Gone::These(_) => changes.extend(
            devices.iter().map(|id| Change::DeviceGone { user_id: user_id.clone(), device_id: id.as_str().into() }),
        ),
        Gone::AllBut(kept) => changes.push(Change::OthersGone { user_id, device_id: kept.into() }),
        Gone::All => changes.push(Change::OthersGone { user_id, device_id: "".into() }),
    }
    if changes.is_empty() && writes.is_empty() {
        return Ok(());
    }
    // Every node forgets the sessions when it takes the record in; this one has when the commit returns.
    let commit = Commit { shard, ts: chat.env.now(), changes, writes, ..Commit::default() };
    chat.commit(commit).await?;
    Ok(())
}

fn unknown() -> Error {
    Error::not_found("You have no such device.")
}
