//! Small runs against a real server. Each checks that what was acknowledged arrived once, in one order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

use std::process::Output;

use e2e::{Server, Value, json};

/// Runs the load test with these arguments; returns its exit and its one JSON line.
async fn run(server: &Server, arguments: &str) -> (Output, Value) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_chatbook-loadtest"));
    command.args(arguments.split(' ')).args(["--url", server.base()]).args(["--seconds", "1", "--warmup-seconds", "0"]);
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with('{'));
    let report = line.map(|line| serde_json::from_str(line).unwrap()).unwrap_or_default();
    (output, report)
}

async fn passes(server: &Server, arguments: &str) -> Value {
    let (output, report) = run(server, arguments).await;
    assert!(output.status.success(), "{arguments}: {report} {}", String::from_utf8_lossy(&output.stderr));
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receiver_gets_every_message_once_and_in_one_order_over_both_transports() {
    let server = Server::start().await;
    for transport in ["ws", "sync"] {
        let report =
            passes(&server, &format!("deliver --transport {transport} --receivers 4 --users 2 --rate 20")).await;
        assert_eq!(report["operations"], 4 * 20, "{report}");
        let report = passes(&server, &format!("fanout --transport {transport} --receivers 3 --in-flight 2")).await;
        let acknowledged = report["messages_acknowledged"].as_u64().unwrap();
        assert!(acknowledged > 0);
        assert_eq!(report["operations"], acknowledged * 3, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_scenarios_pass_without_errors() {
    let server = Server::start().await;
    let report = passes(&server, "send --users 4 --rooms 2 --in-flight 3 --count 20").await;
    assert_eq!(report["operations"], 20);
    let report = passes(&server, "send --users 4 --rooms 2 --in-flight 3 --rate 40").await;
    assert_eq!(report["operations"], 40, "each message has its moment in the second, and none has another");
    assert_eq!(report["not_sent"], 0, "{report}");
    let report = passes(&server, "send --users 4 --rooms 2 --in-flight 1 --rate 100000").await;
    let (sent, not_sent) = (report["operations"].as_u64().unwrap(), report["not_sent"].as_u64().unwrap());
    assert!(sent + not_sent == 100_000 && sent > 0, "what the server had no time for is told too: {report}");
    let report = passes(&server, "send --users 4 --rooms 2 --in-flight 16 --rate 8").await;
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(
        report["operations"] == 8 && seconds < 1.2,
        "those who have no message in the second wait for none: {report}"
    );
    passes(&server, "room-size --members 12 --in-flight 2").await;
    passes(&server, "sync-idle --rooms 3").await;
    let report = passes(&server, "idle --connections 6 --users 2 --rooms 1").await;
    assert_eq!(report["operations"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_fails_the_run_and_names_the_setting_that_lifts_it() {
    let server = Server::with(|settings| {
        settings.rules.rate_limits.enabled = true;
        settings.rules.rate_limits.registration.burst = 100;
        settings.rules.rate_limits.message.burst = 5;
    })
    .await;
    let (output, report) = run(&server, "send --users 2 --rooms 1 --in-flight 2 --count 40").await;
    assert_eq!(output.status.code(), Some(1));
    assert_ne!(report["errors"]["M_LIMIT_EXCEEDED"]["count"], json!(null));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("examples/open-test-server.toml"), "{table}");
}
