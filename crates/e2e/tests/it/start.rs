//! Starting and stopping.

use e2e::{Process, Server};

#[tokio::test]
async fn a_server_answers_until_it_is_stopped() {
    let server = Server::start().await;
    let versions = server.get("/_matrix/client/versions").ok().await;
    assert!(versions["versions"].as_array().is_some_and(|versions| versions.iter().any(|v| v == "v1.11")));
    let client = server.clone();
    server.stop().await;
    assert!(client.get("/_matrix/client/versions").try_send().await.is_err(), "it still answers");
}

#[tokio::test]
async fn a_killed_process_starts_again_on_its_data() {
    let mut process = Process::spawn().await;
    process.get("/_matrix/client/versions").ok().await;
    process.kill().await;
    assert!(process.get("/_matrix/client/versions").try_send().await.is_err(), "it still answers");
    let process = process.restart().await;
    process.get("/_matrix/client/versions").ok().await;
}
