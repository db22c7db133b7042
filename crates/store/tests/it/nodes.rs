//! The nodes that serve a store.

use store::nodes::{self, NodeRow};

use crate::engines::{Store, suite};

pub(crate) async fn nodes_count_while_they_say_something(store: Store) {
    let db = store.open().await;
    assert_eq!(nodes::count(&db, 0).await.unwrap(), 0);
    for (node_id, seen_ts) in [("a", 1_000), ("b", 2_000), ("a", 3_000)] {
        let row = NodeRow { node_id: node_id.into(), seen_ts, report: "{}".into() };
        db.tidy(nodes::put(&row)).await.unwrap();
    }
    let mut counts = Vec::new();
    for ts in [1_999, 2_000, 3_000] {
        counts.push(nodes::count(&db, ts).await.unwrap());
    }
    assert_eq!(counts, [2, 1, 0]);
    db.tidy(nodes::expire(2_500)).await.unwrap();
    let list = nodes::list(&db).await.unwrap();
    assert_eq!(list.iter().map(|row| row.node_id.as_str()).collect::<Vec<_>>(), ["a"]);
    db.tidy(nodes::remove("a")).await.unwrap();
    assert_eq!(nodes::count(&db, 0).await.unwrap(), 0);
    db.close().await;
}

suite! { nodes_count_while_they_say_something }
