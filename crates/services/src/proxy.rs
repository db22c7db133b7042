//! A TCP proxy for faults of the network between two parts.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{Error, port::Port};

/// Passes connections on to another address, until it is told not to. It runs in the runtime that started it.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    /// The proxy's task ends when this is dropped.
    commands: mpsc::Sender<Command>,
}

/// A way for a network to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Connections are broken off, and new ones refused: the other process is dead.
    Refuse,
    /// Connections stay open, and new ones open, but nothing arrives on either side: the other machine is gone.
    Blackhole,
    /// Nothing that the client sends arrives, as in a black hole. What the server sends does.
    LoseRequests,
    /// Nothing that the server sends arrives, as in a black hole: it does what it is asked, and nobody hears of it.
    LoseAnswers,
}

/// The direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

impl Cut {
    /// Whether bytes get lost on this way.
    fn loses(self, way: Way) -> bool {
        match self {
            Cut::Refuse | Cut::Blackhole => true,
            Cut::LoseRequests => way == Way::ToServer,
            Cut::LoseAnswers => way == Way::ToClient,
        }
    }
}

/// What is done to the bytes of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    cut: Option<Cut>,
    delay: Duration,
}

impl Line {
    fn loses(&self, way: Way) -> bool {
        self.cut.is_some_and(|cut| cut.loses(way))
    }
}

/// A change of the line, and how it went.
type Command = (Change, oneshot::Sender<io::Result<()>>);

#[derive(Debug)]
enum Change {
    Cut(Option<Cut>),
    Delay(Duration),
    Target(SocketAddr),
}

impl Proxy {
    /// Listens on a port of 127.0.0.1 for connections to `target`.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(target: SocketAddr) -> Result<Proxy, Error> {
        let port = Port::claim()?;
        let listener = TcpListener::bind(port.addr()).await.map_err(Error::io("proxy"))?;
        let (commands, receiver) = mpsc::channel(1);
        tokio::spawn(serve(listener, port.addr(), target, receiver));
        Ok(Proxy { port, commands })
    }

    /// Where to connect instead of to the target.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Cuts the line; it is cut when this returns.
    ///
    /// # Errors
    /// If the proxy's runtime has ended.
    pub async fn cut(&self, cut: Cut) -> Result<(), Error> {
        self.change(Change::Cut(Some(cut))).await
    }

    /// Lets new connections through again. Those that lost bytes in a black hole are broken off, since a stream does not
    /// go on after a gap; those that happened to be silent go on.
    ///
    /// # Errors
    /// If the proxy's runtime has ended.
    pub async fn heal(&self) -> Result<(), Error> {
        self.change(Change::Cut(None)).await
    }

    /// From now on holds each piece of a stream (what was there to be read, at most 16 KiB) for so long, in either
    /// direction. The next piece of the same direction is read after that.
    ///
    /// # Errors
    /// If the proxy's runtime has ended.
    pub async fn delay(&self, delay: Duration) -> Result<(), Error> {
        self.change(Change::Delay(delay)).await
    }

    /// From now on leads new connections to another address. Those that are open stay where they are.
    ///
    /// # Errors
    /// If the proxy's runtime has ended.
    pub async fn lead_to(&self, target: SocketAddr) -> Result<(), Error> {
        self.change(Change::Target(target)).await
    }

    async fn change(&self, change: Change) -> Result<(), Error> {
        let ended = || io::Error::other("its runtime has ended");
        let (done, answer) = oneshot::channel();
        let sent = self.commands.send((change, done)).await;
        let result = if sent.is_ok() { answer.await.unwrap_or_else(|_| Err(ended())) } else { Err(ended()) };
        result.map_err(Error::io("proxy"))
    }
}

/// The proxy's task: accepts connections and obeys.
async fn serve(listener: TcpListener, addr: SocketAddr, target: SocketAddr, mut commands: mpsc::Receiver<Command>) {
    let mut target = target;
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let line = watch::Sender::new(Line::default());
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some((change, done)) = command else { return };
                match change {
                    Change::Delay(delay) => line.send_modify(|line| line.delay = delay),
                    Change::Cut(cut) => line.send_modify(|line| line.cut = cut),
                    Change::Target(other) => target = other,
                }
                let result = if line.borrow().cut == Some(Cut::Refuse) {
                    listener = None;
                    connections.shutdown().await;
                    Ok(())
                } else {
                    listen(&mut listener, addr).await
                };
                // Whoever gave the command may have stopped waiting.
                done.send(result).ok();
            }
            Some(Ok((stream, _))) = accept(listener.as_ref()) => {
                connections.spawn(carry(stream, target, line.subscribe()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn listen(listener: &mut Option<TcpListener>, addr: SocketAddr) -> io::Result<()> {
    if listener.is_none() {
        *listener = Some(TcpListener::bind(addr).await?);
    }
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    match listener {
        Some(listener) => Some(listener.accept().await),
        None => std::future::pending().await,
    }
}

/// Carries one connection. An error ends it, which both sides see.
async fn carry(client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) -> io::Result<()> {
    let gone = |line: &Line| matches!(line.cut, Some(Cut::Refuse | Cut::Blackhole));
    if gone(&line.borrow()) {
        // The handshake already lied; now nothing may follow, not even the end.
        line.wait_for(|line| !gone(line)).await.ok();
        return Ok(());
    }
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(
        pump(from_client, to_server, Way::ToServer, line.clone()),
        pump(from_server, to_client, Way::ToClient, line)
    )?;
    Ok(())
}

/// Carries one direction.
async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    way: Way,
    mut line: watch::Receiver<Line>,
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        // A reset is an end like any other, and gets lost in a black hole like one.
        let length = from.read(&mut piece).await.unwrap_or(0);
        let delay = line.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if line.borrow().loses(way) {
            line.wait_for(|line| !line.loses(way)).await.ok();
            return Err(io::Error::other("bytes were lost"));
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..length]).await?;
    }
}
