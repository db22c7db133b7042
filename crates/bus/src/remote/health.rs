//! Saying once when messages go through and when they do not: to the node, and in the log.

use std::sync::Arc;

use redis::ConnectionInfo;

use crate::node::Node;

/// What was said last.
pub(super) struct Health {
    node: Arc<Node>,
    said: Option<bool>,
}

impl Health {
    pub(super) fn new(node: Arc<Node>) -> Health {
        Health { node, said: None }
    }

    pub(super) fn up(&mut self, server: &ConnectionInfo) {
        self.node.set_healthy(true);
        if self.said.replace(true) != Some(true) {
            tracing::info!(name: "bus.connected", server = %server.addr(), "messages go through Redis");
        }
    }

    pub(super) fn down(&mut self, reason: &str) {
        self.node.set_trouble(reason);
        self.node.set_healthy(false);
        if self.said.replace(false) != Some(false) {
            tracing::warn!(name: "bus.lost", reason, "no messages go through Redis: other nodes notice changes later");
        }
    }
}
