//! User-interactive authentication: what a client has to show before an operation runs.
//!
//! Client-Server API, "User-Interactive Authentication API". Each flow here is a single stage, so nothing has to be
//! remembered from one request to the next: a session is signed, says for which operation and until when it counts, and
//! any node can read it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ruma::OwnedUserId;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Chat, Error, Result, passwords};

/// How long a session counts, milliseconds.
const LIFETIME_MS: i64 = 10 * 60 * 1000;
/// Bytes of a session before its signature: when it ends, a random part, the operation.
const SIGNED: usize = 24;

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
    /// The address it comes from.
    pub address: String,
    /// The account that the request speaks for, if any.
    pub user_id: Option<OwnedUserId>,
    /// Ways to authorise it, each a single stage.
    pub flows: &'static [Stage],
}

/// Lets the operation run, or says what is left to show. Returns the registration token that was shown, if one was.
///
/// # Errors
/// [`Error::Challenge`] (401) with what is left; M_FORBIDDEN if the session or the password is somebody else's;
/// [`Error::RateLimited`].
pub(crate) async fn authorize(chat: &Chat, operation: &Operation, auth: Option<AuthData>) -> Result<Option<String>> {
    let Some(auth) = auth else { return Err(challenge(chat, operation, None, None)) };
    let (session, mut failure) = match &auth.session {
        None => (None, None),
        Some(named) => match read_session(chat, named) {
            Some(binding) if binding != digest(&operation.binding) => {
                return Err(Error::forbidden("The authentication session belongs to another operation."));
            }
            Some(_) => (Some(named.clone()), None),
            None => (None, Some(("M_UNKNOWN", "The authentication session has ended: start again.".to_owned()))),
        },
    };
    if auth.kind.is_some() && failure.is_none() {
        match check_stage(chat, operation, &auth).await? {
            Ok(Stage::RegistrationToken) => return Ok(auth.token),
            Ok(_) => return Ok(None),
            Err(why) => failure = Some(why),
        }
    }
    Err(challenge(chat, operation, session, failure))
}

fn challenge(
    chat: &Chat,
    operation: &Operation,
    session: Option<String>,
    failure: Option<(&'static str, String)>,
) -> Error {
    let session = session.unwrap_or_else(|| new_session(chat, &operation.binding));
    let flows = operation.flows.iter().map(|stage| vec![stage.name()]).collect();
    Error::Challenge(Box::new(Challenge { session, flows, completed: Vec::new(), failure }))
}

fn new_session(chat: &Chat, binding: &str) -> String {
    let mut session = (chat.env.now() + LIFETIME_MS).to_be_bytes().to_vec();
    session.extend(chat.env.random::<8>());
    session.extend(digest(binding));
    session.extend(signature(chat, &session).finalize().into_bytes());
    URL_SAFE_NO_PAD.encode(session)
}

/// The operation that a session counts for; nothing if it has ended, or no node has given it out.
fn read_session(chat: &Chat, session: &str) -> Option<[u8; 8]> {
    let session = URL_SAFE_NO_PAD.decode(session).ok()?;
    let (signed, given) = session.split_at_checked(SIGNED)?;
    signature(chat, signed).verify_slice(given).ok()?;
    let (expires, binding) = (signed[..8].try_into().ok()?, signed[16..].try_into().ok()?);
    (i64::from_be_bytes(expires) > chat.env.now()).then_some(binding)
}

fn signature(chat: &Chat, signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&chat.secret).expect("HMAC takes keys of any length");
    mac.update(b"user-interactive authentication");
    mac.update(signed);
    mac
}

fn digest(binding: &str) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(binding).into();
    std::array::from_fn(|index| hash[index])
}

/// The stage that the client has passed, or why it has not.
async fn check_stage(
    chat: &Chat,
    operation: &Operation,
    auth: &AuthData,
) -> Result<Result<Stage, (&'static str, String)>> {
    let kind = auth.kind.as_deref().unwrap_or_default();
    let stage = operation.flows.iter().copied().find(|stage| stage.name() == kind);
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
