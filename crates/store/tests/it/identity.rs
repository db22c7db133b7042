//! Whose store it is.

use store::{
    Stmt,
    identity::{Identity, claim, claim_files, files},
    nodes::{NodeRow, put},
    params,
};

use crate::engines::{Store, suite};

pub(crate) async fn the_name_can_change_until_somebody_has_joined_and_while_no_node_runs(store: Store) {
    let db = store.open().await;
    let named = |name: &str, cluster: &str| Identity {
        server_name: name.into(),
        cluster: cluster.into(),
        secret: cluster.as_bytes().to_vec(),
    };
    let first = claim(&db, &named("first", "one"), 0).await.unwrap();
    assert!(first == named("first", "one"));
    let second = claim(&db, &named("second", "two"), 0).await.unwrap();
    assert!(second == named("second", "one"), "what tells the store apart stays");
    let node = NodeRow { node_id: "a".into(), seen_ts: 1_000, report: "{}".into() };
    db.write(0, vec![put(&node)]).await.unwrap();
    assert!(claim(&db, &named("third", "three"), 999).await.unwrap() == named("second", "one"), "a node goes by it");
    assert!(claim(&db, &named("third", "three"), 1_000).await.unwrap() == named("third", "one"), "it has gone");
    let join = "insert into users (user_id, admin, deactivated, profile, search, created_ts) values ('@a:second', 0, 0, '{}', '', 0)";
    db.write(0, vec![Stmt::new(join, params![])]).await.unwrap();
    assert!(claim(&db, &named("fourth", "four"), 0).await.unwrap() == named("third", "one"));
    db.close().await;
}

pub(crate) async fn the_first_mark_of_files_counts(store: Store) {
    let db = store.open().await;
    claim(&db, &Identity { server_name: "a".into(), cluster: "a".into(), secret: Vec::new() }, 0).await.unwrap();
    assert_eq!(files(&db).await.unwrap(), None);
    assert_eq!(claim_files(&db, "first").await.unwrap(), "first");
    assert_eq!(claim_files(&db, "second").await.unwrap(), "first");
    assert_eq!(files(&db).await.unwrap().as_deref(), Some("first"));
    db.close().await;
}

suite! {
    the_first_mark_of_files_counts,
    the_name_can_change_until_somebody_has_joined_and_while_no_node_runs,
}
