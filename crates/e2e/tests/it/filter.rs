//! `POST /user/{userId}/filter`, `GET /user/{userId}/filter/{filterId}`

use e2e::{Server, User, json};

fn path(user: &User) -> String {
    format!("/_matrix/client/v3/user/{}/filter", user.id)
}

#[tokio::test]
async fn a_filter_comes_back_as_it_was_uploaded() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let filter = json!({ "room": { "timeline": { "limit": 10, "types": ["m.room.*"] } }, "org.example": [1.5, null] });
    let created = server.post(&path(&alice), filter.clone()).by(&alice).ok().await;
    let id = created["filter_id"].as_str().unwrap();
    assert!(!id.starts_with('{'));
    assert_eq!(server.get(&format!("{}/{id}", path(&alice))).by(&alice).ok().await, filter);
    assert_eq!(server.post(&path(&alice), filter).by(&alice).ok().await, created, "the same content, the same id");
    let empty = server.post(&path(&alice), json!({})).by(&alice).ok().await;
    assert_ne!(empty, created);
}

#[tokio::test]
async fn filters_belong_to_their_user() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let created = server.post(&path(&alice), json!({})).by(&alice).ok().await;
    let theirs = format!("{}/{}", path(&alice), created["filter_id"].as_str().unwrap());
    let (status, body) = server.get(&theirs).by(&bob).send().await;
    assert_eq!((status, &body["errcode"]), (403, &json!("M_FORBIDDEN")));
    let (status, body) = server.post(&path(&alice), json!({})).by(&bob).send().await;
    assert_eq!((status, &body["errcode"]), (403, &json!("M_FORBIDDEN")));
    let own = format!("{}/{}", path(&bob), created["filter_id"].as_str().unwrap());
    let (status, body) = server.get(&own).by(&bob).send().await;
    assert_eq!((status, &body["errcode"]), (404, &json!("M_NOT_FOUND")), "another user's id");
    let (status, body) = server.get(&theirs).send().await;
    assert_eq!((status, &body["errcode"]), (401, &json!("M_MISSING_TOKEN")));
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (body, status, errcode) in [
        ("[]".to_owned(), 400, "M_BAD_JSON"),
        ("nonsense".to_owned(), 400, "M_NOT_JSON"),
        ("\u{1}\u{ff}".to_owned(), 400, "M_NOT_JSON"),
        (json!({ "room": { "timeline": { "limit": -5 } } }).to_string(), 400, "M_BAD_JSON"),
        (json!({ "room": { "timeline": { "senders": ["x"] } } }).to_string(), 400, "M_BAD_JSON"),
        (json!({ "event_fields": ["x".repeat(100_000)] }).to_string(), 413, "M_TOO_LARGE"),
        (json!({ "event_fields": ["x".repeat(2_000_000)] }).to_string(), 413, "M_TOO_LARGE"),
        (format!("{}1{}", "[".repeat(5000), "]".repeat(5000)), 400, "M_"),
    ] {
        let (got, answer) = server.request("POST", &path(&alice)).by(&alice).body(body.clone()).send().await;
        assert_eq!(got, status, "{answer}");
        assert!(answer["errcode"].as_str().unwrap().starts_with(errcode), "{answer}");
    }
    let (status, body) = server.get(&format!("{}/%7B%7D", path(&alice))).by(&alice).send().await;
    assert_eq!((status, &body["errcode"]), (404, &json!("M_NOT_FOUND")));
}
