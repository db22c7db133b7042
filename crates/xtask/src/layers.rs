//! Which crate may know which: server → api → chat → {store, media, bus}.

use toml::{Table, Value};

use crate::tree::Tree;

/// Our crates, and which others of ours each may depend on.
const LAYERS: [(&str, &[&str]); 11] = [
    ("server", &["api", "chat", "store", "media", "bus", "services"]),
    ("api", &["chat"]),
    ("chat", &["store", "media", "bus", "services"]),
    ("store", &["services"]),
    ("media", &[]),
    ("bus", &["services"]),
    ("e2e", &["server", "chat", "store", "services"]),
    // Its tests run it against a server of the harness; the benchmark itself knows no server from inside.
    ("loadtest", &["e2e", "services"]),
    // Real databases and load balancers, for tests and for a cluster on one machine; it knows nothing of ours.
    ("services", &[]),
    ("simulate", &["chat"]),
    ("xtask", &[]),
];

/// Libraries that only one crate may see, so that they can be replaced there.
const HIDDEN: [(&str, &str); 8] = [
    ("axum", "api"),
    ("rusqlite", "store"),
    ("sqlx", "store"),
    ("tokio-postgres", "store"),
    ("object_store", "media"),
    ("image", "media"),
    ("redis", "bus"),
    ("fred", "bus"),
];

/// What tells whether there are other nodes. No handler knows (ARCHITECTURE.md, invariant 14) but those that show them.
const OF_NODES: [&str; 3] = ["is_shared", "cluster::", "node_id"];
const SHOW_NODES: [&str; 2] = ["crates/api/src/admin/", "crates/api/src/metrics.rs"];

pub(crate) fn check(tree: &Tree, complaints: &mut Vec<String>) {
    for (path, text) in tree.under("crates/api/src/", ".rs") {
        if SHOW_NODES.iter().any(|shown| path.starts_with(shown)) {
            continue;
        }
        for word in OF_NODES.iter().filter(|word| text.contains(**word)) {
            complaints.push(format!("{path}: \"{word}\": no handler may know whether there are other nodes"));
        }
    }
    for (path, text) in tree.under("crates/", "/Cargo.toml") {
        let name = path.split('/').nth(1).unwrap_or_default();
        match text.parse::<Table>() {
            Ok(manifest) => check_manifest(path, name, &manifest, complaints),
            Err(error) => complaints.push(format!("{path}: {error}")),
        }
    }
}

fn check_manifest(path: &str, name: &str, manifest: &Table, complaints: &mut Vec<String>) {
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        complaints.push(format!("{path}: say in crates/xtask/src/layers.rs which crates {name} may depend on"));
        return;
    };
    let dependencies = ["dependencies", "dev-dependencies", "build-dependencies"];
    for dependency in dependencies.iter().filter_map(|kind| manifest.get(*kind)?.as_table()).flat_map(Table::keys) {
        let ours = LAYERS.iter().any(|(layer, _)| layer == dependency);
        if ours && !allowed.contains(&dependency.as_str()) {
            complaints.push(format!("{path}: {name} must not depend on {dependency} (layering)"));
        }
        if let Some((_, owner)) = HIDDEN.iter().find(|(hidden, owner)| hidden == dependency && *owner != name) {
            complaints.push(format!("{path}: only {owner} may depend on {dependency}"));
        }
    }
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if lints != Some(true) {
        complaints.push(format!("{path}: [lints] workspace = true is missing"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(name: &str, manifest: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        let files = [(format!("crates/{name}/Cargo.toml"), manifest.to_owned())].into();
        check(&Tree { root: "/".into(), files }, &mut complaints);
        complaints
    }

    #[test]
    fn a_lower_layer_must_not_know_a_higher_one() {
        let found = complaints("store", "[dependencies]\nchat.workspace = true\n[lints]\nworkspace = true");
        assert_eq!(found, ["crates/store/Cargo.toml: store must not depend on chat (layering)"]);
        assert!(complaints("chat", "[dependencies]\nstore.workspace = true\n[lints]\nworkspace = true").is_empty());
    }

    #[test]
    fn only_its_owner_sees_a_hidden_library() {
        let found = complaints("chat", "[dev-dependencies]\naxum.workspace = true\n[lints]\nworkspace = true");
        assert_eq!(found, ["crates/chat/Cargo.toml: only api may depend on axum"]);
        assert!(complaints("api", "[dependencies]\naxum = \"1\"\n[lints]\nworkspace = true").is_empty());
    }

    #[test]
    fn no_handler_knows_of_other_nodes() {
        let found = |path: &str| {
            let (mut complaints, text) = (Vec::new(), "//! A.\nif chat.db.is_shared() {}".to_owned());
            check(&Tree { root: "/".into(), files: [(path.to_owned(), text)].into() }, &mut complaints);
            complaints.len()
        };
        assert_eq!(["crates/api/src/sync/v3.rs", "crates/api/src/admin/cluster.rs"].map(found), [1, 0]);
    }

    #[test]
    fn every_crate_takes_part_in_layers_and_lints() {
        assert_eq!(complaints("new", "").len(), 1);
        assert_eq!(complaints("store", "").len(), 1);
    }
}
