//! The requests that a client makes over its WebSocket: the same commands as over HTTP.

use std::sync::Arc;

use chat::{
    presence,
    receipts::{self, Kind},
    rooms::{redact, send},
    sessions::Session,
    sync::{changes::Follower, position::Token},
    typing,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use super::websocket::Call;
use crate::{
    error::{ApiError, ApiResult},
    extract::{App, parse},
};

/// Runs a request and returns the frame that answers it.
pub(super) async fn answer(chat: &App, session: &Arc<Session>, follower: &Follower, call: Call) -> String {
    let answer = match Box::pin(dispatch(chat, session, follower, &call)).await {
        Ok(result) => json!({ "id": call.id, "result": result }),
        Err(error) => json!({ "id": call.id, "error": error.into_body() }),
    };
    answer.to_string()
}

/// The presence that a `presence` request sets.
pub(super) fn presence_of(call: &Call) -> Option<presence::State> {
    params::<SetPresence>(call).ok().map(|params| params.presence)
}

fn params<T: DeserializeOwned>(call: &Call) -> ApiResult<T> {
    parse(call.params.as_ref().map_or("{}", |params| params.get()).as_bytes())
}

#[derive(Deserialize)]
struct Send {
    room_id: String,
    #[serde(rename = "type")]
    kind: String,
    txn_id: String,
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct SetState {
    room_id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Redact {
    room_id: String,
    event_id: String,
    txn_id: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Typing {
    room_id: String,
    typing: bool,
    timeout: Option<i64>,
}

#[derive(Deserialize)]
struct SetReceipt {
    room_id: String,
    receipt_type: String,
    event_id: String,
    thread_id: Option<String>,
}

#[derive(Deserialize)]
struct ReadMarker {
    room_id: String,
    #[serde(rename = "m.fully_read")]
    fully_read: Option<String>,
    #[serde(rename = "m.read")]
    read: Option<String>,
    #[serde(rename = "m.read.private")]
    read_private: Option<String>,
}

#[derive(Deserialize)]
struct SetPresence {
    presence: presence::State,
    status_msg: Option<String>,
}

#[derive(Deserialize)]
struct Ack {
    next_batch: String,
}

async fn dispatch(chat: &App, session: &Session, follower: &Follower, call: &Call) -> ApiResult<Value> {
    match call.method.as_str() {
        "ping" => {}
        "send" => {
            let Send { room_id, kind, txn_id, content } = params(call)?;
            let event_id = send::message(chat, session, &room_id, &kind, &txn_id, content).await?;
            return Ok(json!({ "event_id": event_id }));
        }
        "state" => {
            let SetState { room_id, kind, state_key, content } = params(call)?;
            let event_id = send::state(chat, session, &room_id, &kind, &state_key, content).await?;
            return Ok(json!({ "event_id": event_id }));
        }
        "redact" => {
            let Redact { room_id, event_id, txn_id, reason } = params(call)?;
            let event_id = redact::remove(chat, session, &room_id, &event_id, &txn_id, reason).await?;
            return Ok(json!({ "event_id": event_id }));
        }
        "typing" => {
            let Typing { room_id, typing, timeout } = params(call)?;
            typing::set(chat, session, &room_id, typing.then(|| timeout.unwrap_or(30_000))).await?;
        }
        "receipt" => {
            let SetReceipt { room_id, receipt_type, event_id, thread_id } = params(call)?;
            let kind = Kind::parse(&receipt_type)?;
            receipts::set(chat, session, &room_id, kind, &event_id, thread_id.as_deref()).await?;
        }
        "read_marker" => {
            let ReadMarker { room_id, fully_read, read, read_private } = params(call)?;
            let marks = [(Kind::FullyRead, fully_read), (Kind::Read, read), (Kind::ReadPrivate, read_private)];
            for (kind, event_id) in marks {
                if let Some(event_id) = event_id {
                    receipts::set(chat, session, &room_id, kind, &event_id, None).await?;
                }
            }
        }
        "presence" => {
            let SetPresence { presence, status_msg } = params(call)?;
            presence::set(chat, session, presence, status_msg).await?;
        }
        "ack" => {
            let Ack { next_batch } = params(call)?;
            let token: Token =
                next_batch.parse().map_err(|_| ApiError::invalid("`next_batch` is not a token of this server."))?;
            follower.acknowledge(&session.device_id, &token).await?;
        }
        method => {
            let message = format!("There is no method {method:?}.");
            return Err(ApiError::new(axum::http::StatusCode::NOT_FOUND, "M_UNRECOGNIZED", message));
        }
    }
    Ok(json!({}))
}
