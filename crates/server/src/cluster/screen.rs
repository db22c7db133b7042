//! What a cluster says to the person who runs it.

use std::net::SocketAddr;

use super::{
    part::{Kind, Part},
    place::Place,
};
use crate::cli::reachable;

pub(super) fn starting(nodes: u16, balancer: &str) {
    println!("Starting PostgreSQL, Redis, {} and {balancer}.", count(nodes));
}

/// All that one needs to know to use the cluster and to break it.
pub(super) async fn ready(parts: &[Part], place: &Place, listen: SocketAddr, restart: bool) {
    let balancer = parts.iter().find(|part| part.is_balancer()).map_or(listen, Part::addr);
    println!("\nThe cluster is ready: http://{}", reachable(balancer));
    println!("Anybody who reaches this address may create an account; the first of all becomes the administrator.\n");
    println!("{:<10} {:<22} PROCESS", "PART", "ADDRESS");
    for part in parts {
        let process = part.process().await.map_or("-".into(), |process| process.to_string());
        println!("{:<10} {:<22} {process}", part.name(), part.addr().to_string());
    }
    println!("\nKill any of them: kill -9 PROCESS");
    let mut explained = Vec::new();
    for part in parts {
        let (what, consequence) = (what(part.kind()), consequence(part.kind()));
        if !explained.contains(&what) {
            explained.push(what);
            println!("  {what:<11} {consequence}");
        }
    }
    println!("A part that dies is {}.", if restart { "started again after two seconds" } else { "not started again" });
    println!("\nEach part writes to {}/PART/log{}.", place.path().display(), lifetime(place));
    if let Some(Kind::Node(node)) = parts.iter().map(Part::kind).find(|kind| matches!(kind, Kind::Node(_))) {
        println!("How the nodes see each other: chatbook cluster status --config {}", node.settings().display());
    }
    println!("Ctrl-C stops everything.\n");
}

/// A part has died.
pub(super) fn died(part: &Part, process: u32, place: &Place, restart: bool) {
    println!("{} (process {process}) is dead. {}", part.name(), consequence(part.kind()));
    match part.kind() {
        _ if restart => (),
        Kind::Node(node) => println!("  Start it again: chatbook serve --config {}", node.settings().display()),
        _ => println!("  What it wrote last: {}/{}/log", place.path().display(), part.name()),
    }
}

/// A part could not be started again yet.
pub(super) fn again(part: &Part, place: &Place) {
    let (name, place) = (part.name(), place.path().display());
    println!("{name} did not start and is tried again; its log is {place}/{name}/log");
}

/// A part works again.
pub(super) async fn back(part: &Part) {
    let process = part.process().await.map_or(String::new(), |process| format!(", process {process}"));
    println!("{} is back{process}", part.name());
}

/// Nothing runs any more.
pub(super) fn stopped(place: &Place) {
    match place.stays() {
        true => println!("Stopped. Everything is kept in {}", place.path().display()),
        false => println!("Stopped."),
    }
}

fn what(kind: &Kind) -> &'static str {
    match kind {
        Kind::Nginx(_) => "nginx",
        Kind::Haproxy(_) => "HAProxy",
        Kind::Node(_) => "a node",
        Kind::Redis(_) => "Redis",
        Kind::Postgres(_) => "PostgreSQL",
    }
}

/// What people notice when a part is dead.
fn consequence(kind: &Kind) -> &'static str {
    match kind {
        Kind::Nginx(_) | Kind::Haproxy(_) => "Nothing answers at the address above; each node still does at its own.",
        Kind::Node(_) => {
            "Whoever was connected to it comes back by another node; nothing that was acknowledged is lost."
        }
        Kind::Redis(_) => "Messages arrive some tenths of a second later; nodes do not hear who types or is online.",
        Kind::Postgres(_) => "Requests wait, then get status 503; what was acknowledged is there when it is back.",
    }
}

fn lifetime(place: &Place) -> &'static str {
    if place.stays() { "" } else { "; all of that is removed at the end (--data DIR keeps it)" }
}

fn count(nodes: u16) -> String {
    if nodes == 1 { "1 node".into() } else { format!("{nodes} nodes") }
}
