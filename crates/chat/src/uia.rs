//! User-interactive authentication: what a client has to show before an operation runs, remembered between requests.
//!
//! Client-Server API, "User-Interactive Authentication API". A session counts for one operation of one owner, ends after
//! [`LIFETIME_MS`], and is gone as soon as the operation was done.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use ruma::OwnedUserId;
use serde::Deserialize;

use crate::{Chat, Error, Result, passwords};

/// How long a session lives, milliseconds.
const LIFETIME_MS: i64 = 10 * 60 * 1000;
/// Sessions at the same time.
const SESSIONS: usize = 50_000;
/// Sessions at the same time of one owner: an address or a device.
const SESSIONS_PER_OWNER: usize = 1_000;

/// A thing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `m.login.dummy`: nothing.
    Dummy,
    /// `m.login.registration_token`: a token that lets people register.
    RegistrationToken,
    /// `m.login.password`: the password of the account that the request speaks for.
    Password,
}

impl Stage {
    /// Its name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dummy => "m.login.dummy",
            Self::RegistrationToken => "m.login.registration_token",
            Self::Password => "m.login.password",
        }
    }
}

/// The `auth` of a request.
#[derive(Deserialize)]
pub struct AuthData {
    #[serde(rename = "type")]
    kind: Option<String>,
    session: Option<String>,
    token: Option<String>,
    password: Option<String>,
    identifier: Option<Identifier>,
    user: Option<String>,
}

/// Whom somebody says to be.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Identifier {
    /// `m.id.user`, `m.id.thirdparty` or `m.id.phone`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `m.id.user`: the user id or its localpart.
    pub user: Option<String>,
}

/// What is left to show: the body of a 401 answer.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The session that the client has to name.
    pub session: String,
    /// The flows, each a list of stages.
    pub flows: Vec<Vec<&'static str>>,
    /// The stages that are done.
    pub completed: Vec<&'static str>,
    /// Why the stage that was tried failed: errcode and a sentence.
    pub failure: Option<(&'static str, String)>,
}

/// What is to be authorised.
pub(crate) struct Operation {
    /// Names the operation and what it is about; a session counts for the same only.
    pub binding: String,
    /// Who asks: a bound on how many sessions one can open.
    pub owner: String,
    /// The address it comes from.
    pub address: String,
    /// The account that the request speaks for, if any.
    pub user_id: Option<OwnedUserId>,
    /// Ways to authorise it.
    pub flows: &'static [&'static [Stage]],
}

/// An authorised operation. Give it to [`finish`] when it is done.
pub(crate) struct Authorized {
    session: Option<String>,
    /// The registration token that was shown.
    pub registration_token: Option<String>,
}

#[derive(Clone)]
struct Entry {
    binding: String,
    owner: String,
    expires_ts: i64,
    completed: Vec<Stage>,
    registration_token: Option<String>,
}

/// The open sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Open>);

#[derive(Default)]
struct Open {
    by_id: HashMap<String, Entry>,
    /// The oldest first. Ids that are gone stay until they reach the front.
    by_age: VecDeque<(i64, String)>,
    per_owner: HashMap<String, usize>,
}

impl Open {
    fn remove(&mut self, id: &str) {
        let Some(entry) = self.by_id.remove(id) else { return };
        if let Some(count) = self.per_owner.get_mut(&entry.owner) {
            *count -= 1;
            if *count == 0 {
                self.per_owner.remove(&entry.owner);
            }
        }
    }

    fn insert(&mut self, id: &str, entry: Entry, now: i64) -> Result<()> {
        while self.by_age.front().is_some_and(|(expires, _)| *expires <= now || self.by_id.len() >= SESSIONS) {
            if let Some((_, oldest)) = self.by_age.pop_front() {
                self.remove(&oldest);
            }
        }
        if self.by_age.len() > 2 * self.by_id.len() + 1024 {
            self.by_age.retain(|(_, id)| self.by_id.contains_key(id));
        }
        let count = self.per_owner.entry(entry.owner.clone()).or_default();
        if *count >= SESSIONS_PER_OWNER {
            return Err(Error::RateLimited { retry_after_ms: 60_000 });
        }
        *count += 1;
        self.by_age.push_back((entry.expires_ts, id.to_owned()));
        self.by_id.insert(id.to_owned(), entry);
        Ok(())
    }
}

/// Lets the operation run, or says what is left to show.
///
/// # Errors
/// [`Error::Challenge`] (401) with what is left; M_FORBIDDEN if the session or the password is somebody else's;
/// [`Error::RateLimited`].
pub(crate) async fn authorize(chat: &Chat, operation: Operation, auth: Option<AuthData>) -> Result<Authorized> {
    let now = chat.env.now();
    let (mut id, mut entry, mut failure) = (None, new_entry(&operation, now), None);
    if let Some(named) = auth.as_ref().and_then(|auth| auth.session.clone()) {
        match chat.uia.0.lock().by_id.get(&named).filter(|entry| entry.expires_ts > now) {
            Some(open) if open.binding != operation.binding => {
                return Err(Error::forbidden("The authentication session belongs to another operation."));
            }
            Some(open) => (id, entry) = (Some(named), open.clone()),
            None => failure = Some(("M_UNKNOWN", "The authentication session has ended: start again.".to_owned())),
        }
    }
    if let Some(auth) = auth
        && auth.kind.is_some()
        && failure.is_none()
    {
        match check_stage(chat, &operation, &auth).await? {
            Ok(stage) => {
                if !entry.completed.contains(&stage) {
                    entry.completed.push(stage);
                }
                if stage == Stage::RegistrationToken {
                    entry.registration_token = auth.token;
                }
            }
            Err(why) => failure = Some(why),
        }
    }
    if failure.is_none() && operation.flows.iter().any(|flow| flow.iter().all(|stage| entry.completed.contains(stage)))
    {
        let registration_token = entry.registration_token.clone();
        let mut sessions = chat.uia.0.lock();
        // If the operation fails after all, the client need not show everything again.
        if let Some(open) = id.as_ref().and_then(|id| sessions.by_id.get_mut(id)) {
            *open = entry;
        }
        return Ok(Authorized { session: id, registration_token });
    }
    Err(remember(chat, &operation, id, entry, failure, now)?)
}

/// Ends the session of an operation that was done.
pub(crate) fn finish(chat: &Chat, authorized: &Authorized) {
    if let Some(session) = &authorized.session {
        chat.uia.0.lock().remove(session);
    }
}

fn new_entry(operation: &Operation, now: i64) -> Entry {
    Entry {
        binding: operation.binding.clone(),
        owner: operation.owner.clone(),
        expires_ts: now + LIFETIME_MS,
        completed: Vec::new(),
        registration_token: None,
    }
}

fn remember(
    chat: &Chat,
    operation: &Operation,
    id: Option<String>,
    entry: Entry,
    failure: Option<(&'static str, String)>,
    now: i64,
) -> Result<Error> {
    let completed = entry.completed.iter().map(|stage| stage.name()).collect();
    let session = id.unwrap_or_else(|| chat.env.token::<18>());
    {
        let mut open = chat.uia.0.lock();
        match open.by_id.get_mut(&session) {
            Some(known) => *known = entry,
            None => open.insert(&session, entry, now)?,
        }
    }
    let flows = operation.flows.iter().map(|flow| flow.iter().map(|stage| stage.name()).collect()).collect();
    Ok(Error::Challenge(Box::new(Challenge { session, flows, completed, failure })))
}

/// The stage that the client has passed, or why it has not.
async fn check_stage(
    chat: &Chat,
    operation: &Operation,
    auth: &AuthData,
) -> Result<Result<Stage, (&'static str, String)>> {
    let kind = auth.kind.as_deref().unwrap_or_default();
    let stage = operation.flows.iter().copied().flatten().copied().find(|stage| stage.name() == kind);
    let refuse = |errcode, message: &str| Ok(Err((errcode, message.to_owned())));
    match stage {
        None => refuse("M_UNRECOGNIZED", "This way to authenticate is not offered here."),
        Some(Stage::Dummy) => Ok(Ok(Stage::Dummy)),
        Some(Stage::RegistrationToken) => {
            let Some(token) = &auth.token else {
                return refuse("M_MISSING_PARAM", "The registration token is missing.");
            };
            chat.rate_limits.check_registration_token(&operation.address)?;
            match store::accounts::registration_tokens::is_valid(&chat.db, token, chat.env.now()).await? {
                true => Ok(Ok(Stage::RegistrationToken)),
                false => refuse("M_UNAUTHORIZED", "The registration token is not valid."),
            }
        }
        Some(Stage::Password) => {
            let Some(password) = &auth.password else { return refuse("M_MISSING_PARAM", "The password is missing.") };
            let Some(owner) = &operation.user_id else { return refuse("M_FORBIDDEN", "Sign in first.") };
            let named = auth.identifier.as_ref().map_or(&auth.user, |identifier| &identifier.user);
            if named.as_ref().is_some_and(|name| crate::accounts::user_id_of(chat, name).as_ref() != Some(owner)) {
                return Err(Error::forbidden("The password is asked of the account that the request speaks for."));
            }
            chat.rate_limits.check_password(owner.as_str())?;
            let row = store::accounts::users::credentials(&chat.db, owner.as_str()).await?;
            let hash = row.filter(|row| !row.deactivated).and_then(|row| row.password_hash);
            match passwords::verify(chat, password.clone(), hash).await? {
                true => Ok(Ok(Stage::Password)),
                false => refuse("M_FORBIDDEN", "The password is wrong."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(owner: &str, expires_ts: i64) -> Entry {
        let (binding, owner) = ("register".to_owned(), owner.to_owned());
        Entry { binding, owner, expires_ts, completed: Vec::new(), registration_token: None }
    }

    #[test]
    fn sessions_that_ended_make_room() {
        let mut open = Open::default();
        open.insert("a", entry("alice", 10), 0).unwrap();
        open.insert("b", entry("alice", 20), 5).unwrap();
        open.insert("c", entry("alice", 30), 10).unwrap();
        assert_eq!((open.by_id.len(), open.by_age.len(), open.per_owner["alice"]), (2, 2, 2));
        open.remove("b");
        open.remove("c");
        assert!(open.by_id.is_empty() && open.per_owner.is_empty());
    }

    #[test]
    fn one_owner_cannot_take_all_sessions() {
        let mut open = Open::default();
        let opened =
            (0..SESSIONS_PER_OWNER + 5).filter(|n| open.insert(&format!("a{n}"), entry("alice", 10), 0).is_ok());
        assert_eq!(opened.count(), SESSIONS_PER_OWNER);
        open.insert("b", entry("bob", 10), 0).unwrap();
    }

    #[test]
    fn the_number_of_sessions_is_limited() {
        let mut open = Open::default();
        for n in 0..SESSIONS + 5 {
            open.insert(&n.to_string(), entry(&(n / 500).to_string(), 10), 0).unwrap();
        }
        assert_eq!((open.by_id.len(), open.by_age.len()), (SESSIONS, SESSIONS));
        (5..SESSIONS + 5).for_each(|n| open.remove(&n.to_string()));
        open.insert("5", entry("bob", 10), 0).unwrap();
        assert_eq!(open.by_age.len(), 1, "ids that are gone are not kept");
        assert!(!open.by_id.contains_key("0") && open.by_id.contains_key("5"));
    }
}
