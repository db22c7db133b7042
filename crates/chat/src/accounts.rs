//! Making accounts and signing in to them.

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use store::accounts::{devices, registration_tokens, sessions as session_rows, users};

use crate::{
    Chat, Error, Result,
    config::RegistrationMode,
    passwords,
    sessions::{self, Tokens},
    uia::{self, AuthData, Identifier, Operation, Stage},
};

/// Bytes of a device id or a device's name.
const DEVICE_TEXT_LIMIT: usize = 255;

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

/// Who is signed in where.
#[derive(Debug)]
pub struct SignedIn {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: String,
    /// Its tokens.
    pub tokens: Tokens,
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
    let flows: &'static [&'static [Stage]] = match registration_mode(chat) {
        RegistrationMode::Closed => return Err(closed()),
        RegistrationMode::Token => &[&[Stage::RegistrationToken]],
        RegistrationMode::Open | RegistrationMode::Auto => &[&[Stage::Dummy]],
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
    let operation = Operation {
        binding: "register".to_owned(),
        owner: address.to_owned(),
        address: address.to_owned(),
        user_id: None,
        flows,
    };
    let authorized = uia::authorize(chat, operation, body.auth).await?;
    let password = body.password.ok_or_else(|| Error::matrix(400, "M_MISSING_PARAM", "The password is missing."))?;
    chat.rate_limits.check_registration(address)?;
    let password_hash = passwords::hash(chat, password).await?;

    let now = chat.env.now();
    let mut writes = vec![users::insert(user_id.as_str(), &password_hash, user_id.localpart(), now)];
    let (tokens, session) = sessions::issue(chat, user_id.as_str(), &device_id, body.refresh_token);
    if !body.inhibit_login {
        writes.push(devices::upsert(user_id.as_str(), &device_id, device_name.as_deref(), now, address));
        writes.push(session_rows::insert(&session));
    }
    writes.extend(authorized.registration_token.as_deref().map(|token| registration_tokens::take(token, now)));
    match chat.db.write(writes).await {
        Err(store::Error::Expectation(0)) => return Err(in_use()),
        // Somebody else used the token up between the check and now: its session is worth nothing any more.
        Err(store::Error::Expectation(_)) => {
            uia::finish(chat, &authorized);
            return Err(Error::matrix(401, "M_UNAUTHORIZED", "The registration token is not valid any more."));
        }
        result => result?,
    };
    uia::finish(chat, &authorized);
    let signed_in = (!body.inhibit_login).then(|| SignedIn { user_id: user_id.clone(), device_id, tokens });
    Ok((user_id, signed_in))
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
    match chat.db.write(writes).await {
        Err(store::Error::Expectation(_)) => return Err(refused()),
        result => result?,
    };
    chat.sessions.forget_device(&user_id, &device_id);
    Ok(SignedIn { user_id, device_id, tokens })
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

/// The user of this server that a person means by a user id or the part of it before the colon. Capitals do not count:
/// there are none in the ids that this server gives out.
pub fn user_id_of(chat: &Chat, name: &str) -> Option<OwnedUserId> {
    let localpart = match name.strip_prefix('@') {
        Some(id) => id.split_once(':').filter(|(_, server)| *server == chat.server_name.as_str())?.0,
        None => name,
    };
    UserId::parse(format!("@{}:{}", localpart.to_ascii_lowercase(), chat.server_name)).ok()
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

fn closed() -> Error {
    Error::forbidden("Registration is closed on this server.")
}

fn in_use() -> Error {
    Error::matrix(400, "M_USER_IN_USE", "The user name is taken.")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::{Env, config::Config};

    async fn chat() -> (Arc<Chat>, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.rate_limits.enabled = false;
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        let db = store::Db::open_sqlite(dir.path()).unwrap();
        (Chat::open(db, Env::system(), config, "localhost".try_into().unwrap(), true).await.unwrap(), dir)
    }

    async fn sign_up(chat: &Chat, body: Value) -> Result<SignedIn> {
        let mut body = body;
        body["auth"] = json!({ "type": "m.login.dummy" });
        Ok(register(chat, serde_json::from_value(body).unwrap(), "1.2.3.4").await?.1.unwrap())
    }

    async fn sign_in(chat: &Chat, user: &str, password: &str) -> Result<SignedIn> {
        let body = json!({ "identifier": { "type": "m.id.user", "user": user }, "password": password });
        login(chat, serde_json::from_value(body).unwrap(), "1.2.3.4").await
    }

    fn errcode<T>(result: Result<T>) -> &'static str {
        match result {
            Err(Error::Matrix { errcode, .. }) => errcode,
            Err(Error::Forbidden(_)) => "M_FORBIDDEN",
            Err(Error::Challenge(_)) => "challenge",
            Err(_) => "other",
            Ok(_) => "ok",
        }
    }

    #[tokio::test]
    async fn who_registers_can_sign_in_by_name_or_id_and_the_first_administers() {
        let (chat, _dir) = chat().await;
        let first = sign_up(&chat, json!({ "username": "Alice", "password": "wonderland" })).await.unwrap();
        assert_eq!(first.user_id, "@alice:localhost");
        let second = sign_up(&chat, json!({ "username": "bob", "password": "wonderland" })).await.unwrap();
        for (signed_in, admin) in [(first, true), (second, false)] {
            let session = sessions::authenticate(&chat, &signed_in.tokens.access_token).await.unwrap();
            assert_eq!((&session.user_id, session.admin), (&signed_in.user_id, admin));
        }
        for name in ["alice", "@alice:localhost", "ALICE"] {
            assert_eq!(sign_in(&chat, name, "wonderland").await.unwrap().user_id, "@alice:localhost");
        }
        for (name, password) in [("alice", "Wonderland"), ("carol", "wonderland"), ("@alice:elsewhere", "wonderland")] {
            assert_eq!(errcode(sign_in(&chat, name, password).await), "M_FORBIDDEN");
        }
    }

    #[tokio::test]
    async fn of_two_who_register_one_name_at_once_one_wins() {
        let (chat, _dir) = chat().await;
        let body = || json!({ "username": "alice", "password": "wonderland" });
        let (one, two) = tokio::join!(sign_up(&chat, body()), sign_up(&chat, body()));
        let mut outcomes = [errcode(one), errcode(two)];
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["M_USER_IN_USE", "ok"]);
    }

    #[tokio::test]
    async fn a_session_in_use_costs_no_query() {
        let (chat, _dir) = chat().await;
        let alice = sign_up(&chat, json!({ "username": "alice", "password": "wonderland" })).await.unwrap();
        sessions::authenticate(&chat, &alice.tokens.access_token).await.unwrap();
        let queries = chat.db.queries();
        for _ in 0..100 {
            sessions::authenticate(&chat, &alice.tokens.access_token).await.unwrap();
        }
        assert_eq!(chat.db.queries(), queries);
    }
}
