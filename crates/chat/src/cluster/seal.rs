//! Seals what goes over the bus: whoever can write to Redis, but is no node of this store, is not believed.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a seal: half of an HMAC-SHA256 (RFC 2104, section 5).
const SEAL: usize = 16;

/// The seal of a store, which its nodes have in common.
#[derive(Clone)]
pub(crate) struct Seal(Hmac<Sha256>);

impl Seal {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(b"bus");
        Self(mac)
    }

    /// The message with its seal in front.
    pub(crate) fn close(&self, message: &[u8]) -> Bytes {
        let tag = self.0.clone().chain_update(message).finalize().into_bytes();
        let mut sealed = Vec::with_capacity(SEAL + message.len());
        sealed.extend_from_slice(&tag[..SEAL]);
        sealed.extend_from_slice(message);
        sealed.into()
    }

    /// The message, if a node of this store has sealed it.
    pub(crate) fn open<'a>(&self, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (tag, message) = sealed.split_at_checked(SEAL)?;
        self.0.clone().chain_update(message).verify_truncated_left(tag).ok()?;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_node_of_the_store_has_sealed_is_believed() {
        let (own, other) = (Seal::new(b"own"), Seal::new(b"other"));
        let sealed = own.close(b"hello");
        assert_eq!(own.open(&sealed), Some(&b"hello"[..]));
        assert_eq!(other.open(&sealed), None);
        for index in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[index] ^= 1;
            assert_eq!(own.open(&changed), None);
            assert_eq!(own.open(&sealed[..index]), None);
        }
    }
}
