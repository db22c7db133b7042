//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`

use e2e::{Client, Request, Server, User};

use super::{refused, upload};

fn ask(server: &Client, user: &User, uri: &str, query: &str) -> Request {
    server.get(&format!("/_matrix/client/v1/media/thumbnail/{uri}?{query}")).by(user)
}

/// A grey PNG, uncompressed. Only the head is there if `pixels` is false.
fn png_with(width: u32, height: u32, pixels: bool) -> Vec<u8> {
    let row = vec![0; width as usize + 1];
    let rows = if pixels { row.repeat(height as usize) } else { row };
    let mut zlib = vec![0x78, 0x01];
    let mut chunks = rows.chunks(0xffff).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap();
        zlib.push(u8::from(chunks.peek().is_none()));
        zlib.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        zlib.extend(chunk);
    }
    // Adler-32 of zeros.
    let length = u32::try_from(rows.len() % 65_521).unwrap();
    zlib.extend((length << 16 | 1).to_be_bytes());
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    [signature, chunk(b"IHDR", &head), chunk(b"IDAT", &zlib), chunk(b"IEND", b"")].concat()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    png_with(width, height, true)
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    let mut crc = u32::MAX;
    for byte in &body {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
}

/// Width and height in the frame header of a baseline JPEG.
fn dimensions(jpeg: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
        if number(at) == 0xffc0 {
            return (number(at + 7), number(at + 5));
        }
        at += 2 + usize::from(number(at + 2));
    }
}

#[tokio::test]
async fn a_picture_is_made_small() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = upload(&server, &alice, "image/png", png(1000, 500)).await;
    for (query, expected) in [
        ("width=32&height=32&method=crop", (32, 32)),
        ("width=60&height=60&method=crop&animated=true", (96, 96)),
        ("width=200&height=200&method=scale&animated=false", (320, 160)),
        ("width=640&height=480", (640, 320)),
        ("width=4000&height=4000", (800, 400)),
    ] {
        for _ in 0..2 {
            let (status, headers, bytes) = ask(&server, &alice, &uri, query).send_raw().await;
            assert_eq!(status, 200, "{query}");
            assert_eq!(dimensions(&bytes), expected, "{query}");
            assert_eq!(headers["content-type"], "image/jpeg");
            assert_eq!(headers["content-disposition"], "inline; filename=\"thumbnail.jpg\"");
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
    }
    let (_, headers, _) = ask(&server, &alice, &uri, "width=32&height=32").send_raw().await;
    let etag = headers["etag"].to_str().unwrap();
    let again = ask(&server, &alice, &uri, "width=32&height=32").header("if-none-match", etag).send_raw().await;
    assert_eq!(again.0, 304);
    let crop = ask(&server, &alice, &uri, "width=32&height=32&method=crop").header("if-none-match", etag);
    assert_eq!(crop.send_raw().await.0, 200, "another size is something else");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = upload(&server, &alice, "image/png", png(100, 100)).await;
    for query in [
        "width=0&height=32",
        "width=32&height=-1",
        "width=999999999&height=32",
        "width=99999999999999999999&height=32",
        "width=1.5&height=32",
        "width=x&height=32",
        "width=32&height=32&method=stretch",
        "width=32&height=32&animated=perhaps",
        "width=32&height=32&timeout_ms=-1",
    ] {
        refused(ask(&server, &alice, &uri, query).send().await, 400, "M_INVALID_PARAM");
    }
    refused(ask(&server, &alice, &uri, "width=32").send().await, 400, "M_MISSING_PARAM");
    refused(ask(&server, &alice, &uri, "").send().await, 400, "M_MISSING_PARAM");
    refused(ask(&server, &alice, "localhost/none", "width=32&height=32").send().await, 404, "M_NOT_FOUND");
    refused(ask(&server, &alice, "elsewhere.org/x", "width=32&height=32").send().await, 404, "M_NOT_FOUND");
    let anonymous = server.get(&format!("/_matrix/client/v1/media/thumbnail/{uri}?width=32&height=32"));
    refused(anonymous.send().await, 401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn what_is_no_picture_has_no_thumbnail() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (content_type, bytes) in [
        ("application/octet-stream", png(100, 100)),
        ("video/mp4", b"ftyp".to_vec()),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("image/png", b"encrypted".to_vec()),
        ("image/png", png(100, 100)[..60].to_vec()),
        ("image/png", Vec::new()),
    ] {
        let uri = upload(&server, &alice, content_type, bytes).await;
        refused(ask(&server, &alice, &uri, "width=32&height=32").send().await, 400, "M_UNKNOWN");
    }
}

#[tokio::test]
async fn a_decompression_bomb_is_refused() {
    let server = Server::with(|settings| settings.rules.media.thumbnail_pixels = 4_000_000).await;
    let alice = server.register("alice").await;
    let gif = b"GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00\x3b";
    for (content_type, bytes) in [("image/gif", gif.to_vec()), ("image/png", png_with(50_000, 50_000, false))] {
        assert!(bytes.len() < 100_000);
        let uri = upload(&server, &alice, content_type, bytes).await;
        refused(ask(&server, &alice, &uri, "width=32&height=32").send().await, 413, "M_TOO_LARGE");
    }
}
