//! Whether the nodes go by the same settings and hear each other, as far as one of them can tell from what the others say
//! of themselves: two that do not would serve people differently, or later, and nobody would know why.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use parking_lot::Mutex;
use serde_json::Value;

use super::report::{Node, Report, SILENT_MS};

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
    /// Who was heard over the bus since the last look.
    heard: HashSet<String>,
    /// When each that is not heard last reported before that began: by its own word, so that no two clocks are compared.
    silent_since: HashMap<String, i64>,
    /// When each setting that differs was first seen to.
    differing_since: HashMap<String, i64>,
    /// When each that does not reach the bus was first seen not to.
    apart_since: HashMap<String, i64>,
    looked: i64,
    found: Found,
}

/// What is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The nodes that reach the bus, as this one does, and are not heard there.
    pub(crate) unheard: Vec<String>,
    /// The nodes that have not reached it for a while, though this one does.
    pub(crate) apart: Vec<String>,
    /// Whether what some nodes do is not told, even if only for a moment.
    pub(crate) untold: bool,
    /// The settings that are others at another node, as sentences.
    pub(crate) differing: Vec<String>,
}

impl Others {
    /// A node has said over the bus that it is here.
    pub(crate) fn heard(&self, node_id: &str) {
        self.0.lock().heard.insert(node_id.to_owned());
    }

    /// What the last look has found.
    pub(crate) fn found(&self) -> Found {
        self.0.lock().found.clone()
    }

    /// Compares what this node says of itself with what those say that are `alive`, at `now` (milliseconds).
    pub(crate) fn look(&self, (node_id, report): (&str, &Report), alive: &[Node], now: i64) -> Found {
        let mut inner = self.0.lock();
        let heard = mem::take(&mut inner.heard);
        let paused = now - mem::replace(&mut inner.looked, now) > PAUSE_MS;
        let (mut silent_since, mut found) = (HashMap::new(), Found::default());
        let (mut differing_since, mut apart_since) = (HashMap::new(), HashMap::new());
        for (node, other) in reporting(alive).filter(|(node, _)| node.node_id != node_id) {
            let name = name(node, other);
            if report.redis == Some(true) && other.redis != Some(true) {
                let since = *inner.apart_since.get(&name).unwrap_or(&now);
                // When Redis comes back, one node is the first to reach it.
                if now - since > UNHEARD_MS {
                    found.apart.push(name.clone());
                }
                apart_since.insert(name.clone(), since);
            }
            if expects(report, other) {
                let was_unheard = inner.found.unheard.contains(&name);
                let goes_on = !heard.contains(&node.node_id) && (!paused || was_unheard);
                let before = inner.silent_since.get(&node.node_id).filter(|_| goes_on);
                let since = *before.unwrap_or(&node.seen_ts);
                silent_since.insert(node.node_id.clone(), since);
                if node.seen_ts - since > UNHEARD_MS {
                    found.unheard.push(name.clone());
                }
            }
            for difference in differences(("this node", report), (&name, other)) {
                let since = *inner.differing_since.get(&difference).unwrap_or(&now);
                // A node that was started again with other settings differs from what it was, until that is forgotten.
                if now - since > SILENT_MS {
                    found.differing.push(difference.clone());
                }
                differing_since.insert(difference, since);
            }
        }
        found.untold = !found.unheard.is_empty() || !apart_since.is_empty();
        complain(&inner.found, &found);
        (inner.silent_since, inner.differing_since) = (silent_since, differing_since);
        inner.apart_since = apart_since;
        inner.found.clone_from(&found);
        found
    }
}

/// Whether a node is expected to hear another: both reach the bus, and the other's version says there that it is here.
fn expects(here: &Report, there: &Report) -> bool {
    here.redis == Some(true) && there.redis == Some(true) && !there.settings.is_null()
}

/// Those that say what this version understands.
fn reporting(nodes: &[Node]) -> impl Iterator<Item = (&Node, &Report)> {
    nodes.iter().filter_map(|node| Some((node, node.report.as_ref()?)))
}

/// How operators find it: nodes in containers may all listen on the same address.
fn name(node: &Node, report: &Report) -> String {
    format!("{} ({})", report.address, node.node_id)
}

fn complain(before: &Found, now: &Found) {
    for node in now.unheard.iter().filter(|node| !before.unheard.contains(node)) {
        tracing::error!(
            name: "cluster.unheard", node,
            "this node does not hear another through Redis, though both reach it: let redis.urls be the same place at both, \
             and start again whichever was started before the database was replaced. The log is read several times a \
             second instead, and who is online or types there is not known here"
        );
    }
    for node in now.apart.iter().filter(|node| !before.apart.contains(node)) {
        tracing::warn!(
            name: "cluster.apart", node,
            "a node does not reach Redis, though this one does: the log is read several times a second instead"
        );
    }
    for difference in now.differing.iter().filter(|difference| !before.differing.contains(difference)) {
        tracing::warn!(name: "cluster.settings", "nodes have different settings: {difference}");
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

/// In what nodes that are alive do not agree, as sentences.
pub fn disagreements(alive: &[Node]) -> Vec<String> {
    let nodes: Vec<_> = reporting(alive).map(|(node, report)| (name(node, report), report)).collect();
    let unheard = nodes.iter().flat_map(|(name, report)| {
        report.unheard.iter().map(move |other| format!("{name} does not hear {other} through Redis"))
    });
    let reaches = nodes.iter().any(|(_, report)| report.redis == Some(true));
    let apart = nodes.iter().filter(move |(_, report)| reaches && report.redis != Some(true));
    let apart = apart.map(|(name, _)| format!("{name} does not reach Redis, though others do"));
    let first = nodes.first().map(|(name, report)| (name.as_str(), *report));
    let differing = nodes.iter().flat_map(|(name, report)| first.map(|first| differences(first, (name, report))));
    unheard.chain(apart).chain(differing.flatten()).collect()
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

    fn look(others: &Others, own: &Node, other: Node, now: i64) -> Found {
        others.look((&own.node_id, own.report.as_ref().unwrap()), &[own.clone(), other], now)
    }

    #[test]
    fn who_goes_on_reporting_without_being_heard_is_named() {
        let (others, own) = (Others::default(), node("a", 0, Some(true), 1));
        // The other's clock is another.
        let look = |now: i64, redis| look(&others, &own, node("b", now - 500_000, redis, 1), now).unheard;
        for now in (0..=25_000).step_by(5_000) {
            others.heard("b");
            assert!(look(now, Some(true)).is_empty());
        }
        for now in (30_000..=45_000).step_by(5_000) {
            assert!(look(now, Some(true)).is_empty(), "some were lost, perhaps");
        }
        assert_eq!(look(50_000, Some(true)), ["b:1 (b)"]);
        assert!(look(55_000, Some(false)).is_empty(), "it knows that it is cut off");
        let found = others.found();
        assert!(found.untold && found.apart.is_empty(), "what it does is not told, and it may be back in a moment");
        assert!(look(60_000, Some(true)).is_empty(), "it has only just come back");
        for now in (65_000..=80_000).step_by(5_000) {
            assert!(look(now, Some(true)).is_empty());
        }
        assert_eq!(look(85_000, Some(true)), ["b:1 (b)"]);
        assert_eq!(look(185_000, Some(true)), ["b:1 (b)"], "the database was away meanwhile");
        others.heard("b");
        assert!(look(190_000, Some(true)).is_empty());
        assert!(look(300_000, Some(true)).is_empty(), "this node was frozen");
    }

    #[test]
    fn who_does_not_reach_the_bus_for_long_is_named() {
        let (others, own) = (Others::default(), node("a", 0, Some(true), 1));
        for now in (0..=20_000).step_by(5_000) {
            let found = look(&others, &own, node("b", now, None, 1), now);
            assert!(found.untold && found.apart.is_empty());
        }
        assert_eq!(look(&others, &own, node("b", 25_000, None, 1), 25_000).apart, ["b:1 (b)"]);
        assert_eq!(
            disagreements(&[own.clone(), node("b", 0, None, 1)]),
            ["b:1 (b) does not reach Redis, though others do"]
        );
        assert!(disagreements(&[node("a", 0, None, 1), node("b", 0, None, 1)]).is_empty(), "there is none");
        assert_eq!(look(&others, &own, node("b", 30_000, Some(true), 1), 30_000), Found::default());
    }

    #[test]
    fn who_may_be_silent_is_not_named() {
        let (others, own) = (Others::default(), node("a", 0, Some(true), 1));
        for now in (0..=60_000).step_by(5_000) {
            assert_eq!(look(&others, &own, node("b", 0, Some(true), 1), now), Found::default(), "it is frozen");
            let mut old = node("c", now, Some(true), 1);
            old.report.as_mut().unwrap().settings = Value::Null;
            assert_eq!(look(&others, &own, old, now), Found::default(), "its version says nothing");
        }
    }

    #[test]
    fn settings_that_go_on_to_differ_are_named_with_both_values() {
        let (others, own) = (Others::default(), node("a", 0, None, 50));
        let look = |now, other| look(&others, &own, other, now).differing;
        for now in (0..=30_000).step_by(5_000) {
            assert!(look(now, node("b", 0, None, 100)).is_empty(), "it may be what a node was before it was killed");
        }
        assert_eq!(
            look(35_000, node("b", 0, None, 100)),
            ["rate_limits.message.burst is 50 at this node, 100 at b:1 (b)"]
        );
        assert!(look(40_000, node("b", 0, None, 50)).is_empty());
        let nodes = [own.clone(), node("b", 0, None, 100), node("c", 0, None, 50)];
        assert_eq!(disagreements(&nodes), ["rate_limits.message.burst is 50 at a:1 (a), 100 at b:1 (b)"]);
        let mut newer = node("b", 0, None, 100);
        newer.report.as_mut().unwrap().version = "2".into();
        assert!(disagreements(&[own.clone(), newer]).is_empty(), "defaults may change with a version");
    }
}
