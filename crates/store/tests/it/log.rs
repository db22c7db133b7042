//! The log: dense positions, guards, transaction ids, commands that fail alone.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::value::RawValue;
use store::{
    Db, Error, Stmt, Value, events,
    log::{Change, Commit, Guard, NewEvent, Outcome, Receipt, Record, RoomPart, TxnKey},
    params, rooms,
};

use crate::engines::{Store, suite};

const ROOM: &str = "!room";

fn raw(json: &str) -> Arc<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap().into()
}

fn event(id: &str, state_key: Option<&str>) -> NewEvent {
    NewEvent {
        event_id: id.into(),
        kind: if state_key.is_some() { "m.room.topic" } else { "m.room.message" }.into(),
        state_key: state_key.map(Into::into),
        sender: "@alice:test".into(),
        txn: None,
        notifies: state_key.is_none(),
        ts: 1,
        json: raw(&format!(r#"{{"event_id":"{id}"}}"#)),
    }
}

pub(crate) fn send(id: &str) -> Commit {
    let part = RoomPart { room_id: ROOM.into(), events: vec![event(id, None)], ..RoomPart::default() };
    Commit { ts: 1, room: Some(part), ..Commit::default() }
}

pub(crate) fn with_txn(id: &str, txn_id: &str) -> Commit {
    let txn = TxnKey {
        user_id: "@alice:test".into(),
        device_id: "PHONE".into(),
        scope: "send".into(),
        txn_id: txn_id.into(),
    };
    Commit { txn: Some(txn), ..send(id) }
}

pub(crate) async fn create(db: &Db) {
    let part = RoomPart {
        room_id: ROOM.into(),
        create: Some(("12".into(), "@alice:test".into())),
        events: vec![event("$topic", Some(""))],
        ..RoomPart::default()
    };
    committed(db.commit(Commit { ts: 1, room: Some(part), ..Commit::default() }).await.unwrap());
}

pub(crate) fn committed(outcome: Outcome) -> Arc<Record> {
    match outcome {
        Outcome::Committed(record) => record,
        Outcome::Duplicate { event_id } => panic!("taken for a repetition of {event_id}"),
    }
}

pub(crate) async fn history(db: &Db) -> Vec<(i64, i64, String)> {
    let events = events::from(db, 0, ROOM, 1, 100_000).await.unwrap();
    events.iter().map(|event| (event.seq, event.pos, event.event_id.to_string())).collect()
}

pub(crate) async fn positions_and_numbers_are_dense_under_concurrent_commits(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let last = Arc::new(AtomicI64::new(1));
    let seen = last.clone();
    let heads = db
        .follow(Arc::new(move |committed| {
            for record in committed.segments.iter().flat_map(|segment| &segment.records) {
                assert_eq!(
                    seen.fetch_add(1, Ordering::SeqCst) + 1,
                    record.pos,
                    "the follower sees every commit, in order"
                );
            }
        }))
        .await
        .unwrap();
    assert_eq!(heads[0].pos, 1);
    let sends = (0..500).map(|n| {
        let db = db.clone();
        tokio::spawn(async move { committed(db.commit(send(&format!("$m{n}"))).await.unwrap()).pos })
    });
    for send in sends.collect::<Vec<_>>() {
        let pos = send.await.unwrap();
        assert!(last.load(Ordering::SeqCst) >= pos, "the follower knew of it before the answer");
    }
    let history = history(&db).await;
    assert_eq!(history.len(), 501);
    for (index, (seq, pos, _)) in history.iter().enumerate() {
        assert_eq!((*seq, *pos), (index as i64 + 1, index as i64 + 1));
    }
}

pub(crate) async fn a_transaction_id_yields_one_event_also_within_a_batch_and_after_a_restart(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let (first, second) = tokio::join!(db.commit(with_txn("$a", "t")), db.commit(with_txn("$b", "t")));
    assert!(matches!(first, Ok(Outcome::Committed(_))));
    assert!(matches!(second, Ok(Outcome::Duplicate { event_id }) if event_id == "$a"));
    db.close().await;
    drop(db);
    let db = store.open().await;
    let again = db.commit(with_txn("$c", "t")).await;
    assert!(matches!(again, Ok(Outcome::Duplicate { event_id }) if event_id == "$a"));
    assert_eq!(history(&db).await.len(), 2);
}

pub(crate) async fn a_commit_decided_on_outdated_state_is_refused_and_changes_nothing(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let guarded = |id: &str, seq| {
        let mut commit = send(id);
        if let Some(part) = &mut commit.room {
            part.guards = vec![Guard { kind: "m.room.topic".into(), state_key: "".into(), seq }];
            part.events = vec![event(id, Some(""))];
        }
        commit
    };
    let (first, second) = tokio::join!(db.commit(guarded("$x", 1)), db.commit(guarded("$y", 1)));
    assert!(first.is_ok());
    assert!(matches!(second, Err(Error::Stale)), "{second:?}");
    let state = rooms::current_state(&db, 0, ROOM).await.unwrap();
    assert_eq!(state.len(), 1);
    assert_eq!(state[0].event_id.as_ref(), "$x");
    let absent = Guard { kind: "m.room.topic".into(), state_key: "other".into(), seq: 5 };
    let mut commit = send("$z");
    commit.room.as_mut().unwrap().guards = vec![absent];
    assert!(matches!(db.commit(commit).await, Err(Error::Stale)));
    assert_eq!(history(&db).await.len(), 2);
}

pub(crate) async fn what_is_to_be_redacted_and_repeated_meanwhile_is_not_redacted_alone(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let topic = events::from(&db, 0, ROOM, 1, 1).await.unwrap().remove(0);
    let redaction = |successor: i64| {
        let writes = vec![events::replaced_by(0, ROOM, &topic, successor), events::redact(0, ROOM, 1, "{}")];
        Commit { writes, ..send("$redaction") }
    };
    let mut next = send("$next");
    next.room.as_mut().unwrap().events = vec![event("$next", Some(""))];
    // Both in one batch, in this order.
    let (next, alone) = tokio::join!(db.commit(next), db.commit(redaction(0)));
    committed(next.unwrap());
    assert!(matches!(alone, Err(Error::Expectation(0))), "{alone:?}");
    assert!(matches!(db.commit(redaction(5)).await, Err(Error::Expectation(0))));
    committed(db.commit(redaction(2)).await.unwrap());
}

pub(crate) async fn a_command_that_fails_leaves_its_neighbours_and_no_gap(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let mut refused = send("$refused");
    refused.writes = vec![store::directory::delete_alias("#nobody:test")];
    let mut broken = send("$broken");
    broken.writes = vec![Stmt::new("insert into no_such_table (a) values ($1)", params![Value::Pos])];
    let mut unknown = send("$unknown");
    unknown.room.as_mut().unwrap().room_id = "!nowhere".into();
    let (a, refused, broken, unknown, b) = tokio::join!(
        db.commit(send("$a")),
        db.commit(refused),
        db.commit(broken),
        db.commit(unknown),
        db.commit(send("$b"))
    );
    assert!(matches!(refused, Err(Error::Expectation(0))), "{refused:?}");
    assert!(matches!(broken, Err(Error::Database(_))), "{broken:?}");
    assert!(matches!(unknown, Err(Error::NoRoom)), "{unknown:?}");
    committed(a.unwrap());
    committed(b.unwrap());
    let ids: Vec<_> = history(&db).await.into_iter().map(|(_, pos, id)| (pos, id)).collect();
    assert_eq!(ids, [(1, "$topic".to_owned()), (2, "$a".to_owned()), (3, "$b".to_owned())]);
}

pub(crate) async fn a_write_is_all_or_nothing(store: Store) {
    let db = store.open().await;
    let taken = store::directory::put_alias("#tea:test", ROOM, "@alice:test", 1);
    db.write(0, vec![taken.clone()]).await.unwrap();
    let both = db.write(0, vec![store::directory::publish("!other", 1), taken]).await;
    assert!(matches!(both, Err(Error::Expectation(1))), "{both:?}");
    assert!(!store::directory::is_public(&db, "!other").await.unwrap());
}

pub(crate) async fn the_log_reads_back_as_it_was_followed(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let record = committed(db.commit(with_txn("$a", "t")).await.unwrap());
    let read = db.records(0, 0, 2).await.unwrap();
    assert_eq!(read.iter().map(|record| record.pos).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(format!("{:?}", read[1]), format!("{record:?}"));
    let (user_id, room_id): (Arc<str>, Arc<str>) = ("@alice:test".into(), ROOM.into());
    let (device_id, json): (Arc<str>, _) = ("PHONE".into(), raw(r#"{"a":"\"b\""}"#));
    let receipt = Receipt {
        room_id: room_id.clone(),
        user_id: user_id.clone(),
        kind: "m.read".into(),
        thread: "".into(),
        event_id: "$a".into(),
        seq: 2,
        count: 1,
        ts: 1,
    };
    let changes = vec![
        Change::Redacted { room_id: room_id.clone(), seq: 2, json: json.clone() },
        Change::Receipt(receipt),
        Change::AccountData { user_id: user_id.clone(), room_id: room_id.clone(), kind: "m.tag".into(), json },
        Change::ToDevice { user_id: user_id.clone(), device_id: device_id.clone() },
        Change::Forgotten { user_id: user_id.clone(), room_id },
        Change::DeviceGone { user_id: user_id.clone(), device_id: device_id.clone() },
        Change::OthersGone { user_id: user_id.clone(), device_id },
        Change::TokenGone { user_id: user_id.clone(), token_hash: "00".into() },
        Change::Erased { user_id, ts: 5 },
    ];
    let record = committed(db.commit(Commit { ts: 1, changes, ..Commit::default() }).await.unwrap());
    let read = db.records(0, 2, i64::MAX).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(format!("{:?}", read[0]), format!("{record:?}"), "every kind of change");
}

pub(crate) async fn a_command_decided_on_older_state_is_stale_only_if_what_it_rests_on_moved(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let mut name = event("$name", Some(""));
    name.kind = "m.room.name".into();
    let part = RoomPart { room_id: ROOM.into(), events: vec![name], ..RoomPart::default() };
    committed(db.commit(Commit { ts: 1, room: Some(part), ..Commit::default() }).await.unwrap());
    let decided = |id: &str, kind: &str, seq: i64, decided_at: i64| {
        let mut commit = send(id);
        let guards = vec![Guard { kind: kind.into(), state_key: "".into(), seq }];
        commit.room.as_mut().unwrap().guards = guards;
        commit.room.as_mut().unwrap().decided_at = decided_at;
        db.commit(commit)
    };
    committed(decided("$a", "m.room.topic", 1, 1).await.unwrap());
    committed(decided("$b", "m.room.name", 2, 2).await.unwrap());
    let overtaken = decided("$c", "m.room.name", 0, 1).await;
    assert!(matches!(overtaken, Err(Error::Stale)), "{overtaken:?}");
}

pub(crate) async fn a_transaction_id_counts_on_the_next_day_and_is_forgotten_after_it(store: Store) {
    const DAY_MS: i64 = 86_400_000;
    let db = store.open().await;
    create(&db).await;
    let on = |id: &str, ts: i64| db.commit(Commit { ts, ..with_txn(id, "t") });
    committed(on("$a", DAY_MS - 1).await.unwrap());
    let next_day = on("$b", 2 * DAY_MS - 1).await;
    assert!(matches!(next_day, Ok(Outcome::Duplicate { event_id }) if event_id == "$a"));
    committed(on("$c", 2 * DAY_MS).await.unwrap());
    let expire = || events::expire_txns(&db, 0, 4 * DAY_MS);
    assert!(expire().await.unwrap(), "the first one; the second counts for a day yet, as is seen below");
    assert!(!expire().await.unwrap());
    let again = on("$d", 3 * DAY_MS).await;
    assert!(matches!(again, Ok(Outcome::Duplicate { event_id }) if event_id == "$c"));
}

pub(crate) async fn what_is_old_leaves_the_log_and_stays_in_history(store: Store) {
    let db = store.open().await;
    create(&db).await;
    for (id, ts) in [("$a", 10), ("$b", 20), ("$c", 30)] {
        committed(db.commit(Commit { ts, ..send(id) }).await.unwrap());
    }
    assert!(events::expire_log(&db, 0, 25).await.unwrap());
    assert!(!events::expire_log(&db, 0, 25).await.unwrap());
    let left = db.records(0, 0, i64::MAX).await.unwrap();
    assert_eq!(left.iter().map(|record| record.pos).collect::<Vec<_>>(), [4]);
    assert_eq!(history(&db).await.len(), 4);
    assert_eq!(committed(db.commit(send("$d")).await.unwrap()).pos, 5);
}

pub(crate) async fn a_text_with_a_nul_character_is_refused_wherever_it_would_go(store: Store) {
    let db = store.open().await;
    create(&db).await;
    let mut kind = send("$kind");
    kind.room.as_mut().unwrap().events[0].kind = "m.\0".into();
    let mut txn = with_txn("$txn", "t");
    txn.room.as_mut().unwrap().events[0].txn = Some(("PHONE".into(), "\0".into()));
    for commit in [kind, txn] {
        assert!(matches!(db.commit(commit).await, Err(Error::Unstorable)));
    }
    let alias = store::directory::put_alias("#\0:test", ROOM, "@alice:test", 1);
    assert!(matches!(db.write(0, vec![alias]).await, Err(Error::Unstorable)));
    assert!(matches!(store::directory::alias(&db, "#\0:test").await, Err(Error::Unstorable)));
    assert_eq!(history(&db).await.len(), 1);
}

suite! {
    what_is_old_leaves_the_log_and_stays_in_history,
    a_text_with_a_nul_character_is_refused_wherever_it_would_go,
    positions_and_numbers_are_dense_under_concurrent_commits,
    a_transaction_id_yields_one_event_also_within_a_batch_and_after_a_restart,
    a_commit_decided_on_outdated_state_is_refused_and_changes_nothing,
    what_is_to_be_redacted_and_repeated_meanwhile_is_not_redacted_alone,
    a_command_that_fails_leaves_its_neighbours_and_no_gap,
    a_write_is_all_or_nothing,
    the_log_reads_back_as_it_was_followed,
    a_command_decided_on_older_state_is_stale_only_if_what_it_rests_on_moved,
    a_transaction_id_counts_on_the_next_day_and_is_forgotten_after_it,
}
