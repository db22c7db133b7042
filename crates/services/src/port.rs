//! Ports of 127.0.0.1 that stay ours, also while the service that listens on one is dead.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::Error;

/// Below the range from which Linux takes the ports of outgoing connections and of `bind(0)`: one of those would
/// otherwise sooner or later sit on the port of a service that is about to be started again.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port that nobody else of this crate gets, in any process, while the value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// UDP has ports of its own, so this one marks the TCP port as taken without being in the service's way, and is
    /// given back by the system however the process ends.
    _claim: UdpSocket,
}

impl Port {
    /// Takes a free one.
    ///
    /// # Errors
    /// If there is none.
    pub fn claim() -> Result<Port, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Processes begin at different places, so that they seldom meet.
        let begin = std::process::id().wrapping_mul(131);
        for _ in 0..COUNT {
            let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let number = u16::try_from(FIRST + offset).map_err(|_| Error::NoPort)?;
            let Ok(claim) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Port { number, _claim: claim });
            }
        }
        Err(Error::NoPort)
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// With the address 127.0.0.1.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
