//! The settings that the rules depend on. The binary reads them; every field has a default and a description.

use serde::{Deserialize, Serialize};

use crate::passwords::MAX_LENGTH;

/// Settings of the rules, a section each.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who may register.
    pub registration: Registration,
    /// Password hashing.
    pub passwords: Passwords,
    /// Sessions and their tokens.
    pub sessions: Sessions,
    /// Rate limits.
    pub rate_limits: RateLimits,
    /// Finding people.
    pub user_directory: UserDirectory,
    /// Presence.
    pub presence: Presence,
    /// The stream over a WebSocket.
    pub websocket: WebSocket,
    /// Sizes.
    pub limits: Limits,
    /// Files that people share.
    pub media: Media,
}

/// No setting is a longer time than this, milliseconds: ten years.
const LONGEST_MS: i128 = 10 * 365 * 24 * 3600 * 1000;
/// Less is a slip of the pen, milliseconds.
const SHORTEST_MS: i128 = 100;
/// No rate limit lets more pass at once, or in a second.
const MOST_AT_ONCE: u32 = 100_000;

impl Config {
    /// Whether the server can work like this.
    ///
    /// # Errors
    /// The key of the first setting that it cannot work with, and a sentence for the operator.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let Self { passwords, sessions, websocket, limits, media, .. } = self;
        let count = |n: usize| n as i128;
        let numbers: [(_, i128, i128, i128); 14] = [
            // RFC 9106 asks for 2 GiB at most.
            ("passwords.memory_kib", passwords.memory_kib.into(), 8, 2 * 1024 * 1024),
            ("passwords.iterations", passwords.iterations.into(), 1, 1_000),
            ("passwords.concurrency", count(passwords.concurrency), 1, 1_024),
            ("passwords.min_length", count(passwords.min_length), 1, count(MAX_LENGTH)),
            (
                "sessions.refreshable_token_lifetime_ms",
                sessions.refreshable_token_lifetime_ms.into(),
                1_000,
                LONGEST_MS,
            ),
            ("websocket.auth_timeout_ms", websocket.auth_timeout_ms.into(), SHORTEST_MS, LONGEST_MS),
            ("websocket.ping_ms", websocket.ping_ms.into(), SHORTEST_MS, LONGEST_MS),
            ("websocket.silence_ms", websocket.silence_ms.into(), SHORTEST_MS, LONGEST_MS),
            ("websocket.drain_ms", websocket.drain_ms.into(), 0, LONGEST_MS),
            ("limits.upload_bytes", limits.upload_bytes.into(), 1, u64::MAX.into()),
            ("limits.rooms_per_user", count(limits.rooms_per_user), 1, 1_000_000),
            ("limits.body_timeout_ms", limits.body_timeout_ms.into(), SHORTEST_MS, LONGEST_MS),
            ("media.pending_lifetime_ms", media.pending_lifetime_ms.into(), 1_000, LONGEST_MS),
            ("media.thumbnails_at_once", count(media.thumbnails_at_once), 1, 1_024),
        ];
        if let Some((key, number, least, most)) = numbers.into_iter().find(|(_, n, least, most)| n < least || n > most)
        {
            return Err((key, format!("{number} cannot work: it has to be from {least} to {most}")));
        }
        if websocket.silence_ms <= websocket.ping_ms {
            let (silence, ping) = (websocket.silence_ms, websocket.ping_ms);
            let what = format!(
                "{silence} is no longer than websocket.ping_ms ({ping}): everybody would be taken for gone before being asked"
            );
            return Err(("websocket.silence_ms", what));
        }
        let RateLimits { enabled: _, login, registration, message } = &self.rate_limits;
        for (burst, per_second, rate) in [
            ("rate_limits.login.burst", "rate_limits.login.per_second", login),
            ("rate_limits.registration.burst", "rate_limits.registration.per_second", registration),
            ("rate_limits.message.burst", "rate_limits.message.per_second", message),
        ] {
            if !(1..=MOST_AT_ONCE).contains(&rate.burst) {
                return Err((burst, format!("{} cannot work: it has to be from 1 to {MOST_AT_ONCE}", rate.burst)));
            }
            // None at all is one a day.
            if !(0.0..=f64::from(MOST_AT_ONCE)).contains(&rate.per_second) {
                let what = format!("{} cannot work: it has to be from 0 to {MOST_AT_ONCE}", rate.per_second);
                return Err((per_second, what));
            }
        }
        Ok(())
    }
}

/// Who may register an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationMode {
    /// Anyone while the server listens on loopback only, otherwise with a registration token.
    #[default]
    Auto,
    /// Anyone.
    Open,
    /// Who has a registration token.
    Token,
    /// Nobody.
    Closed,
}

/// Who may register.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// `auto`, `open`, `token` or `closed`.
    pub mode: RegistrationMode,
}

/// Password hashing with argon2id (RFC 9106).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passwords {
    /// Memory per hash, KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Hashes computed at the same time; more wait.
    pub concurrency: usize,
    /// Characters a new password needs at least.
    pub min_length: usize,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, concurrency: 2, min_length: 8 }
    }
}

/// Sessions and their tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// How long an access token lives that was asked for together with a refresh token, milliseconds.
    pub refreshable_token_lifetime_ms: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { refreshable_token_lifetime_ms: 3_600_000 }
    }
}

/// A token bucket: `burst` at once, `per_second` on average.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per second on average.
    pub per_second: f64,
    /// Requests at once.
    pub burst: u32,
}

/// Rate limits; `enabled = false` lifts all of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Whether they apply.
    pub enabled: bool,
    /// Failed and successful logins, per address and per account.
    pub login: Rate,
    /// Registrations per address.
    pub registration: Rate,
    /// Messages and other changes per user.
    pub message: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            login: Rate { per_second: 0.2, burst: 10 },
            registration: Rate { per_second: 0.1, burst: 10 },
            message: Rate { per_second: 10.0, burst: 50 },
        }
    }
}

/// Finding people.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserDirectory {
    /// Whether everybody on the server can be found, or only who shares a room or is in a public one.
    pub search_all_users: bool,
}

impl Default for UserDirectory {
    fn default() -> Self {
        Self { search_all_users: true }
    }
}

/// Presence.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// Whether people see who is online.
    pub enabled: bool,
    /// In rooms with more connected members, presence is not pushed to everyone; it can still be asked for.
    pub max_room_members: usize,
}

impl Default for Presence {
    fn default() -> Self {
        Self { enabled: true, max_room_members: 200 }
    }
}

/// The stream over a WebSocket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// How long a client has to say who it is, milliseconds.
    pub auth_timeout_ms: u64,
    /// How often the server asks whether the client is there, milliseconds.
    pub ping_ms: u64,
    /// How long a silent client is kept, milliseconds.
    pub silence_ms: u64,
    /// Over how long the streams of a server that is about to stop end one after the other, milliseconds.
    pub drain_ms: u64,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self { auth_timeout_ms: 10_000, ping_ms: 30_000, silence_ms: 90_000, drain_ms: 0 }
    }
}

/// Sizes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest upload, bytes.
    pub upload_bytes: u64,
    /// The rooms a person may be a member of, and the invitations one may have beside them.
    pub rooms_per_user: usize,
    /// How long a request's body may take to arrive, uploads aside, milliseconds.
    pub body_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { upload_bytes: 100 * 1024 * 1024, rooms_per_user: 10_000, body_timeout_ms: 60_000 }
    }
}

/// Files that people share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// What one person may keep on the server, bytes; 0 for no bound.
    pub quota_bytes: u64,
    /// How long a file may be announced before its content is there, milliseconds.
    pub pending_lifetime_ms: i64,
    /// Files that one person may have announced at the same time.
    pub pending_per_user: usize,
    /// The largest picture that thumbnails are made of, width times height.
    pub thumbnail_pixels: u64,
    /// Memory for decoding one picture, bytes.
    pub thumbnail_memory_bytes: u64,
    /// Pictures decoded at the same time; more wait.
    pub thumbnails_at_once: usize,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            quota_bytes: 0,
            pending_lifetime_ms: 24 * 3600 * 1000,
            pending_per_user: 50,
            thumbnail_pixels: 64 * 1024 * 1024,
            thumbnail_memory_bytes: 256 * 1024 * 1024,
            thumbnails_at_once: 2,
        }
    }
}
