//! Keeping a connection up, for ever.

use std::{iter, sync::Arc};

use tokio::time::sleep;

use super::{
    backoff::Backoff,
    connection,
    health::Health,
    link::{End, Link},
    names::Names,
    outgoing::Outgoing,
    place::{Found, Place},
};
use crate::{node::Node, queue};

/// Runs until the outbox has ended.
pub(super) async fn run(place: Place, names: Arc<Names>, node: Arc<Node>, mut outgoing: queue::Receiver<Outgoing>) {
    let mut health = Health::new(Arc::clone(&node));
    let mut backoff = Backoff::new(names.seed());
    let mut connected_before = false;
    while !outgoing.has_ended() {
        let reason = match connect(&place, &names, &node).await {
            Ok(mut link) => {
                if std::mem::replace(&mut connected_before, true) {
                    node.count_reconnect();
                }
                match Box::pin(link.serve(&place, &mut outgoing, &mut health)).await {
                    End::Finished => break,
                    End::Broken { reason, was_up } => {
                        if was_up {
                            backoff.reset();
                        }
                        reason
                    }
                }
            }
            Err(reason) => reason,
        };
        health.down(&reason);
        sleep(backoff.pause()).await;
    }
    node.set_healthy(false);
}

/// To the best server that lets us in.
async fn connect(place: &Place, names: &Arc<Names>, node: &Arc<Node>) -> Result<Link, String> {
    let Found { best, others } = place.find().await?;
    let mut failed = None;
    for server in iter::once(best).chain(others) {
        match connection::listen(&server, names, node).await {
            Ok(listening) => return Ok(Link::new(server, listening, Arc::clone(names), Arc::clone(node))),
            Err(reason) => failed = failed.or_else(|| Some(format!("{}: {reason}", server.addr()))),
        }
    }
    Err(failed.unwrap_or_default())
}
