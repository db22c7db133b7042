//! A node as a load balancer sees it: answers requests, says whether it is ready, echoes on a "WebSocket".

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The answer to [`upgrade`]; HAProxy checks that it fits the key (both are RFC 6455's example).
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub struct Backend {
    pub addr: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

pub struct State {
    name: &'static str,
    /// The status of every answer but that of the ready check.
    pub status: AtomicU16,
    pub ready: AtomicU16,
    /// Requests that came, without checks.
    pub requests: AtomicUsize,
    pub connections: AtomicUsize,
}

impl Backend {
    pub async fn start(name: &'static str) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let state = State {
            name,
            status: 200.into(),
            ready: 200.into(),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        };
        let state = Arc::new(state);
        let task = tokio::spawn(accept(listener, state.clone())).abort_handle();
        Backend { addr, state, task }
    }

    /// Breaks off everything and refuses what comes.
    pub fn kill(&self) {
        self.task.abort();
    }
}

impl std::ops::Deref for Backend {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, state.clone()));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut counted = false;
    loop {
        let head = head(&mut stream).await?;
        let first = head.lines().next().unwrap_or_default().to_owned();
        let mut body = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let check = first.contains("/_chatbook/ready");
        if !check {
            state.requests.fetch_add(1, SeqCst);
            state.connections.fetch_add(usize::from(!counted), SeqCst);
            counted = true;
        }
        if header(&head, "upgrade") == "websocket" {
            stream.write_all(SWITCHING.as_bytes()).await?;
            return echo(stream).await;
        }
        let status = if check { &state.ready } else { &state.status }.load(SeqCst);
        if status == 0 {
            // As if it were killed before it answers.
            return Ok(());
        }
        let (name, proto, client) = (state.name, header(&head, "x-forwarded-proto"), header(&head, "x-forwarded-for"));
        let text = format!("{name} {proto} {client} {}", body.len());
        let answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn echo(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte).await?;
        stream.write_all(&byte).await?;
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

pub fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect::<Vec<_>>().join(",")
}

/// A client: one request over a connection of its own; status and body.
pub async fn ask(addr: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, String)> {
    let (head, text) = answer(addr, method, path, body).await?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok((status, text))
}

/// Asks, and returns the answer's head and text.
pub async fn answer(addr: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<(String, String)> {
    let mut stream = BufReader::new(TcpStream::connect(addr).await?);
    let length = body.len();
    let head_text = format!(
        "{method} {path} HTTP/1.1\r\nHost: chat.example.org\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head_text.as_bytes()).await?;
    // A body that is refused is not read.
    stream.write_all(body).await.ok();
    let head = head(&mut stream).await?;
    let mut text = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut text).await?;
    Ok((head, String::from_utf8_lossy(&text).into_owned()))
}

/// A client's "WebSocket", open.
pub async fn upgrade(addr: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let mut stream = BufReader::new(TcpStream::connect(addr).await?);
    let text = "GET /_matrix/client/unstable/org.chatbook.stream HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(text.as_bytes()).await?;
    let head = head(&mut stream).await?;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    Ok(stream)
}
