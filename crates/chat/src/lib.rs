//! The rules of Chatbook. Knows neither HTTP nor SQL.

pub mod account_data;
pub mod accounts;
mod canonical;
pub mod cluster;
pub mod config;
pub mod devices;
mod env;
mod erasure;
mod error;
pub mod filters;
mod housekeeping;
pub mod media;
mod messages;
pub mod passwords;
pub mod presence;
pub mod profile;
pub mod push_rules;
pub mod rate_limit;
pub mod receipts;
pub mod registration_tokens;
pub mod rooms;
pub mod sessions;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod sync;
pub mod to_device;
mod turns;
pub mod typing;
pub mod uia;
pub mod user_directory;

use std::sync::Arc;

use bus::Bus;
pub use env::Env;
pub use error::{Error, Result};
pub use rooms::Room;
use ruma::{OwnedServerName, UserId};
use serde_json::{Map, Value};
pub use store::{
    APPEND_BUCKETS_US, Error as StoreError, Stats as StoreStats,
    accounts::{devices::DeviceRow, directory::FoundRow, registration_tokens::RegistrationTokenRow},
    log::{Event, Receipt},
};
use store::{Db, log::Shard};

/// What every rule works with. One per process, shared.
pub struct Chat {
    /// The store.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// The settings.
    pub config: config::Config,
    /// The part of user ids and aliases after the colon. Never changes once people have joined.
    pub server_name: OwnedServerName,
    /// Whether the server listens on loopback only, which opens registration under `registration.mode = "auto"`.
    pub loopback_only: bool,
    /// Turns true once, when the server is about to stop but answers yet: load balancers send nobody new, and streams,
    /// which are its only receivers, end one after the other.
    pub draining: tokio::sync::watch::Sender<bool>,
    /// Turns true once, when the server begins to stop: long-lived requests end themselves then.
    pub shutdown: tokio::sync::watch::Sender<bool>,
    /// The tail of the logs.
    pub(crate) hub: Arc<sync::hub::Hub>,
    pub(crate) rooms: Arc<rooms::Rooms>,
    pub(crate) typing_rooms: dashmap::DashMap<Arc<str>, ()>,
    pub(crate) presence: Arc<presence::Presence>,
    pub(crate) sessions: Arc<sessions::Cache>,
    pub(crate) filters: filters::Cache,
    pub(crate) media: media::Media,
    pub(crate) freshness: sync::follow::Freshness,
    /// Users whose account data or profile is being changed anew, after another change has overtaken the first attempt.
    pub(crate) changing: turns::Turns,
    /// Rate limits.
    pub rate_limits: rate_limit::RateLimits,
    pub(crate) passwords: passwords::Pool,
    /// Signs what clients carry from one node to another.
    pub(crate) secret: Vec<u8>,
    /// Seals what goes over the bus.
    pub(crate) seal: cluster::seal::Seal,
    pub(crate) bus: Option<Bus>,
    pub(crate) others: cluster::others::Others,
    pub(crate) common_settings: Value,
    /// Tells this run of this node from all others.
    pub(crate) node_id: Arc<str>,
    pub(crate) started_ts: i64,
    pub(crate) address: String,
}

/// What the rules stand on.
pub struct Parts {
    /// The store.
    pub db: Db,
    /// Where files are kept.
    pub files: ::media::Storage,
    /// Time and randomness.
    pub env: Env,
    /// The settings.
    pub config: config::Config,
    /// The part of user ids and aliases after the colon.
    pub server_name: OwnedServerName,
    /// The store's secret.
    pub secret: Vec<u8>,
    /// Whether the server listens on loopback only.
    pub loopback_only: bool,
    /// What the nodes of a cluster tell each other over.
    pub bus: Option<Bus>,
    /// Where this node listens, for operators.
    pub address: String,
    /// The settings that have to be the same at all nodes of the store, by section, to be compared.
    pub common_settings: Value,
}

#[cfg(test)]
impl Parts {
    /// With files in memory and everything else by default.
    pub(crate) fn for_tests(db: Db, env: Env) -> Self {
        Self {
            db,
            files: ::media::Storage::memory(),
            env,
            config: config::Config::default(),
            server_name: ruma::server_name!("localhost").to_owned(),
            secret: Vec::new(),
            loopback_only: true,
            bus: None,
            address: String::new(),
            common_settings: Value::Null,
        }
    }
}

impl Chat {
    /// Opens the rules over their parts.
    pub async fn open(parts: Parts) -> Result<Arc<Self>> {
        let Parts { db, files, env, config, server_name, secret, loopback_only, bus, address, common_settings } = parts;
        let heads = db.heads().await?;
        let (rooms, sessions) = (Arc::new(rooms::Rooms::default()), Arc::new(sessions::Cache::default()));
        let erased = erasure::Erased::default();
        erased.read(&db).await?;
        let presence = Arc::new(presence::Presence::default());
        let who = (presence.clone(), config.presence.max_room_members);
        let hub = Arc::new(sync::hub::Hub::new(&heads, rooms.clone(), sessions.clone(), erased, who));
        let seal = cluster::seal::Seal::new(&secret);
        let publish = bus.clone().zip(Some(seal.clone()));
        let publish = publish.map(|(bus, seal)| move |hint: bytes::Bytes| bus.publish(seal.close(&hint)));
        let now = db.follow(cluster::follower(hub.clone(), publish)).await?;
        if db.is_shared() {
            hub.learn_heads(&now, &hub.cursors());
            *hub.counts.looked.lock() = Some(tokio::time::Instant::now());
        } else if now != heads {
            return Err(Error::Store(StoreError::Refused("somebody wrote to the store while it was opened".into())));
        }
        let media = media::Media::new(files, &config.media);
        let freshness = sync::follow::Freshness::new(db.clone(), hub.clone());
        let chat = Arc::new(Self {
            hub,
            rooms,
            typing_rooms: dashmap::DashMap::new(),
            presence,
            rate_limits: rate_limit::RateLimits::new(&config.rate_limits, &secret, bus.is_some()),
            passwords: passwords::Pool::new(&config.passwords),
            secret,
            seal,
            bus,
            others: cluster::others::Others::default(),
            common_settings,
            node_id: env.token::<9>().into(),
            started_ts: env.now(),
            address,
            db,
            env,
            config,
            server_name,
            loopback_only,
            draining: tokio::sync::watch::Sender::new(false),
            shutdown: tokio::sync::watch::Sender::new(false),
            sessions,
            filters: filters::Cache::default(),
            media,
            changing: turns::Turns::default(),
            freshness,
        });
        media::start_sweeping(&chat);
        tokio::spawn(housekeeping::run(Arc::downgrade(&chat)));
        tokio::spawn(housekeeping::clean(Arc::downgrade(&chat)));
        cluster::start(&chat);
        tokio::spawn(accounts::finish_deactivations(chat.clone()));
        Ok(chat)
    }

    /// The shard that a room lives in.
    pub(crate) fn room_shard(&self, room_id: &str) -> Shard {
        self.db.shard_of(room_id)
    }

    /// The shard that a user lives in.
    pub(crate) fn user_shard(&self, user_id: &str) -> Shard {
        self.db.shard_of(user_id)
    }

    /// The content of a member event of the user: the membership, and the names from the profile.
    pub(crate) async fn member_content(&self, user_id: &UserId, membership: &str) -> Result<Map<String, Value>> {
        let names = store::profiles::names(&self.db, user_id.as_str()).await?.unwrap_or_default();
        let mut content = Map::from_iter([("membership".to_owned(), membership.into())]);
        for (key, value) in [("displayname", names.displayname), ("avatar_url", names.avatar_url)] {
            if let Some(value) = value {
                content.insert(key.into(), value.into());
            }
        }
        Ok(content)
    }
}
