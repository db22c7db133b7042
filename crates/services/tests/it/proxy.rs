//! The proxy's faults.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use services::{Cut, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const SILENCE: Duration = Duration::from_millis(200);

/// A proxy before a server that echoes.
async fn proxy() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                copy(&mut from, &mut to).await
            });
        }
    });
    Proxy::start(target).await.expect("a proxy")
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.addr()).await.expect("a connection")
}

async fn echoes(stream: &mut TcpStream) -> bool {
    stream.write_all(b"!").await.is_ok() && stream.read_u8().await.is_ok()
}

#[tokio::test]
async fn bytes_and_ends_go_through() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    stream.write_all(&vec![7; 1 << 16]).await.expect("sent");
    stream.shutdown().await.expect("the end of one direction");
    let mut back = Vec::new();
    stream.read_to_end(&mut back).await.expect("the rest");
    assert_eq!(back, vec![7; 1 << 16]);
}

#[tokio::test]
async fn a_refusing_proxy_has_no_connections_until_it_is_healed() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream).await);
    proxy.cut(Cut::Refuse).await.expect("cut");
    assert!(!echoes(&mut stream).await);
    assert!(TcpStream::connect(proxy.addr()).await.is_err());
    proxy.heal().await.expect("healed");
    assert!(echoes(&mut connect(&proxy).await).await);
}

#[tokio::test]
async fn a_black_hole_swallows_everything_and_breaks_nothing_off() {
    let proxy = proxy().await;
    let (mut busy, mut silent) = (connect(&proxy).await, connect(&proxy).await);
    assert!(echoes(&mut busy).await && echoes(&mut silent).await);
    proxy.cut(Cut::Blackhole).await.expect("cut");
    let mut new = connect(&proxy).await;
    assert!(timeout(SILENCE, echoes(&mut busy)).await.is_err());
    assert!(timeout(SILENCE, echoes(&mut new)).await.is_err());
    proxy.heal().await.expect("healed");
    assert!(!echoes(&mut busy).await, "it has lost a byte");
    assert!(!echoes(&mut new).await, "it has lost a byte");
    assert!(echoes(&mut silent).await, "it has lost nothing");
    assert!(echoes(&mut connect(&proxy).await).await);
}

/// A server that counts what it is sent, and answers; and a proxy before it.
async fn counting() -> (Proxy, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = listener.local_addr().expect("its address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                while stream.read_u8().await.is_ok() {
                    counted.fetch_add(1, SeqCst);
                    stream.write_all(b"!").await.ok();
                }
            });
        }
    });
    (Proxy::start(target).await.expect("a proxy"), count)
}

#[tokio::test]
async fn of_a_request_whose_answer_gets_lost_the_server_has_done_what_it_asks() {
    let (proxy, count) = counting().await;
    let mut old = connect(&proxy).await;
    assert!(echoes(&mut old).await);
    proxy.cut(Cut::LoseAnswers).await.expect("cut");
    let mut new = connect(&proxy).await;
    assert!(timeout(SILENCE, echoes(&mut old)).await.is_err());
    assert!(timeout(SILENCE, echoes(&mut new)).await.is_err());
    assert_eq!(count.load(SeqCst), 3);
    proxy.heal().await.expect("healed");
    assert!(!echoes(&mut old).await && !echoes(&mut new).await, "an answer is missing in the stream");
    assert!(echoes(&mut connect(&proxy).await).await);
}

#[tokio::test]
async fn a_request_that_gets_lost_is_never_seen_by_the_server() {
    let (proxy, count) = counting().await;
    let mut old = connect(&proxy).await;
    assert!(echoes(&mut old).await);
    proxy.cut(Cut::LoseRequests).await.expect("cut");
    let mut new = connect(&proxy).await;
    assert!(timeout(SILENCE, echoes(&mut old)).await.is_err());
    assert!(timeout(SILENCE, echoes(&mut new)).await.is_err());
    proxy.heal().await.expect("healed");
    assert!(!echoes(&mut old).await && !echoes(&mut new).await, "a request is missing in the stream");
    assert_eq!(count.load(SeqCst), 1);
    assert!(echoes(&mut connect(&proxy).await).await);
}

#[tokio::test]
async fn new_connections_lead_to_another_address_when_told_so() {
    let ((one, first), (other, second)) = (counting().await, counting().await);
    let mut old = connect(&one).await;
    assert!(echoes(&mut old).await);
    one.lead_to(other.addr()).await.expect("led");
    assert!(echoes(&mut connect(&one).await).await && echoes(&mut old).await);
    assert_eq!((first.load(SeqCst), second.load(SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_delay_holds_each_piece_in_either_direction() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream).await);
    proxy.delay(Duration::from_millis(50)).await.expect("a delay");
    let begin = Instant::now();
    assert!(echoes(&mut stream).await);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    proxy.delay(Duration::ZERO).await.expect("no delay");
    let begin = Instant::now();
    assert!(echoes(&mut stream).await);
    assert!(begin.elapsed() < Duration::from_millis(50));
}

#[tokio::test]
async fn a_dropped_proxy_refuses() {
    let proxy = proxy().await;
    let (addr, mut stream) = (proxy.addr(), connect(&proxy).await);
    assert!(echoes(&mut stream).await);
    drop(proxy);
    assert!(!echoes(&mut stream).await);
    assert!(TcpStream::connect(addr).await.is_err());
}
