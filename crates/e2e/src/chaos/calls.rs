//! Operations as requests over HTTP or over a WebSocket, and what their answers mean.

use serde_json::{Value, json};

use super::history::{Action, Moderation};
use crate::{Client, Request, User, encode};

/// What is said when the database's disk is full.
const FULL: &str = "ORG.CHATBOOK.STORAGE_FULL";

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Done; the ids that it brought.
    Done(Vec<String>),
    /// Refused, with a status and an errcode.
    Refused(u16, String),
    /// To be tried again: nobody knows whether it was done.
    Again,
    /// No server may answer that.
    Wrong(String),
}

/// The request for an operation.
pub fn request(client: &Client, user: &User, room: &str, action: &Action) -> Request {
    let own = |rest: &str| format!("/_matrix/client/v3/user/{}/{rest}", encode(&user.id));
    let of_room = |rest: &str| client.room(room, rest);
    let request = match action {
        Action::Send(text) => client.put(&of_room(&format!("send/m.room.message/{text}")), message(text)),
        Action::Redact(event, txn) => client.put(&of_room(&format!("redact/{}/{txn}", encode(event))), json!({})),
        Action::Topic(text) => client.put(&of_room("state/m.room.topic/"), json!({ "topic": text })),
        Action::Create => client.post("/_matrix/client/v3/createRoom", json!({ "preset": "public_chat" })),
        Action::Join => client.post(&of_room("join"), json!({})),
        Action::Leave => client.post(&of_room("leave"), json!({})),
        Action::Moderate(moderation, whom) => {
            let verb = match moderation {
                Moderation::Invite => "invite",
                Moderation::Kick => "kick",
                Moderation::Ban => "ban",
                Moderation::Unban => "unban",
            };
            client.post(&of_room(verb), json!({ "user_id": whom }))
        }
        Action::Read(event) => client.post(&of_room(&format!("receipt/m.read/{}", encode(event))), json!({})),
        Action::AccountData(kind, n) => client.put(&own(&format!("account_data/{kind}")), json!({ "n": n })),
        Action::Tag(tag, n) => {
            let path = own(&format!("rooms/{}/tags/{tag}", encode(room)));
            client.put(&path, json!({ "n": n }))
        }
        Action::ToDevice(whom, device, n) => {
            let path = format!("/_matrix/client/v3/sendToDevice/org.example.n/d{n}");
            client.put(&path, json!({ "messages": { whom: { device: { "n": n } } } }))
        }
        Action::History => client.get(&of_room("messages?dir=b&limit=40")),
        Action::Members => client.get(&of_room("members")),
        Action::State => client.get(&of_room("state")),
    };
    request.by(user)
}

fn message(text: &str) -> Value {
    json!({ "msgtype": "m.text", "body": text })
}

/// Method and parameters of the operation over a WebSocket, if it can be asked for there.
pub fn call(room: &str, action: &Action) -> Option<(&'static str, Value)> {
    Some(match action {
        Action::Send(text) => {
            ("send", json!({ "room_id": room, "type": "m.room.message", "txn_id": text, "content": message(text) }))
        }
        Action::Redact(event, txn) => ("redact", json!({ "room_id": room, "event_id": event, "txn_id": txn })),
        Action::Topic(text) => {
            ("state", json!({ "room_id": room, "type": "m.room.topic", "content": { "topic": text } }))
        }
        Action::Read(event) => ("receipt", json!({ "room_id": room, "receipt_type": "m.read", "event_id": event })),
        _ => return None,
    })
}

/// What an answer over HTTP means.
pub fn over_http(action: &Action, status: u16, body: &[u8]) -> Meaning {
    let text = || String::from_utf8_lossy(body).chars().take(300).collect::<String>();
    // What the load balancer says if it finds no node.
    if matches!(status, 502 | 504) {
        return Meaning::Again;
    }
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return Meaning::Wrong(format!("{status} without JSON: {}", text()));
    };
    match (status, json["errcode"].as_str()) {
        (200, _) => done(action, &json),
        (429 | 503, Some(_)) => Meaning::Again,
        // Which says that nothing was done. Who reads needs no room.
        (507, Some(FULL)) if !action.reads() => Meaning::Refused(status, FULL.to_owned()),
        (403, Some(errcode)) => Meaning::Refused(status, errcode.to_owned()),
        _ => Meaning::Wrong(format!("{status} {}", text())),
    }
}

/// What a frame that answers a call means.
pub fn over_socket(action: &Action, frame: &Value) -> Meaning {
    if frame["result"].is_object() {
        return done(action, &frame["result"]);
    }
    match (frame["error"]["errcode"].as_str(), frame["error"]["error"].as_str()) {
        (Some("M_FORBIDDEN"), _) => Meaning::Refused(403, "M_FORBIDDEN".into()),
        (Some(FULL), _) => Meaning::Refused(507, FULL.to_owned()),
        (Some("M_LIMIT_EXCEEDED" | "ORG.CHATBOOK.STORAGE_UNAVAILABLE"), _) => Meaning::Again,
        // The same code stands for a server that stops and for one that fails.
        (Some("M_UNKNOWN"), Some(error)) if error.contains("stopping") => Meaning::Again,
        _ => Meaning::Wrong(format!("over a WebSocket: {frame}")),
    }
}

fn done(action: &Action, json: &Value) -> Meaning {
    let one = |name: &str| json[name].as_str().map(|id| vec![id.to_owned()]);
    let many = |events: &Value| {
        let id = |event: &Value| event["event_id"].as_str().map(ToOwned::to_owned);
        events.as_array().and_then(|events| events.iter().map(id).collect::<Option<Vec<_>>>())
    };
    let ids = match action {
        Action::Send(_) | Action::Redact(..) | Action::Topic(_) => one("event_id"),
        Action::Create => one("room_id"),
        Action::History | Action::Members => many(&json["chunk"]),
        Action::State => many(json),
        _ => Some(Vec::new()),
    };
    ids.map_or_else(|| Meaning::Wrong(format!("no ids in the answer to {action:?}: {json}")), Meaning::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> Meaning {
        over_http(&Action::Send("a".into()), status, body.as_bytes())
    }

    #[test]
    fn what_no_server_may_answer_is_told_from_what_a_fault_may_cause() {
        assert_eq!(http(200, r#"{"event_id":"$a"}"#), Meaning::Done(vec!["$a".into()]));
        assert_eq!(http(502, "<html>"), Meaning::Again);
        assert_eq!(http(503, r#"{"errcode":"M_UNKNOWN"}"#), Meaning::Again);
        assert_eq!(http(403, r#"{"errcode":"M_FORBIDDEN"}"#), Meaning::Refused(403, "M_FORBIDDEN".into()));
        let full = format!(r#"{{"errcode":"{FULL}"}}"#);
        assert_eq!(http(507, &full), Meaning::Refused(507, FULL.into()));
        assert!(matches!(over_http(&Action::History, 507, full.as_bytes()), Meaning::Wrong(_)));
        for (status, body) in [
            (200, "{}"),
            (200, "{\"event_id\":"),
            (500, r#"{"errcode":"M_UNKNOWN"}"#),
            (503, "busy"),
            (401, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#),
            (404, r#"{"errcode":"M_NOT_FOUND"}"#),
        ] {
            assert!(matches!(http(status, body), Meaning::Wrong(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_frame_means_what_the_answer_over_http_would() {
        let meaning = |frame| over_socket(&Action::Send("a".into()), &frame);
        assert_eq!(meaning(json!({ "result": { "event_id": "$a" } })), Meaning::Done(vec!["$a".into()]));
        let stopping = json!({ "error": { "errcode": "M_UNKNOWN", "error": "The server is stopping; …" } });
        assert_eq!(meaning(stopping), Meaning::Again);
        let failed = json!({ "error": { "errcode": "M_UNKNOWN", "error": "Something went wrong on the server." } });
        assert!(matches!(meaning(failed), Meaning::Wrong(_)));
        assert!(matches!(meaning(json!({})), Meaning::Wrong(_)));
    }
}
