//! A full disk: what cannot be kept is refused in so many words, reading goes on, and room is all it takes to recover.

use std::{fs, path::Path, process::Command, sync::Arc};

use e2e::{Process, User, Value, json};
use tempfile::TempDir;

/// A small file system in memory, for root only. Unmounted when dropped.
struct SmallDisk {
    directory: Arc<TempDir>,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = Arc::new(TempDir::new().expect("a directory"));
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(directory.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self { directory })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.directory.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.directory.path().display());
    }
}

#[tokio::test]
async fn when_the_disk_is_full_sends_say_so_reads_go_on_and_free_space_ends_it_without_a_restart() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    let process = Process::spawn_in(disk.directory.clone(), &[e2e::SQLITE]).await;
    let alice = process.register("alice").await;
    let room = process.post("/_matrix/client/v3/createRoom", json!({ "name": "Tea" })).by(&alice).ok().await;
    let room = room["room_id"].as_str().expect("a room id").to_owned();
    let first = process.get("/_matrix/client/v3/sync").by(&alice).ok().await;
    let since = first["next_batch"].as_str().expect("a token").to_owned();
    let kept = send(&process, &alice, &room, "kept").await;
    assert_eq!(kept.0, 200, "{}", kept.1);
    let key = json!({ "messages": { &alice.id: { &alice.device: { "key": 1 } } } });
    process.put("/_matrix/client/v3/sendToDevice/org.example.key/1", key).by(&alice).ok().await;
    let sync = async |since: &str| process.get(&format!("/_matrix/client/v3/sync?since={since}")).by(&alice).ok().await;
    let given = sync(&since).await;
    let token = given["next_batch"].as_str().expect("a token").to_owned();
    assert_eq!(keys(&given), 1);

    fill(disk.directory.path());
    let mut refused = None;
    for number in 0..200 {
        let (status, answer) = send(&process, &alice, &room, &format!("message{number}")).await;
        if status != 200 {
            refused = Some((number, status, answer));
            break;
        }
    }
    let (number, status, answer) = refused.expect("the disk is full at last");
    assert_eq!((status, answer["errcode"].as_str()), (507, Some("ORG.CHATBOOK.STORAGE_FULL")), "{answer}");
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("full")), "{answer}");
    let messages = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100");
    let history = process.get(&messages).by(&alice).ok().await;
    assert_eq!(bodies(&history["chunk"]).len(), number + 1, "what was refused left something behind");
    sync(&since).await;
    // What this acknowledges cannot be removed now.
    let acknowledged = sync(&token).await;
    assert_eq!(keys(&acknowledged), 0);

    fs::remove_file(disk.directory.path().join("ballast")).expect("space is freed");
    let (status, answer) = send(&process, &alice, &room, &format!("message{number}")).await;
    assert_eq!(status, 200, "the same send, repeated: {answer}");
    let history = process.get(&messages).by(&alice).ok().await;
    assert_eq!(bodies(&history["chunk"])[0], format!("message{number}"));
    assert_eq!(bodies(&history["chunk"]).len(), number + 2);
    sync(acknowledged["next_batch"].as_str().expect("a token")).await;
    assert_eq!(keys(&sync(&since).await), 0, "the next token has removed it");
    drop(process);
}

/// How many messages to the device came.
fn keys(synced: &Value) -> usize {
    synced["to_device"]["events"].as_array().map_or(0, Vec::len)
}

/// Takes whatever space is left.
fn fill(directory: &Path) {
    let ballast = directory.join("ballast");
    let mut file = fs::File::create(&ballast).expect("the ballast is made");
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
}

async fn send(process: &Process, user: &User, room: &str, text: &str) -> (u16, Value) {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{text}");
    // Large enough to need new pages soon.
    let body = json!({ "msgtype": "m.text", "body": text, "padding": "x".repeat(8000) });
    process.put(&path, body).by(user).send().await
}

/// The messages' texts, newest first.
fn bodies(events: &Value) -> Vec<String> {
    let messages = events.as_array().expect("events").iter().filter(|event| event["type"] == "m.room.message");
    messages.map(|event| event["content"]["body"].as_str().expect("a body").to_owned()).collect()
}
