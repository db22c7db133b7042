//! Redis through its faults.

use std::time::Duration;

use services::Redis;
use tokio::time::timeout;

#[tokio::test]
async fn a_killed_server_forgets_and_comes_back_on_its_port() {
    let redis = Redis::start(&[]).await.expect("it starts");
    let url = redis.url();
    redis.command(&["set", "key", "value"]).await.expect("set");
    assert_eq!(redis.command(&["get", "key"]).await.expect("get"), "value");
    redis.kill().await;
    assert!(redis.command(&["ping"]).await.is_err());
    redis.start_again().await.expect("it starts again");
    assert_eq!(redis.command(&["get", "key"]).await.expect("get"), "");
    assert_eq!(redis.url(), url);
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let redis = Redis::start(&[]).await.expect("it starts");
    redis.pause().await;
    let mut answer = Box::pin(redis.command(&["ping"]));
    assert!(timeout(Duration::from_millis(300), &mut answer).await.is_err());
    redis.resume().await;
    assert_eq!(answer.await.expect("an answer"), "PONG");
}

#[tokio::test]
async fn settings_reach_the_server_and_a_flush_empties_it() {
    let redis = Redis::start(&[("maxmemory", "50mb"), ("appendonly", "yes")]).await.expect("it starts");
    assert_eq!(redis.command(&["config", "get", "maxmemory"]).await.expect("config"), "maxmemory\n52428800");
    redis.command(&["set", "key", "value"]).await.expect("set");
    redis.stop().await;
    redis.start_again().await.expect("it starts again");
    assert_eq!(redis.command(&["get", "key"]).await.expect("get"), "value");
    redis.flush().await.expect("flushed");
    assert_eq!(redis.command(&["dbsize"]).await.expect("size"), "0");
}

#[tokio::test]
async fn a_wrong_setting_is_an_error_with_its_log() {
    let error = Redis::start(&[("no-such-setting", "1")]).await.expect_err("a wrong setting");
    assert!(error.to_string().contains("no-such-setting"), "{error}");
}
