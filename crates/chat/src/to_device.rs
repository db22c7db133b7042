//! Messages from device to device: in order, kept until acknowledged, sent once per transaction id.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde_json::{Map, Value, json};
use store::{
    log::{Change, Commit, Shard, TxnKey},
    to_device,
};

use crate::{Chat, Error, Result, sessions::Session};

/// Messages in one request, one for each device that gets it.
const MAX_MESSAGES: usize = 10_000;
/// The largest content, bytes of JSON.
const MAX: usize = 65_536;
/// What all of them together take at most, bytes of JSON.
const MAX_ALL: usize = 4 * 1024 * 1024;

/// Content by user and device; the device `*` stands for all of the user's devices.
pub type Messages = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

/// Queues the messages. Users and devices that do not exist are passed over, as the specification has it.
///
/// # Errors
/// M_TOO_LARGE, M_LIMIT_EXCEEDED.
pub async fn send(chat: &Chat, session: &Session, kind: &str, txn_id: &str, messages: &Messages) -> Result<()> {
    chat.rate_limits.check_message(&session.user_id)?;
    let too_large = || Error::matrix(413, "M_TOO_LARGE", "Too many or too large messages at once.");
    if messages.values().map(BTreeMap::len).sum::<usize>() > MAX_MESSAGES || kind.len() > 255 || txn_id.len() > 255 {
        return Err(too_large());
    }
    let mut commits: BTreeMap<Shard, Commit> = BTreeMap::new();
    let (mut count, mut bytes) = (0, 0);
    for (user_id, by_device) in messages {
        let (shard, devices) = (chat.user_shard(user_id), to_device::devices(&chat.db, user_id).await?);
        for (target, content) in by_device {
            let json = json!({ "content": content, "sender": session.user_id, "type": kind }).to_string();
            if json.len() > MAX {
                return Err(too_large());
            }
            for device_id in devices.iter().filter(|device| target == "*" || device.as_ref() == target) {
                (count, bytes) = (count + 1, bytes + json.len());
                if count > MAX_MESSAGES || bytes > MAX_ALL {
                    return Err(too_large());
                }
                let commit = commits.entry(shard).or_insert_with(|| new_commit(chat, session, kind, txn_id, shard));
                let idx = commit.writes.len() as i64;
                commit.writes.push(to_device::put(shard, user_id, device_id, idx, &json));
                commit
                    .changes
                    .push(Change::ToDevice { user_id: user_id.as_str().into(), device_id: device_id.clone() });
            }
        }
    }
    // Each shard's part is done once under the transaction id: after a failure the client sends all of it again.
    try_join_all(commits.into_values().map(|commit| chat.commit(commit))).await?;
    Ok(())
}

fn new_commit(chat: &Chat, session: &Session, kind: &str, txn_id: &str, shard: Shard) -> Commit {
    let txn = TxnKey {
        user_id: session.user_id.as_str().into(),
        device_id: session.device_id.clone(),
        scope: format!("to_device {kind}"),
        txn_id: txn_id.into(),
    };
    Commit { shard, ts: chat.env.now(), txn: Some(txn), ..Commit::default() }
}
