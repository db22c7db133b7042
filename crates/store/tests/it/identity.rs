//! Whose store it is.

use store::{
    Stmt,
    identity::{Identity, claim},
    params,
};

use crate::engines::{Store, suite};

pub(crate) async fn the_name_can_change_until_somebody_has_joined(store: Store) {
    let db = store.open().await;
    let named = |name: &str, cluster: &str| Identity {
        server_name: name.into(),
        cluster: cluster.into(),
        secret: cluster.as_bytes().to_vec(),
    };
    let first = claim(&db, &named("first", "one")).await.unwrap();
    assert!(first == named("first", "one"));
    let second = claim(&db, &named("second", "two")).await.unwrap();
    assert!(second == named("second", "one"), "what tells the store apart stays");
    let join = "insert into users (user_id, admin, deactivated, profile, search, created_ts) values ('@a:second', 0, 0, '{}', '', 0)";
    db.write(0, vec![Stmt::new(join, params![])]).await.unwrap();
    assert!(claim(&db, &named("third", "three")).await.unwrap() == named("second", "one"));
    db.close().await;
}

suite! { the_name_can_change_until_somebody_has_joined }
