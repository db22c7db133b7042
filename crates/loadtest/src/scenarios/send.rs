//! `send`: users in rooms send as fast as acknowledgements come, so many in flight at a time, or at a fixed rate.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::senders::{self, Load, Route};
use crate::{
    matrix::{RoomPath, User},
    report::Report,
    world::World,
};

pub async fn run(world: &mut World) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let users = options.users.unwrap_or(100);
    let rooms = options.rooms.unwrap_or(20).clamp(1, users);
    let in_flight = options.in_flight.unwrap_or(64);
    let members = deal(&world.users(users).await?, rooms);
    let paths = world.rooms(&members).await?;
    let routes = routes(&members, &paths);
    let load = Load {
        in_flight,
        rate: options.rate,
        warmup: Duration::from_secs(options.warmup_seconds.into()),
        measured: Duration::from_secs(options.seconds.into()),
        count: options.count,
    };
    let tally = senders::send(world, &routes, load).await?;
    Ok(tally.report(
        "send",
        json!({
            "users": users, "rooms": rooms, "in_flight": in_flight, "rate": options.rate,
            "seconds": options.seconds, "count": options.count,
            "content_bytes": options.content_bytes,
        }),
    ))
}

/// Deals the users out to so many rooms.
pub fn deal(users: &[Arc<User>], rooms: usize) -> Vec<Vec<Arc<User>>> {
    (0..rooms).map(|room| users.iter().skip(room).step_by(rooms).cloned().collect()).collect()
}

/// Every user with its room, neighbours in different rooms.
fn routes(members: &[Vec<Arc<User>>], rooms: &[String]) -> Vec<Route> {
    let longest = members.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|i| {
            members
                .iter()
                .zip(rooms)
                .filter_map(move |(members, room)| Some((members.get(i)?.clone(), RoomPath::new(room))))
        })
        .collect()
}
