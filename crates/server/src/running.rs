//! One running server: open the store, serve, stop.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use api::{Metrics, Surface};
use bus::Bus;
use chat::Chat;
use media::Storage;
use ruma::{OwnedServerName, ServerName};
use store::{Db, identity::Identity};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};

use crate::{
    config::{self, Own, Server, Settings},
    web,
};

/// Connections that may wait until they are accepted: when a node dies or a network comes back, thousands come at once.
/// The system allows its own maximum (`net.core.somaxconn` on Linux) if that is lower.
const BACKLOG: u32 = 4096;

/// How long a store may take to close: a database that hangs would keep the process from ending.
const CLOSING: Duration = Duration::from_secs(10);

/// Why a server could not start: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// A server that accepts requests until it is stopped.
pub struct Running {
    /// The address that it listens on.
    pub addr: SocketAddr,
    /// The address of its metrics, if they are served.
    pub metrics_addr: Option<SocketAddr>,
    chat: Arc<Chat>,
    serving: Vec<JoinHandle<()>>,
    timeout: Duration,
}

/// Opens the store, binds the address and serves until [`Running::stop`].
///
/// # Errors
/// A sentence for the operator: the address is taken, the data is in use, the server name cannot be used.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    start_with(settings, chat::Env::system()).await
}

/// [`start`] with a clock and randomness of the caller's.
///
/// # Errors
/// As [`start`].
pub async fn start_with(settings: Settings, env: chat::Env) -> Result<Running, StartError> {
    let Settings { own, rules } = settings;
    let name = server_name(&own.server)?;
    // An address that is taken is said before the store is touched. Connections wait until it is open: a load balancer
    // would send them to a node that is silent.
    let door = Door::bind(own.server.listen, "server.listen")?;
    let metrics_door = own.metrics.enabled.then(|| Door::bind(own.metrics.listen, "metrics.listen")).transpose()?;
    let addr = door.address;
    check_unmarked(&own)?;
    let (db, identity) = open_store(&own, &env).await?;
    let private = addr.ip().is_loopback() && own.server.trusted_proxies.is_empty();
    let files = open_files(&own, &db, &env).await?;
    let bus = open_bus(&own, &identity, &db).await?;
    let common_settings = config::common(&own, &rules, private);
    let parts = chat::Parts {
        db,
        files,
        env,
        config: rules,
        server_name: name,
        secret: identity.secret,
        loopback_only: private,
        bus,
        address: addr.to_string(),
        common_settings,
    };
    let chat = Chat::open(parts).await.map_err(refused)?;
    confirm_name(&chat).await?;
    let metrics = Metrics::default();
    let surface = Surface {
        assets: own.web.enabled.then(web::assets),
        public_url: own.server.public_url,
        trusted_proxies: own.server.trusted_proxies,
        metrics: metrics.clone(),
    };
    let app = api::app(chat.clone(), surface);
    let mut serving = vec![tokio::spawn(api::serve(door.open()?, app, stopping(&chat)))];
    let metrics_addr = metrics_door.as_ref().map(|door| door.address);
    if let Some(door) = metrics_door {
        let router = api::metrics_router(chat.clone(), metrics);
        serving.push(tokio::spawn(api::serve(door.open()?, router, stopping(&chat))));
    }
    Ok(Running { addr, metrics_addr, chat, serving, timeout: Duration::from_millis(own.server.shutdown_timeout_ms) })
}

impl Running {
    /// The rules, for tests that look behind the API.
    pub fn chat(&self) -> &Arc<Chat> {
        &self.chat
    }

    /// Whether nobody has registered yet.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn is_new(&self) -> Result<bool, StartError> {
        Ok(!store::accounts::users::any(&self.chat.db).await.map_err(refused)?)
    }

    /// Ends streams one after the other (`websocket.drain_ms`), then accepts nothing new, lets what is open finish (not longer than `server.shutdown_timeout_ms`), closes the store.
    pub async fn stop(self) {
        let Self { chat, serving, timeout, .. } = self;
        chat.draining.send_replace(true);
        tokio::time::sleep(Duration::from_millis(chat.config.websocket.drain_ms)).await;
        chat.shutdown.send_replace(true);
        let aborts: Vec<_> = serving.iter().map(JoinHandle::abort_handle).collect();
        let drained = async {
            for task in serving {
                task.await.ok();
            }
            // WebSockets hold a receiver of the signal until they have said goodbye.
            chat.shutdown.closed().await;
        };
        if tokio::time::timeout(timeout, drained).await.is_err() {
            tracing::warn!(name: "server.stop", "connections were still open at the end of the shutdown timeout");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let closing = async {
            chat::cluster::report::leave(&chat).await;
            chat.db.close().await;
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!(name: "server.close", "the store did not close in time: what was not acknowledged may be lost");
        }
    }
}

/// The configured name, if the server may run under it.
fn server_name(server: &Server) -> Result<OwnedServerName, StartError> {
    let name = ServerName::parse(&server.name)
        .map_err(|_| StartError(format!("server.name: \"{}\" is not a server name", server.name)))?;
    if server.name == "localhost" && !server.listen.ip().is_loopback() {
        return Err(StartError(format!(
            "refusing to listen on {} without a server name: it becomes part of every user's id and can never change once \
             people have joined, so set it first (--server-name NAME, or server.name), for example to your domain",
            server.listen
        )));
    }
    Ok(name)
}

async fn open_store(settings: &Own, env: &chat::Env) -> Result<(Db, Identity), StartError> {
    let (name, data) = (&settings.server.name, settings.server.data.display());
    if !settings.postgres.url.is_empty() && settings.server.data.join("chatbook.db").exists() {
        tracing::warn!(
            name: "server.two_stores",
            "postgres.url is set, so {data}/chatbook.db is not used: what people have in it is not there"
        );
    }
    let (db, place) = match settings.postgres.url.is_empty() {
        true => {
            let failed = |error| StartError(format!("server.data: {error}"));
            (Db::open_sqlite(&settings.server.data).map_err(failed)?, format!("the data in {data}"))
        }
        false => (Db::open_postgres(&settings.postgres).await.map_err(refused)?, "the database".to_owned()),
    };
    let wanted =
        Identity { server_name: name.clone(), cluster: env.token::<12>(), secret: env.random::<32>().to_vec() };
    let now = chat::cluster::report::now(&db, env).await.map_err(refused)?;
    let kept = store::identity::claim(&db, &wanted, now - chat::cluster::report::SILENT_MS).await.map_err(refused)?;
    if kept.server_name != *name {
        db.close().await;
        return Err(belongs_to(&place, &kept.server_name, name));
    }
    Ok((db, kept))
}

/// Once the others can see that this node is here, its name stays. One that was started at the same time may have
/// chosen another just before.
async fn confirm_name(chat: &Arc<Chat>) -> Result<(), StartError> {
    if !chat.db.is_shared() {
        return Ok(());
    }
    chat::cluster::report::send(chat).await.map_err(refused)?;
    let kept = store::identity::server_name(&chat.db).await.map_err(refused)?;
    let Some(kept) = kept.filter(|kept| *kept != chat.server_name.as_str()) else { return Ok(()) };
    chat::cluster::report::leave(chat).await;
    Err(belongs_to("the database", &kept, chat.server_name.as_str()))
}

fn belongs_to(place: &str, kept: &str, name: &str) -> StartError {
    StartError(format!(
        "{place} belongs to the server \"{kept}\", and a server's name cannot change once people have joined, or while \
         another node runs under it: start it with --server-name {kept} (or server.name), or give \"{name}\" a data \
         directory (server.data) or a database (postgres.url) of its own"
    ))
}

/// Where the files lie that rows of the store name. Those of a shared store have to be the same ones for all nodes.
async fn open_files(settings: &Own, db: &Db, env: &chat::Env) -> Result<Storage, StartError> {
    let dir = media_dir(settings);
    let failed = |error| StartError(format!("server.data: {} cannot be used: {error}", dir.display()));
    let files = Storage::local(&dir).map_err(failed)?;
    if !db.is_shared() {
        return Ok(files);
    }
    let (found, kept) = match store::identity::files(db).await.map_err(refused)? {
        // Read later than what it is compared with: a node that starts beside this one may be marking it.
        Some(kept) => (files.marked().await.map_err(failed)?, kept),
        None => {
            let mark = files.mark(&env.token::<9>()).await.map_err(failed)?;
            let kept = store::identity::claim_files(db, &mark).await.map_err(refused)?;
            (Some(mark), kept)
        }
    };
    if found.as_ref() != Some(&kept) {
        db.close().await;
        return Err(StartError(foreign_files(&dir, found.as_deref(), &kept)));
    }
    Ok(files.expecting(&kept))
}

/// A server without PostgreSQL has a directory of its own: it would remove what the nodes of a cluster are writing.
fn check_unmarked(settings: &Own) -> Result<(), StartError> {
    let mark = media_dir(settings).join(media::MARK);
    if !settings.postgres.url.is_empty() || !mark.exists() {
        return Ok(());
    }
    Err(StartError(format!(
        "server.data: {} belongs to a cluster, since there is {}: set postgres.url as the cluster's nodes have it, or give \
         this server a directory of its own. If no cluster uses it any more, remove that file",
        settings.server.data.display(),
        mark.display()
    )))
}

/// Where uploaded files lie.
pub(crate) fn media_dir(settings: &Own) -> PathBuf {
    settings.server.data.join("media")
}

/// What is said of a directory that does not bear the store's mark, but another or none.
pub(crate) fn foreign_files(dir: &Path, found: Option<&str>, kept: &str) -> String {
    let (dir, mark) = (dir.display(), media::MARK);
    let found = match found {
        Some(found) => format!("It bears the mark of others ({found} in \"{mark}\")"),
        None => format!("If these are the files, and only \"{mark}\" is missing among them, write {kept} into it"),
    };
    format!(
        "server.data: {dir} does not hold this store's files. All nodes of a store share one directory: let server.data name \
         it. A copy of the store needs a copy of the files, never the same ones, for it removes what it does not know. {found}"
    )
}

/// What the nodes tell each other over, if Redis is configured. Stores that share one Redis do not meet there, nor does a
/// copy of a store, which has its identity.
async fn open_bus(settings: &Own, identity: &Identity, db: &Db) -> Result<Option<Bus>, StartError> {
    if settings.redis.urls.is_empty() {
        return Ok(None);
    }
    if settings.postgres.url.is_empty() {
        return Err(StartError(
            "redis.urls is set, but postgres.url is not: Redis is for several nodes, and these share a PostgreSQL \
             database. Set postgres.url too, or leave Redis out"
                .into(),
        ));
    }
    let place = store::identity::place(db).await.map_err(refused)?;
    Bus::redis(&settings.redis, &format!("{}.{place}", identity.cluster)).map(Some).map_err(refused)
}

/// An address that is this process's, at which nobody gets in yet.
struct Door {
    socket: TcpSocket,
    address: SocketAddr,
    /// The setting that it is of.
    key: &'static str,
}

impl Door {
    fn bind(address: SocketAddr, key: &'static str) -> Result<Self, StartError> {
        let failed = |error| cannot_listen(address, key, &error);
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let bind = |socket: TcpSocket| {
            // A server that is started again takes the address over from the connections of the one before.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(Self { address: socket.local_addr()?, socket, key })
        };
        socket.and_then(bind).map_err(failed)
    }

    fn open(self) -> Result<TcpListener, StartError> {
        let Self { socket, address, key } = self;
        socket.listen(BACKLOG).map_err(|error| cannot_listen(address, key, &error))
    }
}

fn cannot_listen(address: SocketAddr, key: &str, error: &std::io::Error) -> StartError {
    StartError(format!("cannot listen on {address} ({key}): {error}"))
}

/// Completes when the server begins to stop.
fn stopping(chat: &Chat) -> impl Future<Output = ()> + Send + 'static {
    let mut signal = chat.shutdown.subscribe();
    async move { drop(signal.wait_for(|stopping| *stopping).await) }
}

fn refused(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}
