//! Keeping a connection up, for ever.

use std::sync::Arc;

use tokio::time::sleep;

use super::{
    backoff::Backoff,
    connection,
    health::Health,
    link::{End, Link},
    names::Names,
    outgoing::Outgoing,
    place::Place,
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

async fn connect(place: &Place, names: &Arc<Names>, node: &Arc<Node>) -> Result<Link, String> {
    let server = place.find().await?;
    let listening = connection::listen(&server, names, node).await;
    let listening = listening.map_err(|error| format!("{}: {error}", server.addr()))?;
    Ok(Link::new(server, listening, Arc::clone(names), Arc::clone(node)))
}
