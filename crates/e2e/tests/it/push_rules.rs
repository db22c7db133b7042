//! Push rules: `/_matrix/client/v3/pushrules/…`

use e2e::{Server, Value, json};

const RULES: &str = "/_matrix/client/v3/pushrules/global";

#[track_caller]
fn refused((status, body): (u16, Value), expected: u16, errcode: &str) {
    assert_eq!((status, &body["errcode"]), (expected, &json!(errcode)), "{body}");
}

fn ids(rules: &Value, kind: &str) -> Vec<String> {
    let rules = rules[kind].as_array().expect("a list").iter();
    rules.map(|rule| rule["rule_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn everyone_begins_with_the_default_rules() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let all = server.get("/_matrix/client/v3/pushrules/").by(&alice).ok().await;
    let global = server.get(&format!("{RULES}/")).by(&alice).ok().await;
    assert_eq!(all, json!({ "global": global }));
    assert_eq!(ids(&global, "override")[0], ".m.rule.master");
    assert!(ids(&global, "underride").contains(&".m.rule.message".to_owned()));
    for kind in ["content", "room", "sender"] {
        assert!(global[kind].is_array(), "{kind}");
    }
    let master = server.get(&format!("{RULES}/override/.m.rule.master")).by(&alice).ok().await;
    assert_eq!((&master["enabled"], &master["default"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn rules_are_added_ordered_changed_and_removed() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let put = |path: &str, body| server.put(&format!("{RULES}/{path}"), body).by(&alice).ok();
    let rule = json!({ "actions": ["notify", { "set_tweak": "highlight" }], "pattern": "cake" });
    put("content/first", rule.clone()).await;
    put("content/second", rule.clone()).await;
    put("content/third?after=second", rule.clone()).await;
    put("content/fourth?before=first", rule.clone()).await;
    let global = server.get(&format!("{RULES}/")).by(&alice).ok().await;
    assert_eq!(ids(&global, "content")[..4], ["second", "third", "fourth", "first"]);

    let first = format!("{RULES}/content/first");
    assert_eq!(server.get(&first).by(&alice).ok().await["pattern"], "cake");
    assert_eq!(server.get(&format!("{first}/enabled")).by(&alice).ok().await, json!({ "enabled": true }));
    put("content/first/enabled", json!({ "enabled": false })).await;
    assert_eq!(server.get(&format!("{first}/enabled")).by(&alice).ok().await, json!({ "enabled": false }));
    put("content/first/actions", json!({ "actions": [] })).await;
    assert_eq!(server.get(&format!("{first}/actions")).by(&alice).ok().await, json!({ "actions": [] }));
    put("underride/.m.rule.message/actions", json!({ "actions": [] })).await;
    let message = server.get(&format!("{RULES}/underride/.m.rule.message")).by(&alice).ok().await;
    assert_eq!(message["actions"], json!([]), "default rules are changed, too");

    assert_eq!(server.delete(&first).by(&alice).ok().await, json!({}));
    refused(server.get(&first).by(&alice).send().await, 404, "M_NOT_FOUND");
    refused(server.get(&format!("{RULES}/content/second")).by(&bob).send().await, 404, "M_NOT_FOUND");
    for (kind, id) in [("room", "!r:localhost"), ("sender", "@bob:localhost"), ("override", "x"), ("underride", "y")] {
        put(&format!("{kind}/{id}"), json!({ "actions": ["notify"] })).await;
        assert_eq!(server.get(&format!("{RULES}/{kind}/{id}")).by(&alice).ok().await["rule_id"], id);
    }
    let server = server.restart().await;
    assert_eq!(server.get(&format!("{RULES}/sender/@bob:localhost")).by(&alice).ok().await["enabled"], true);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let rule = json!({ "actions": ["notify"], "pattern": "x" });
    for (path, body, status, errcode) in [
        ("content/.mine", rule.clone(), 400, "M_INVALID_PARAM"),
        ("content/a%2Fb", rule.clone(), 400, "M_INVALID_PARAM"),
        ("content/a%5Cb", rule.clone(), 400, "M_INVALID_PARAM"),
        ("nonsense/x", rule.clone(), 400, "M_INVALID_PARAM"),
        ("room/x", rule.clone(), 400, "M_INVALID_PARAM"),
        ("sender/x", rule.clone(), 400, "M_INVALID_PARAM"),
        (&format!("content/{}", "x".repeat(300)), rule.clone(), 400, "M_INVALID_PARAM"),
        ("content/x?before=.m.rule.contains_user_name", rule.clone(), 400, "M_INVALID_PARAM"),
        ("content/x?before=unknown", rule.clone(), 400, "M_UNKNOWN"),
        ("content/x", json!({ "actions": ["notify"] }), 400, "M_MISSING_PARAM"),
        ("content/x", json!({ "pattern": "x" }), 400, "M_BAD_JSON"),
        ("content/x", json!({ "actions": 5, "pattern": "x" }), 400, "M_BAD_JSON"),
        ("override/x", json!({ "actions": [], "conditions": "x" }), 400, "M_BAD_JSON"),
        ("content/x", json!({ "actions": [], "pattern": "x".repeat(70_000) }), 413, "M_TOO_LARGE"),
        ("content/unknown/enabled", json!({ "enabled": true }), 404, "M_NOT_FOUND"),
        ("content/unknown/enabled", json!({ "enabled": "yes" }), 400, "M_BAD_JSON"),
        ("content/unknown/actions", json!({ "actions": [] }), 404, "M_NOT_FOUND"),
        ("override/.m.rule.master/actions", json!({ "actions": {} }), 400, "M_BAD_JSON"),
    ] {
        let answer = server.put(&format!("{RULES}/{path}"), body).by(&alice).send().await;
        assert_eq!((answer.0, &answer.1["errcode"]), (status, &json!(errcode)), "{path}: {}", answer.1);
    }
    refused(server.delete(&format!("{RULES}/override/.m.rule.master")).by(&alice).send().await, 400, "M_INVALID_PARAM");
    refused(server.delete(&format!("{RULES}/content/unknown")).by(&alice).send().await, 404, "M_NOT_FOUND");
    refused(server.get(&format!("{RULES}/nonsense/x/enabled")).by(&alice).send().await, 400, "M_INVALID_PARAM");
    for path in ["/", "/content/x", "/content/x/enabled", "/content/x/actions"] {
        refused(server.get(&format!("{RULES}{path}")).send().await, 401, "M_MISSING_TOKEN");
    }
    let untouched = server.get(&format!("{RULES}/")).by(&alice).ok().await;
    assert!(!ids(&untouched, "content").contains(&"x".to_owned()));
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let put = |n: usize| {
        let path = format!("{RULES}/content/rule{n}");
        tokio::spawn(server.put(&path, json!({ "actions": [], "pattern": "x" })).by(&alice).send())
    };
    let puts: Vec<_> = (0..20).map(put).collect();
    for put in puts {
        assert_eq!(put.await.expect("it answers").0, 200);
    }
    let global = server.get(&format!("{RULES}/")).by(&alice).ok().await;
    let mine = ids(&global, "content").into_iter().filter(|id| id.starts_with("rule")).count();
    assert_eq!(mine, 20);
}
