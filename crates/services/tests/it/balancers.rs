//! nginx and HAProxy with the configurations that ship. What both promise is one suite.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use services::{Error, Haproxy, Nginx};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::backend::{Backend, answer, ask, header, upgrade};

const SEND: &str = "/_matrix/client/v3/rooms/!r/send/m.room.message/1";

/// Either load balancer.
trait Balancer: Sized {
    async fn start(backends: &[SocketAddr]) -> Result<Self, Error>;
    async fn start_in(directory: &Path, addr: SocketAddr, backends: &[SocketAddr]) -> Result<Self, Error>;
    async fn process(&self) -> Option<u32>;
    async fn start_again(&self) -> Result<(), Error>;
    fn addr(&self) -> SocketAddr;
    async fn set_backends(&self, backends: &[SocketAddr]) -> Result<(), Error>;
    async fn stop(&self);
}

macro_rules! suite {
    ($module:ident, $balancer:ident) => {
        impl Balancer for $balancer {
            async fn start(backends: &[SocketAddr]) -> Result<Self, Error> {
                $balancer::start(backends).await
            }
            async fn start_in(directory: &Path, addr: SocketAddr, backends: &[SocketAddr]) -> Result<Self, Error> {
                $balancer::start_in(directory, addr, backends).await
            }
            async fn process(&self) -> Option<u32> {
                $balancer::process(self).await
            }
            async fn start_again(&self) -> Result<(), Error> {
                $balancer::start_again(self).await
            }
            fn addr(&self) -> SocketAddr {
                $balancer::addr(self)
            }
            async fn set_backends(&self, backends: &[SocketAddr]) -> Result<(), Error> {
                $balancer::set_backends(self, backends).await
            }
            async fn stop(&self) {
                $balancer::stop(self).await
            }
        }

        mod $module {
            use services::$balancer as Balancer;

            #[tokio::test]
            async fn a_dead_backend_is_passed_over_at_once() {
                super::a_dead_backend_is_passed_over_at_once::<Balancer>().await;
            }
            #[tokio::test]
            async fn backends_that_all_failed_are_asked_again_at_once() {
                super::backends_that_all_failed_are_asked_again_at_once::<Balancer>().await;
            }
            #[tokio::test]
            async fn where_nobody_answers_clients_get_an_error_that_they_understand() {
                super::where_nobody_answers_clients_get_an_error_that_they_understand::<Balancer>().await;
            }
            #[tokio::test]
            async fn what_is_harmless_is_repeated_elsewhere_and_a_post_is_not() {
                super::what_is_harmless_is_repeated_elsewhere_and_a_post_is_not::<Balancer>().await;
            }
            #[tokio::test]
            async fn a_backend_learns_where_the_request_comes_from_and_gets_bodies_up_to_the_limit() {
                super::a_backend_learns_where_the_request_comes_from_and_gets_bodies_up_to_the_limit::<Balancer>()
                    .await;
            }
            #[tokio::test]
            async fn a_websocket_goes_through_and_stays_over_a_change_of_backends() {
                super::a_websocket_goes_through_and_stays_over_a_change_of_backends::<Balancer>().await;
            }
            #[tokio::test]
            async fn it_listens_where_it_is_told_and_says_if_that_is_taken() {
                super::it_listens_where_it_is_told_and_says_if_that_is_taken::<Balancer>().await;
            }
            #[tokio::test]
            async fn nothing_is_left_of_one_whose_first_process_was_killed() {
                super::nothing_is_left_of_one_whose_first_process_was_killed::<Balancer>().await;
            }
            #[tokio::test]
            async fn connections_to_backends_are_kept() {
                super::connections_to_backends_are_kept::<Balancer>().await;
            }
        }
    };
}

suite!(nginx, Nginx);
suite!(haproxy, Haproxy);

async fn two<B: Balancer>() -> (B, Backend, Backend) {
    let (a, b) = tokio::join!(Backend::start("a"), Backend::start("b"));
    (B::start(&[a.addr, b.addr]).await.expect("it starts"), a, b)
}

async fn a_dead_backend_is_passed_over_at_once<B: Balancer>() {
    let (balancer, a, b) = two::<B>().await;
    for _ in 0..8 {
        ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    }
    assert!(a.requests.load(SeqCst) > 0 && b.requests.load(SeqCst) > 0, "both are used");
    a.kill();
    for method in ["GET", "PUT", "POST", "GET", "PUT", "POST"] {
        let begin = Instant::now();
        let (status, text) = ask(balancer.addr(), method, SEND, b"{}").await.expect("an answer");
        assert_eq!((status, &text[..1]), (200, "b"), "{method}");
        assert!(begin.elapsed() < Duration::from_millis(500), "{method} took {:?}", begin.elapsed());
    }
}

async fn backends_that_all_failed_are_asked_again_at_once<B: Balancer>() {
    // 0 is a node that dies before it answers.
    for failure in [0, 503] {
        let (balancer, a, b) = two::<B>().await;
        let set = |status| [&a, &b].map(|backend| backend.status.store(status, SeqCst));
        set(failure);
        for _ in 0..4 {
            let (status, _) = ask(balancer.addr(), "PUT", SEND, b"{}").await.expect("an answer");
            assert!(status >= 500, "{status}");
        }
        set(200);
        for _ in 0..4 {
            let (status, _) = ask(balancer.addr(), "PUT", SEND, b"{}").await.expect("an answer");
            assert_eq!(status, 200, "after {failure}");
        }
    }
}

async fn where_nobody_answers_clients_get_an_error_that_they_understand<B: Balancer>() {
    let (balancer, a, b) = two::<B>().await;
    a.kill();
    b.kill();
    // Also while they are known to be gone.
    for method in ["GET", "POST", "PUT", "GET"] {
        let (head, text) = answer(balancer.addr(), method, SEND, b"{}").await.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 502") || head.starts_with("HTTP/1.1 503"), "{head}");
        assert_eq!(header(&head, "content-type"), "application/json");
        assert_eq!(header(&head, "access-control-allow-origin"), "*");
        assert_eq!(header(&head, "retry-after"), "2");
        assert!(text.starts_with(r#"{"errcode":"M_UNKNOWN","error":"The server"#) && text.ends_with("\"}"), "{text}");
        sleep(Duration::from_millis(300)).await;
    }
}

async fn what_is_harmless_is_repeated_elsewhere_and_a_post_is_not<B: Balancer>() {
    // 0 is a node that dies before it answers.
    for failure in [0, 503] {
        let (balancer, a, b) = two::<B>().await;
        a.status.store(failure, SeqCst);
        for _ in 0..4 {
            for method in ["GET", "PUT"] {
                let (status, text) = ask(balancer.addr(), method, SEND, b"{}").await.expect("an answer");
                assert_eq!((status, &text[..1]), (200, "b"), "{method} {failure}");
            }
        }
        b.status.store(failure, SeqCst);
        // Both are in again.
        sleep(Duration::from_millis(2100)).await;
        let before = a.requests.load(SeqCst) + b.requests.load(SeqCst);
        let (status, _) =
            ask(balancer.addr(), "POST", "/_matrix/client/v3/createRoom", b"{}").await.expect("an answer");
        assert_eq!(status, if failure == 0 { 502 } else { failure });
        assert_eq!(a.requests.load(SeqCst) + b.requests.load(SeqCst), before + 1, "a POST comes once");
    }
}

async fn a_backend_learns_where_the_request_comes_from_and_gets_bodies_up_to_the_limit<B: Balancer>() {
    let (balancer, ..) = two::<B>().await;
    let (status, text) = ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    assert_eq!((status, &text[1..]), (200, " http 127.0.0.1 0"));
    let file = vec![0; 20 << 20];
    let (status, text) = ask(balancer.addr(), "POST", "/_matrix/media/v3/upload", &file).await.expect("an answer");
    assert_eq!((status, &text[1..]), (200, " http 127.0.0.1 20971520"));
    let file = vec![0; (100 << 20) + 1];
    let refused = ask(balancer.addr(), "POST", "/_matrix/media/v3/upload", &file).await;
    // It hangs up on who goes on sending.
    assert!(refused.as_ref().map_or(true, |(status, _)| *status == 413), "{refused:?}");
}

async fn a_websocket_goes_through_and_stays_over_a_change_of_backends<B: Balancer>() {
    let a = Backend::start("a").await;
    let balancer = B::start(&[a.addr]).await.expect("it starts");
    let mut socket = upgrade(balancer.addr()).await.expect("a socket");
    let b = Backend::start("b").await;
    balancer.set_backends(&[b.addr]).await.expect("other backends");
    for _ in 0..8 {
        let (_, text) = ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
        assert_eq!(&text[..1], "b");
    }
    socket.write_all(b"!").await.expect("sent");
    assert_eq!(socket.read_u8().await.expect("an echo"), b'!');
    balancer.stop().await;
    assert!(ask(balancer.addr(), "GET", "/", b"").await.is_err());
}

async fn it_listens_where_it_is_told_and_says_if_that_is_taken<B: Balancer>() {
    let a = Backend::start("a").await;
    let directory = TempDir::new().expect("a directory");
    let free = SocketAddr::from(([0, 0, 0, 0], 0));
    let balancer = B::start_in(directory.path(), free, &[a.addr]).await.expect("it starts");
    let addr = balancer.addr();
    assert!(addr.ip() == free.ip() && addr.port() != 0, "{addr}");
    ask(addr, "GET", "/", b"").await.expect("an answer");
    let other = TempDir::new().expect("a directory");
    let error = B::start_in(other.path(), addr, &[a.addr]).await.err().expect("it is taken");
    assert!(error.to_string().starts_with(&format!("cannot listen on {addr}: ")), "{error}");
    drop(balancer);
    assert!(directory.path().join("log").exists(), "the directory stays");
    let balancer = B::start_in(directory.path(), addr, &[a.addr]).await.expect("it starts where it was");
    ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
}

async fn nothing_is_left_of_one_whose_first_process_was_killed<B: Balancer>() {
    let a = Backend::start("a").await;
    let balancer = B::start(&[a.addr]).await.expect("it starts");
    let kill = async || {
        let process = balancer.process().await.expect("it runs");
        let sent = Command::new("sh").args(["-c", &format!("kill -s KILL {process}")]).status().expect("a shell");
        assert!(sent.success());
        while balancer.process().await.is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    kill().await;
    balancer.start_again().await.expect("its address is free");
    ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    kill().await;
    let addr = balancer.addr();
    drop(balancer);
    assert!(ask(addr, "GET", "/", b"").await.is_err());
}

async fn connections_to_backends_are_kept<B: Balancer>() {
    let a = Backend::start("a").await;
    let balancer = B::start(&[a.addr]).await.expect("it starts");
    for _ in 0..20 {
        ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    }
    let connections = a.connections.load(SeqCst);
    assert!(connections < 10, "{connections} connections for 20 requests");
}

#[tokio::test]
async fn without_backends_nginx_says_no_and_goes_on_with_those_it_has() {
    let a = Backend::start("a").await;
    let balancer = Nginx::start(&[a.addr]).await.expect("it starts");
    let error = balancer.set_backends(&[]).await.expect_err("nginx wants one at least");
    assert!(error.to_string().contains("no servers are inside upstream"), "{error}");
    ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
}

#[tokio::test]
async fn haproxy_sends_nothing_to_a_backend_that_is_not_ready() {
    let (balancer, a, b) = two::<Haproxy>().await;
    a.ready.store(503, SeqCst);
    sleep(Duration::from_millis(1500)).await;
    let before = a.requests.load(SeqCst);
    for _ in 0..8 {
        ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    }
    assert_eq!(a.requests.load(SeqCst), before);
    assert_eq!(b.requests.load(SeqCst), 8);
    a.ready.store(200, SeqCst);
    sleep(Duration::from_millis(1500)).await;
    for _ in 0..8 {
        ask(balancer.addr(), "GET", "/", b"").await.expect("an answer");
    }
    assert!(a.requests.load(SeqCst) > before, "it is in again");
}
