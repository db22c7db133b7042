//! Whether the nodes go by the same settings and hear each other, as far as one of them can tell from what the others say
//! of themselves: two that do not would serve people differently, or later, and nobody would know why.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use serde_json::Value;

use super::report::{Node, Report};

/// Who has gone on reporting for so long without being heard is not heard, milliseconds. Nodes say that they are here
/// every five seconds.
const UNHEARD_MS: i64 = 20_000;
/// Who has not looked for so long may have been unable to hear, milliseconds.
const PAUSE_MS: i64 = 15_000;

/// What a node knows of the others.
#[derive(Debug, Default)]
pub(crate) struct Others(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When each was last heard over the bus, or first looked for, by the time of the store.
    heard: HashMap<String, i64>,
    looked: i64,
    found: Found,
}

/// What is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The addresses of nodes that reach the bus, as this one does, and are not heard there.
    pub(crate) unheard: Vec<String>,
    /// The settings that are others at another node, as sentences.
    pub(crate) differing: Vec<String>,
}

impl Others {
    /// A node has said over the bus that it is here.
    pub(crate) fn heard(&self, node_id: &str, now: i64) {
        self.0.lock().heard.insert(node_id.to_owned(), now);
    }

    /// What the last look has found.
    pub(crate) fn found(&self) -> Found {
        self.0.lock().found.clone()
    }

    /// Compares what the nodes say of themselves. `own` is this one's id.
    pub(crate) fn look(&self, own: &str, nodes: &[Node], now: i64) -> Found {
        let mut inner = self.0.lock();
        let (here, others): (Vec<_>, Vec<_>) = reporting(nodes).partition(|(node, _)| node.node_id == own);
        let Some((_, report)) = here.first() else { return Found::default() };
        let paused = now - inner.looked > PAUSE_MS;
        inner.looked = now;
        // Whoever does not reach the bus, on either side, is not expected to be heard.
        let reachable = |(_, other): &&(&Node, &Report)| report.redis == Some(true) && other.redis == Some(true);
        let mut heard = HashMap::new();
        let mut found = Found::default();
        for (node, other) in others.iter().filter(reachable) {
            let last = inner.heard.get(&node.node_id).copied().filter(|_| !paused).unwrap_or(now);
            heard.insert(node.node_id.clone(), last);
            if node.seen_ts - last > UNHEARD_MS {
                found.unheard.push(other.address.clone());
            }
        }
        inner.heard = heard;
        for (_, other) in others {
            found.differing.extend(differences((&report.address, report), (&other.address, other)));
        }
        if found != inner.found {
            complain(&inner.found, &found);
            inner.found = found.clone();
        }
        found
    }
}

/// Those that have said something lately that this version understands.
fn reporting(nodes: &[Node]) -> impl Iterator<Item = (&Node, &Report)> {
    nodes.iter().filter(|node| node.alive).filter_map(|node| Some((node, node.report.as_ref()?)))
}

fn complain(before: &Found, now: &Found) {
    for address in now.unheard.iter().filter(|address| !before.unheard.contains(address)) {
        tracing::error!(
            name: "cluster.unheard", node = address,
            "this node does not hear another through Redis, though both reach it: is redis.urls the same place at both? The \
             log is read several times a second instead, and who is online or types there is not known here"
        );
    }
    for difference in now.differing.iter().filter(|difference| !before.differing.contains(difference)) {
        tracing::warn!(name: "cluster.settings", "the nodes have different settings: {difference}");
    }
    if *now == Found::default() {
        tracing::info!(name: "cluster.agreement", "the nodes hear each other and have the same settings again");
    }
}

/// The settings that differ between two nodes of one version, as sentences.
fn differences(here: (&str, &Report), there: (&str, &Report)) -> Vec<String> {
    if here.1.version != there.1.version {
        return Vec::new();
    }
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    flatten("", &here.1.settings, &mut ours);
    flatten("", &there.1.settings, &mut theirs);
    let differs = ours.iter().filter(|(key, value)| theirs.get(*key).is_some_and(|other| other != *value));
    differs.map(|(key, value)| format!("{key} is {value} at {}, {} at {}", here.0, theirs[key], there.0)).collect()
}

/// What differs between the first node that is alive and the others, as sentences.
pub fn all_differences(nodes: &[Node]) -> Vec<String> {
    let mut reports = reporting(nodes).map(|(_, report)| (report.address.as_str(), report));
    let Some(first) = reports.next() else { return Vec::new() };
    reports.flat_map(|other| differences(first, other)).collect()
}

/// Every setting under its dotted key.
fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(section) => {
            for (key, value) in section {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&key, value, into);
            }
        }
        _ => drop(into.insert(prefix.to_owned(), value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(id: &str, seen_ts: i64, redis: Option<bool>, burst: u32) -> Node {
        let report = Report {
            version: "1".into(),
            address: format!("{id}:1"),
            started_ts: 0,
            draining: false,
            streams: 0,
            people: 0,
            lags: Vec::new(),
            redis,
            unheard: Vec::new(),
            settings: json!({ "rate_limits": { "message": { "burst": burst } }, "media": { "quota_bytes": 1 } }),
        };
        Node { node_id: id.into(), alive: true, seen_ts, report: Some(report) }
    }

    #[test]
    fn who_goes_on_reporting_without_being_heard_is_named() {
        let others = Others::default();
        let look = |now: i64, redis| {
            let found = others.look("a", &[node("a", now, Some(true), 1), node("b", now, redis, 1)], now);
            found.unheard
        };
        for now in (0..=25_000).step_by(5_000) {
            others.heard("b", now);
            assert!(look(now, Some(true)).is_empty());
        }
        for now in (30_000..=45_000).step_by(5_000) {
            assert!(look(now, Some(true)).is_empty(), "some were lost, perhaps");
        }
        assert_eq!(look(50_000, Some(true)), ["b:1"]);
        assert!(look(55_000, Some(false)).is_empty(), "it knows that it is cut off");
        assert!(look(60_000, Some(true)).is_empty(), "it has only just come back");
        for now in (65_000..=80_000).step_by(5_000) {
            assert!(look(now, Some(true)).is_empty());
        }
        assert_eq!(look(85_000, Some(true)), ["b:1"]);
        others.heard("b", 86_000);
        assert!(look(90_000, Some(true)).is_empty());
        assert!(look(200_000, Some(true)).is_empty(), "this node was frozen");
    }

    #[test]
    fn a_frozen_node_does_not_count_as_unheard() {
        let others = Others::default();
        for now in (0..=60_000).step_by(5_000) {
            let found = others.look("a", &[node("a", now, Some(true), 1), node("b", 0, Some(true), 1)], now);
            assert!(found.unheard.is_empty());
        }
    }

    #[test]
    fn settings_that_differ_are_named_with_both_values() {
        let nodes = [node("a", 0, None, 50), node("b", 0, None, 100), node("c", 0, None, 50)];
        let found = Others::default().look("a", &nodes, 0);
        assert_eq!(found.differing, ["rate_limits.message.burst is 50 at a:1, 100 at b:1"]);
        assert_eq!(all_differences(&nodes), found.differing);
        let mut newer = node("b", 0, None, 100);
        newer.report.as_mut().unwrap().version = "2".into();
        assert!(all_differences(&[node("a", 0, None, 50), newer]).is_empty(), "defaults may change with a version");
    }
}
