//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}[/{fileName}]`

use e2e::{Client, Server, User};

use super::{download_path, refused, upload};

async fn header(server: &Client, user: &User, path: &str, name: &str) -> String {
    let (status, headers, _) = server.get(path).by(user).send_raw().await;
    assert_eq!(status, 200, "{path}");
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn nothing_that_was_uploaded_may_run() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (content_type, disposition) in
        [("text/html", "attachment"), ("image/svg+xml", "attachment"), ("image/png", "inline")]
    {
        let uri = upload(&server, &alice, content_type, "<script>alert(1)</script>").await;
        let (status, headers, _) = server.get(&download_path(&uri)).by(&alice).send_raw().await;
        assert_eq!(status, 200);
        assert_eq!(headers["content-disposition"], disposition, "{content_type}");
        assert_eq!(headers["content-type"], content_type);
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("sandbox; default-src 'none'; script-src 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
        assert_eq!(headers["cache-control"], "private, max-age=31536000, immutable");
    }
}

#[tokio::test]
async fn a_file_has_the_name_it_was_uploaded_or_is_asked_for_with() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let request = server.request("POST", "/_matrix/media/v3/upload?filename=na%C3%AFve%20%22x%22%0D%0A.txt");
    let uri = super::uri(&request.by(&alice).header("content-type", "text/plain").body("x").ok().await);
    let disposition = header(&server, &alice, &download_path(&uri), "content-disposition").await;
    assert_eq!(disposition, "inline; filename*=utf-8''na%C3%AFve%20%22x%22%0D%0A.txt");
    let renamed = format!("{}/other%20name.txt", download_path(&uri));
    let disposition = header(&server, &alice, &renamed, "content-disposition").await;
    assert_eq!(disposition, "inline; filename=\"other name.txt\"");
}

#[tokio::test]
async fn players_can_seek() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 253) as u8).collect();
    let uri = upload(&server, &alice, "video/mp4", bytes.clone()).await;
    let ask = |range: &str| server.get(&download_path(&uri)).by(&alice).header("range", range).send_raw();
    for (range, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=600000-700000", 600_000, 700_001), ("bytes=-5", 999_995, 1_000_000)]
    {
        let (status, headers, body) = ask(range).await;
        assert_eq!(status, 206, "{range}");
        assert_eq!(headers["content-range"], format!("bytes {from}-{}/1000000", to - 1));
        assert_eq!(headers["content-length"], (to - from).to_string());
        assert!(body == bytes[from..to], "{range}");
    }
    let (status, headers, _) = ask("bytes=1000000-").await;
    assert_eq!((status, headers["content-range"].to_str().unwrap()), (416, "bytes */1000000"));
    let (status, headers, body) = ask("bytes=1-2,5-6").await;
    assert_eq!((status, body.len()), (200, 1_000_000));
    assert_eq!(headers["accept-ranges"], "bytes");
    let (status, headers, body) = server.request("HEAD", &download_path(&uri)).by(&alice).send_raw().await;
    assert_eq!((status, body.len(), headers["content-length"].to_str().unwrap()), (200, 0, "1000000"));
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = upload(&server, &alice, "text/plain", "hello").await;
    let etag = header(&server, &alice, &download_path(&uri), "etag").await;
    let (status, headers, body) =
        server.get(&download_path(&uri)).by(&alice).header("if-none-match", &etag).send_raw().await;
    assert_eq!((status, body.len(), headers["etag"].to_str().unwrap()), (304, 0, etag.as_str()));
    let (status, _, _) = server.get(&download_path(&uri)).header("if-none-match", &etag).send_raw().await;
    assert_eq!(status, 401, "a token is asked for first");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = upload(&server, &alice, "text/plain", "hello").await;
    let id = uri.strip_prefix("localhost/").unwrap();
    refused(server.get(&download_path(&uri)).send().await, 401, "M_MISSING_TOKEN");
    refused(server.get(&download_path(&uri)).token("nonsense").send().await, 401, "M_UNKNOWN_TOKEN");
    for unknown in [
        format!("elsewhere.org/{id}"),
        "localhost/unknown".to_owned(),
        "localhost/..%2F..%2Fchatbook.db".to_owned(),
        "localhost/..".to_owned(),
        "localhost/%2e%2e".to_owned(),
        format!("localhost/{}", "x".repeat(5000)),
        format!("localhost/{id}%00"),
    ] {
        refused(server.get(&download_path(&unknown)).by(&alice).send().await, 404, "M_NOT_FOUND");
    }
    let (status, _) = server.get(&download_path("localhost/%ff%fe")).by(&alice).send().await;
    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test]
async fn nothing_is_given_out_without_authentication() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = upload(&server, &alice, "text/plain", "hello").await;
    for path in ["download", "thumbnail"].map(|what| format!("/_matrix/media/v3/{what}/{uri}")) {
        refused(server.get(&path).send().await, 404, "M_NOT_FOUND");
        refused(server.get(&path).by(&alice).send().await, 404, "M_NOT_FOUND");
    }
}
