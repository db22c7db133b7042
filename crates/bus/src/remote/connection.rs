//! Opening a connection to Redis, and what it hears.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ProtocolVersion, PushInfo, PushKind, Value,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::{sync::mpsc, time::timeout};

use super::names::Names;
use crate::node::Node;

/// How long a server may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// More pings than this are never on their way.
const ECHOES: usize = 64;

/// A connection that listens on both channels.
pub(super) struct Listening {
    pub(super) connection: MultiplexedConnection,
    /// The numbers of the pings that come back. It ends when the connection breaks.
    pub(super) echoes: mpsc::Receiver<u64>,
}

/// Connects and subscribes. Messages of others go to `node`.
pub(super) async fn listen(server: &ConnectionInfo, names: &Arc<Names>, node: &Arc<Node>) -> Result<Listening, String> {
    let (echo, echoes) = mpsc::channel(ECHOES);
    let (ours, node) = (Arc::clone(names), Arc::clone(node));
    let hear = move |push: PushInfo| hear(push, &ours, &node, &echo);
    let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let server = server.clone().set_redis_settings(settings);
    let mut connection = open(server, AsyncConnectionConfig::new().set_push_sender(hear)).await?;
    let channels = [&names.hints, &names.heartbeat];
    connection.subscribe(&channels[..]).await.map_err(|error| error.to_string())?;
    Ok(Listening { connection, echoes })
}

/// Connects only to ask something.
pub(super) async fn ask(server: ConnectionInfo) -> Result<MultiplexedConnection, String> {
    open(server, AsyncConnectionConfig::new()).await
}

async fn open(server: ConnectionInfo, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, String> {
    // Without it a batch would wait for the acknowledgement of the one before it.
    let server = server.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let config = config.set_connection_timeout(None).set_response_timeout(Some(ANSWER));
    let connect = async {
        let client = Client::open(server)?;
        client.get_multiplexed_async_connection_with_config(&config).await
    };
    match timeout(CONNECT, connect).await {
        Ok(connection) => connection.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// Called by the connection's task, so it must not wait.
fn hear(push: PushInfo, names: &Names, node: &Node, echo: &mpsc::Sender<u64>) -> Result<(), std::convert::Infallible> {
    if push.kind != PushKind::Message {
        return Ok(());
    }
    if let Ok([Value::BulkString(channel), Value::BulkString(message)]) = <[Value; 2]>::try_from(push.data) {
        if channel == names.hints.as_bytes() {
            names.of_others(message).into_iter().for_each(|message| node.deliver(message));
        } else if let Ok(number) = <[u8; 8]>::try_from(&message[..]) {
            // A full queue can only hold echoes that say the same.
            echo.try_send(u64::from_be_bytes(number)).ok();
        }
    }
    Ok(())
}
