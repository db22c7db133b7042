//! Files: uploads, downloads, thumbnails.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod announced;
mod download;
mod thumbnail;
mod upload;

use std::path::Path;

use e2e::{Client, User, Value, json};

/// Uploads bytes and returns the part of the `mxc://` URI after the scheme.
async fn upload(server: &Client, user: &User, content_type: &str, bytes: impl Into<Vec<u8>>) -> String {
    let request = server.request("POST", "/_matrix/media/v3/upload").by(user).header("content-type", content_type);
    uri(&request.body(bytes.into()).ok().await)
}

fn uri(answer: &Value) -> String {
    answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned()
}

fn download_path(uri: &str) -> String {
    format!("/_matrix/client/v1/media/download/{uri}")
}

/// Asserts status and errcode of an answer.
#[track_caller]
fn refused((status, body): (u16, Value), expected: u16, errcode: &str) {
    assert_eq!((status, &body["errcode"]), (expected, &json!(errcode)), "{body}");
}

/// The files below a directory that belong to uploads.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.retain(|file| !file.ends_with(".started") && !file.ends_with("mark"));
    found
}

/// Waits until there are no files below a directory.
async fn emptied(dir: &Path) {
    for _ in 0..500 {
        if files(dir).is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("something is left: {:?}", files(dir));
}
