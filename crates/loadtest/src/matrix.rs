//! The few calls of the Matrix Client-Server API that the scenarios need.

use bytes::Bytes;
use hyper::{Method, StatusCode, header::HeaderValue};
use memchr::memmem;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{error::Failure, http::Http};

/// A registered user with one device.
#[derive(Clone, Debug)]
pub struct User {
    /// `Bearer <access token>`.
    pub authorization: HeaderValue,
}

/// Registers over user-interactive authentication, by the dummy stage or a registration token.
pub async fn register(http: &mut Http, name: &str, registration_token: Option<&str>) -> Result<User, Failure> {
    const PATH: &str = "/_matrix/client/v3/register";
    #[derive(Deserialize)]
    struct Registered {
        access_token: String,
    }
    let stages: &[&str] = match registration_token {
        Some(_) => &["m.login.registration_token", "m.login.dummy"],
        None => &["m.login.dummy"],
    };
    let mut body = json!({ "username": name, "password": format!("{name}-secret") });
    let mut session = Value::Null;
    // The first call opens the session; each further one passes a stage, if it is still wanted.
    for stage in std::iter::once(None).chain(stages.iter().map(Some)) {
        if let Some(stage) = stage {
            body["auth"] = json!({ "type": stage, "session": session });
            if let Some(token) = registration_token {
                body["auth"]["token"] = json!(token);
            }
        }
        let (status, answer) = http.request(Method::POST, PATH, None, body.to_string()).await?;
        if status.is_success() {
            let registered: Registered = parse(&answer)?;
            return Ok(User { authorization: bearer(&registered.access_token)? });
        }
        if status != StatusCode::UNAUTHORIZED {
            return Err(Failure::from_response(status, &answer));
        }
        session = parse::<Value>(&answer)?["session"].take();
    }
    Err(Failure::bad_answer("registration asks for more than the dummy stage or --registration-token"))
}

/// Creates a room that everyone may join; returns its id.
pub async fn create_room(http: &mut Http, user: &User) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Created {
        room_id: String,
    }
    let body = json!({ "preset": "public_chat", "name": "Load test" }).to_string();
    let path = "/_matrix/client/v3/createRoom";
    let answer = post(http, user, path, body).await?;
    Ok(parse::<Created>(&answer)?.room_id)
}

pub async fn join(http: &mut Http, user: &User, room: &str) -> Result<(), Failure> {
    let path = format!("/_matrix/client/v3/rooms/{}/join", segment(room));
    post(http, user, &path, "{}".to_owned()).await.map(drop)
}

/// Sends an already serialized `m.room.message` content.
pub async fn send(
    http: &mut Http,
    user: &User,
    room: &RoomPath,
    transaction: &str,
    content: String,
) -> Result<(), Failure> {
    let path = format!("{}{transaction}", room.0);
    let authorization = Some(&user.authorization);
    http.ok(Method::PUT, &path, authorization, content).await.map(drop)
}

/// Where messages of a room are sent to, encoded once.
#[derive(Clone, Debug)]
pub struct RoomPath(String);

impl RoomPath {
    pub fn new(room: &str) -> Self {
        let room = segment(room);
        Self(format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/"))
    }
}

/// One `/sync`; `query` is already encoded.
pub async fn sync(http: &mut Http, user: &User, query: &str) -> Result<Bytes, Failure> {
    let path = format!("/_matrix/client/v3/sync?set_presence=offline&{query}");
    http.ok(Method::GET, &path, Some(&user.authorization), "").await
}

/// The user's present position, asked for without any room's content.
pub async fn position(http: &mut Http, user: &User) -> Result<String, Failure> {
    let nothing = r#"{"room":{"rooms":[]},"presence":{"types":[]},"account_data":{"types":[]}}"#;
    let body = sync(http, user, &format!("timeout=0&filter={}", segment(nothing))).await?;
    next_batch(&body).map(str::to_owned)
}

/// Finds the token without parsing the body. In a JSON string the quotes would be escaped.
pub fn next_batch(body: &[u8]) -> Result<&str, Failure> {
    const KEY: &[u8] = br#""next_batch""#;
    memmem::find(body, KEY)
        .and_then(|at| body[at + KEY.len()..].splitn(3, |b| *b == b'"').nth(1))
        .and_then(|token| std::str::from_utf8(token).ok())
        .ok_or_else(|| Failure::bad_answer("a sync body without next_batch"))
}

/// Percent-encodes everything but unreserved characters.
pub fn segment(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(format!("Bearer {token}")).map_err(Failure::bad_answer)
}

async fn post(http: &mut Http, user: &User, path: &str, body: String) -> Result<Bytes, Failure> {
    http.ok(Method::POST, path, Some(&user.authorization), body).await
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(Failure::bad_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_with_and_without_spaces() {
        assert_eq!(next_batch(br#"{"next_batch":"s1_2"}"#).unwrap(), "s1_2");
        assert_eq!(next_batch(br#"{"rooms":{},"next_batch": "s3","a":1}"#).unwrap(), "s3");
        assert!(next_batch(b"{}").is_err());
    }

    #[test]
    fn a_message_that_quotes_the_key_is_not_taken_for_the_token() {
        let body = br#"{"body":"\"next_batch\":\"evil\"","next_batch":"good"}"#;
        assert_eq!(next_batch(body).unwrap(), "good");
    }

    #[test]
    fn a_room_id_is_encoded_as_one_path_segment() {
        assert_eq!(segment("!a/b:c"), "%21a%2Fb%3Ac");
    }
}
