//! The rules of Chatbook. Knows neither HTTP nor SQL.

pub mod account_data;
pub mod accounts;
mod canonical;
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
pub mod sync;
pub mod to_device;
mod turns;
pub mod typing;
pub mod uia;
pub mod user_directory;

use std::sync::Arc;

pub use env::Env;
pub use error::{Error, Result};
pub use rooms::Room;
use ruma::{OwnedServerName, UserId};
use serde_json::{Map, Value};
use store::{Db, log::Shard};
pub use store::{
    Error as StoreError,
    accounts::{devices::DeviceRow, directory::FoundRow, registration_tokens::RegistrationTokenRow},
    log::{Event, Receipt},
};

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
    /// Turns true once, when the server begins to stop: long-lived requests end themselves then.
    pub shutdown: tokio::sync::watch::Sender<bool>,
    /// The tail of the logs.
    pub(crate) hub: Arc<sync::hub::Hub>,
    pub(crate) rooms: Arc<rooms::Rooms>,
    pub(crate) typing_rooms: dashmap::DashMap<Arc<str>, ()>,
    pub(crate) presence: presence::Presence,
    pub(crate) sessions: Arc<sessions::Cache>,
    pub(crate) filters: filters::Cache,
    pub(crate) media: media::Media,
    /// Users whose account data is being read, changed and written back.
    pub(crate) changing: turns::Turns,
    freshness: sync::follow::Freshness,
    /// Rate limits.
    pub rate_limits: rate_limit::RateLimits,
    pub(crate) passwords: passwords::Pool,
    pub(crate) uia: uia::Sessions,
}

impl Chat {
    /// Opens the rules over a store and the place where files are kept.
    pub async fn open(
        db: Db,
        files: ::media::Storage,
        env: Env,
        config: config::Config,
        server_name: OwnedServerName,
        loopback_only: bool,
    ) -> Result<Arc<Self>> {
        let heads = db.heads().await?;
        let (rooms, sessions) = (Arc::new(rooms::Rooms::default()), Arc::new(sessions::Cache::default()));
        let erased = erasure::Erased::load(&db).await?;
        let limit = config.presence.max_room_members;
        let hub = Arc::new(sync::hub::Hub::new(&heads, rooms.clone(), sessions.clone(), erased, limit));
        let follower = hub.clone();
        let now = db.follow(Arc::new(move |committed| follower.offer(committed))).await?;
        if db.is_shared() {
            hub.learn_heads(&now);
        } else if now != heads {
            return Err(Error::Store(StoreError::Refused("somebody wrote to the store while it was opened".into())));
        }
        let media = media::Media::new(files, &config.media);
        let chat = Arc::new(Self {
            hub,
            rooms,
            typing_rooms: dashmap::DashMap::new(),
            presence: presence::Presence::default(),
            rate_limits: rate_limit::RateLimits::new(&config.rate_limits),
            passwords: passwords::Pool::new(&config.passwords),
            uia: uia::Sessions::default(),
            db,
            env,
            config,
            server_name,
            loopback_only,
            shutdown: tokio::sync::watch::Sender::new(false),
            sessions,
            filters: filters::Cache::default(),
            media,
            changing: turns::Turns::default(),
            freshness: sync::follow::Freshness::default(),
        });
        media::start_sweeping(&chat);
        tokio::spawn(housekeeping::run(Arc::downgrade(&chat)));
        if chat.db.is_shared() {
            tokio::spawn(sync::follow::run(Arc::downgrade(&chat)));
        }
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

    /// Whether what other nodes commit is told to this one as it happens.
    pub(crate) fn are_hints_coming(&self) -> bool {
        false
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
