//! `POST /_matrix/media/v3/upload`, and the configuration that tells its limit

use std::{net::SocketAddr, process::Command};

use e2e::{Process, Server, User, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{download_path, emptied, files, refused, upload};

const UPLOAD: &str = "/_matrix/media/v3/upload";

#[tokio::test]
async fn what_is_uploaded_comes_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let uri = upload(&server, &alice, "text/plain", "hello").await;
    assert!(uri.starts_with("localhost/"));
    let (status, headers, body) = server.get(&download_path(&uri)).by(&bob).send_raw().await;
    assert_eq!((status, &body[..], &headers["content-type"]), (200, &b"hello"[..], &"text/plain".parse().unwrap()));
    let other = upload(&server, &alice, "text/plain", "hello").await;
    assert_ne!(uri, other);
    let empty = upload(&server, &alice, "", "").await;
    let (status, headers, body) = server.get(&download_path(&empty)).by(&bob).send_raw().await;
    assert_eq!((status, body.len(), &headers["content-type"]), (200, 0, &"application/octet-stream".parse().unwrap()));
}

#[tokio::test]
async fn uploads_need_a_token_a_type_and_a_short_name() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let post = |query: &str| server.request("POST", &format!("{UPLOAD}{query}")).body("x");
    refused(post("").send().await, 401, "M_MISSING_TOKEN");
    refused(post("").token("nonsense").send().await, 401, "M_UNKNOWN_TOKEN");
    for content_type in ["image", "image/", "/png", "im age/png", &format!("a/{}", "b".repeat(300))] {
        refused(post("").by(&alice).header("content-type", content_type).send().await, 400, "M_INVALID_PARAM");
    }
    refused(post(&format!("?filename={}", "x".repeat(2000))).by(&alice).send().await, 400, "M_INVALID_PARAM");
    refused(server.get(UPLOAD).by(&alice).send().await, 405, "M_UNRECOGNIZED");
}

#[tokio::test]
async fn the_limit_is_told_and_holds() {
    let server = Server::with(|settings| settings.rules.limits.upload_bytes = 3_000_000).await;
    let alice = server.register("alice").await;
    for path in ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"] {
        assert_eq!(server.get(path).by(&alice).ok().await, json!({ "m.upload.size": 3_000_000 }));
        refused(server.get(path).send().await, 401, "M_MISSING_TOKEN");
    }
    upload(&server, &alice, "a/b", vec![7; 3_000_000]).await;
    let too_much = server.request("POST", UPLOAD).by(&alice).header("content-type", "a/b").body(vec![7; 3_000_001]);
    refused(too_much.send().await, 413, "M_TOO_LARGE");
}

#[tokio::test]
async fn the_quota_holds() {
    let server = Server::with(|settings| settings.rules.media.quota_bytes = 1000).await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    upload(&server, &alice, "a/b", vec![7; 900]).await;
    refused(server.request("POST", UPLOAD).by(&alice).body(vec![7; 101]).send().await, 403, "M_FORBIDDEN");
    upload(&server, &alice, "a/b", vec![7; 100]).await;
    upload(&server, &bob, "a/b", vec![7; 900]).await;
}

/// Begins an upload without a declared size and sends some of it.
async fn begin_chunked(addr: SocketAddr, user: &User, chunks: usize) -> TcpStream {
    let mut connection = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: a/b\r\ntransfer-encoding: chunked\r\n\r\n",
        user.token
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![7; 65536], b"\r\n".to_vec()].concat();
    for _ in 0..chunks {
        // The server may have answered and closed by now.
        if connection.write_all(&chunk).await.is_err() {
            break;
        }
    }
    connection
}

#[tokio::test]
async fn an_upload_that_grows_past_the_limit_is_cut_off() {
    let data = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    let process = Process::spawn_in(data, &[("CHATBOOK_LIMITS__UPLOAD_BYTES", "1000000")]).await;
    let alice = process.register("alice").await;
    let mut connection = begin_chunked(process.addr(), &alice, 40).await;
    let mut answer = vec![0; 4096];
    let read = connection.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("M_TOO_LARGE"), "{answer}");
    emptied(&process.data().join("media")).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let process = Process::spawn().await;
    let alice = process.register("alice").await;
    let media = process.data().join("media");
    let connection = begin_chunked(process.addr(), &alice, 40).await;
    while files(&media).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(connection);
    emptied(&media).await;
}

#[tokio::test]
async fn a_killed_server_forgets_half_uploads_and_keeps_whole_ones() {
    let mut process = Process::spawn().await;
    let alice = process.register("alice").await;
    let whole = upload(&process, &alice, "a/b", vec![9; 2_000_000]).await;
    let _half = begin_chunked(process.addr(), &alice, 40).await;
    let media = process.data().join("media");
    while files(&media).len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    process.kill().await;
    assert_eq!(files(&media).len(), 2);
    // Where nodes share the files, it could be another's that is yet to come: until a day has passed.
    for file in files(&media) {
        let file = std::fs::File::options().write(true).open(file).unwrap();
        let before = file.metadata().unwrap().modified().unwrap() - std::time::Duration::from_secs(25 * 3600);
        file.set_modified(before).unwrap();
    }
    let process = process.restart().await;
    for _ in 0..500 {
        if files(&media).len() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(files(&media).len(), 1, "the half one is gone");
    let (status, _, bytes) = process.get(&download_path(&whole)).by(&alice).send_raw().await;
    assert_eq!((status, bytes.len()), (200, 2_000_000));
}

/// The most memory that a process has used, bytes.
fn peak_memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn fifty_megabytes_go_in_and_out_in_little_memory() {
    let process = Process::spawn().await;
    let alice = process.register("alice").await;
    upload(&process, &alice, "a/b", vec![1; 1000]).await;
    let before = peak_memory(&process);
    let bytes: Vec<u8> = (0..50_000_000_u32).map(|n| (n % 253) as u8).collect();
    let uri = upload(&process, &alice, "video/mp4", bytes.clone()).await;
    let (status, _, got) = process.get(&download_path(&uri)).by(&alice).send_raw().await;
    assert_eq!(status, 200);
    assert!(got == bytes, "the bytes differ");
    let grown = peak_memory(&process) - before;
    assert!(grown < 15_000_000, "the server has grown by {grown} bytes");
}

/// A small file system, unmounted when dropped.
struct Mounted<'a>(&'a std::path::Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

/// Needs the right to mount a file system (root), and says so where it is missing. The crate `media` tests the same
/// with a store that pretends to be full.
#[tokio::test]
async fn a_full_disk_is_told_leaves_nothing_and_can_be_freed() {
    let process = Process::spawn().await;
    let alice = process.register("alice").await;
    let media = process.data().join("media");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&media).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: mounting a small file system needs root");
        return;
    }
    let _mounted = Mounted(&media);
    let kept = upload(&process, &alice, "a/b", vec![7; 2_000_000]).await;
    for size in [3_000_000, 2_300_000] {
        let request = process.request("POST", UPLOAD).by(&alice).header("content-type", "a/b").body(vec![7; size]);
        refused(request.send().await, 507, "ORG.CHATBOOK.STORAGE_FULL");
        assert_eq!(files(&media).len(), 1, "only what was kept: {:?}", files(&media));
    }
    assert_eq!(process.get(&download_path(&kept)).by(&alice).send_raw().await.2.len(), 2_000_000, "reads go on");
    std::fs::remove_file(&files(&media)[0]).unwrap();
    upload(&process, &alice, "a/b", vec![7; 3_000_000]).await;
}
