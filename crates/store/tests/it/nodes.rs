//! The nodes that serve a store.

use store::{
    Db,
    nodes::{self, NodeRow},
};

use crate::engines::{Store, suite};

async fn shown(db: &Db, ts: i64) -> Vec<(String, i64)> {
    nodes::list(db, ts).await.unwrap().into_iter().map(|row| (row.node_id, row.seen_ts)).collect()
}

pub(crate) async fn nodes_are_listed_while_they_say_something(store: Store) {
    let db = store.open().await;
    assert_eq!(shown(&db, 0).await, []);
    for (node_id, seen_ts) in [("a", 1_000), ("b", 2_000), ("a", 3_000)] {
        let row = NodeRow { node_id: node_id.into(), seen_ts, report: "{}".into() };
        db.tidy(nodes::put(&row)).await.unwrap();
    }
    assert_eq!(shown(&db, 0).await, [("a".to_owned(), 3_000), ("b".to_owned(), 2_000)]);
    assert_eq!(shown(&db, 2_000).await, [("a".to_owned(), 3_000)]);
    db.tidy(nodes::expire(2_500)).await.unwrap();
    assert_eq!(shown(&db, 0).await, [("a".to_owned(), 3_000)]);
    db.tidy(nodes::remove("a")).await.unwrap();
    assert_eq!(shown(&db, 0).await, []);
    db.close().await;
}

suite! { nodes_are_listed_while_they_say_something }
