//! What a cluster's channels and keys are called at Redis.

use bytes::Bytes;

/// The bytes of an instance's id in front of each message.
const ID: usize = size_of::<u64>();

/// The names of one cluster, as seen by one end.
pub(super) struct Names {
    /// Begins every name. In braces, so that a Redis Cluster keeps everything of the cluster at one node.
    prefix: String,
    instance: [u8; ID],
    /// The channel of all nodes.
    pub(super) hints: String,
    /// The channel on which only this end listens, for its heartbeat: on the common one, pings would grow with the
    /// square of the nodes.
    pub(super) heartbeat: String,
}

impl Names {
    pub(super) fn new(namespace: &str, instance: u64) -> Names {
        let prefix = format!("{{chatbook:{namespace}}}");
        let hints = format!("{prefix}:hints");
        let heartbeat = format!("{prefix}:heartbeat:{instance:016x}");
        Names { prefix, instance: instance.to_be_bytes(), hints, heartbeat }
    }

    /// A name that stands where all others of the cluster stand.
    pub(super) fn any_key(&self) -> &str {
        &self.prefix
    }

    /// The key of a kind's values, a hash by id.
    pub(super) fn values(&self, kind: &str) -> String {
        format!("{}:values:{kind}", self.prefix)
    }

    /// The key of their expiries, a sorted set of ids by the time in ms.
    pub(super) fn expiries(&self, kind: &str) -> String {
        format!("{}:expiries:{kind}", self.prefix)
    }

    /// A number that differs from end to end.
    pub(super) fn seed(&self) -> u64 {
        u64::from_be_bytes(self.instance)
    }

    /// A message with the sender's id in front.
    pub(super) fn signed(&self, message: &[u8]) -> Vec<u8> {
        [&self.instance, message].concat()
    }

    /// What a message says, unless it is an own one (or none of ours at all).
    pub(super) fn of_others(&self, signed: Vec<u8>) -> Option<Bytes> {
        let is_own = signed.get(..ID)? == self.instance;
        (!is_own).then(|| Bytes::from(signed).slice(ID..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_of_others_are_heard() {
        let (ours, theirs) = (Names::new("a", 1), Names::new("a", 2));
        assert_eq!(ours.of_others(theirs.signed(b"hi")), Some(Bytes::from("hi")));
        assert_eq!(ours.of_others(theirs.signed(b"")), Some(Bytes::new()));
        assert_eq!(ours.of_others(ours.signed(b"hi")), None);
        assert_eq!(ours.of_others(b"short".to_vec()), None);
    }

    #[test]
    fn every_key_of_a_cluster_hashes_alike() {
        let names = Names::new("id", 1);
        for key in [names.values("online"), names.expiries("online"), names.any_key().to_owned()] {
            assert!(key.starts_with("{chatbook:id}"), "{key}");
        }
    }
}
