//! Where Redis is: the section of the server's configuration, and what is wrong with it.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use serde::{Deserialize, Serialize};

/// Redis or Valkey (from version 6 of Redis), through which the nodes of a cluster tell each other what is new.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// Where to connect, as `redis://user:password@host:port/database` (everything but the host may be left out): the
    /// server itself with `single`, the sentinels with `sentinel` (user, password and database are those of the servers
    /// behind them, and tried at the sentinels too), some of the nodes with `cluster`.
    pub urls: Vec<String>,
    /// What stands at `urls`.
    pub mode: Mode,
    /// With `sentinel`: the name under which the sentinels know the master.
    pub sentinel_master: String,
}

/// The ways to run Redis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One server.
    #[default]
    Single,
    /// A master and its replicas, watched by sentinels, which say who is the master.
    Sentinel,
    /// A Redis Cluster.
    Cluster,
}

/// Why a configuration cannot work. Names the key, and no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nothing to connect to.
    #[error("redis.urls is empty")]
    NoUrl,
    /// Several servers that have nothing to do with each other.
    #[error("redis.urls has {0} entries, but redis.mode = \"single\" takes one; set redis.mode to sentinel or cluster")]
    OneUrl(usize),
    /// The sentinels would not know what they are asked for.
    #[error(
        "redis.mode = \"sentinel\" needs redis.sentinel_master, the name under which the sentinels know the master"
    )]
    NoMaster,
    /// `sentinel_master` belongs to another mode.
    #[error("redis.sentinel_master is set, but redis.mode is not sentinel")]
    NotSentinel,
    /// TLS is not supported.
    #[error("redis.urls: {0} asks for TLS, which is not supported; use redis:// in a network that you trust")]
    Tls(String),
    /// Not an address of Redis.
    #[error("redis.urls: {0} is not of the form redis://user:password@host:port/database")]
    Url(String),
    /// A Redis Cluster has the database 0 only.
    #[error("redis.urls: {0} names a database, and a Redis Cluster has none")]
    Database(String),
}

impl Redis {
    /// Whether this can work, as far as can be said without connecting.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.servers().map(drop)
    }

    /// What stands at the URLs.
    pub(crate) fn servers(&self) -> Result<Vec<ConnectionInfo>, ConfigError> {
        match (self.mode, self.urls.len()) {
            (_, 0) => return Err(ConfigError::NoUrl),
            (Mode::Single, several @ 2..) => return Err(ConfigError::OneUrl(several)),
            (Mode::Sentinel, _) if self.sentinel_master.is_empty() => return Err(ConfigError::NoMaster),
            (Mode::Single | Mode::Cluster, _) if !self.sentinel_master.is_empty() => {
                return Err(ConfigError::NotSentinel);
            }
            _ => {}
        }
        self.urls.iter().map(|url| self.server(url)).collect()
    }

    fn server(&self, url: &str) -> Result<ConnectionInfo, ConfigError> {
        if url.starts_with("rediss://") || url.starts_with("valkeys://") {
            return Err(ConfigError::Tls(masked(url)));
        }
        // The library's own error is left out: it may quote the URL.
        let server = url.into_connection_info().map_err(|_| ConfigError::Url(masked(url)))?;
        if !matches!(server.addr(), ConnectionAddr::Tcp(..)) {
            return Err(ConfigError::Url(masked(url)));
        }
        if self.mode == Mode::Cluster && server.redis_settings().db() != 0 {
            return Err(ConfigError::Database(masked(url)));
        }
        Ok(server)
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("urls", &self.urls.iter().map(|url| masked(url)).collect::<Vec<_>>())
            .field("mode", &self.mode)
            .field("sentinel_master", &self.sentinel_master)
            .finish()
    }
}

/// A URL without user and password, however malformed it is.
fn masked(url: &str) -> String {
    let Some((credentials, host)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let scheme = credentials.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mode: Mode, urls: &[&str], sentinel_master: &str) -> Redis {
        Redis {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            mode,
            sentinel_master: sentinel_master.into(),
        }
    }

    #[test]
    fn a_configuration_that_cannot_work_is_refused_with_a_sentence() {
        let refused = [
            (config(Mode::Single, &[], ""), "redis.urls is empty"),
            (config(Mode::Single, &["redis://a", "redis://b"], ""), "redis.urls has 2 entries"),
            (config(Mode::Single, &["redis://a"], "m"), "redis.sentinel_master is set, but"),
            (config(Mode::Sentinel, &["redis://a"], ""), "needs redis.sentinel_master"),
            (config(Mode::Single, &["rediss://a"], ""), "rediss://a asks for TLS, which is not supported"),
            (config(Mode::Single, &["http://a"], ""), "http://a is not of the form redis://"),
            (config(Mode::Single, &["unix:///a"], ""), "unix:///a is not of the form"),
            (config(Mode::Single, &["redis://a:b:c"], ""), "redis://a:b:c is not of the form"),
            (config(Mode::Cluster, &["redis://a/1"], ""), "redis://a/1 names a database"),
        ];
        for (config, sentence) in refused {
            let error = config.check().expect_err(sentence).to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn every_mode_takes_what_it_needs() {
        config(Mode::Single, &["redis://user:p%40ss@a:1/2"], "").check().unwrap();
        config(Mode::Single, &["valkey://[::1]"], "").check().unwrap();
        config(Mode::Sentinel, &["redis://a", "redis://b/3"], "m").check().unwrap();
        config(Mode::Cluster, &["redis://:secret@a", "redis://b:7001"], "").check().unwrap();
    }

    #[test]
    fn no_password_is_shown() {
        for url in ["redis://u:secret@a", "rediss://:secret@a", "u:secret@a", "redis://u:se@cret@a:b", "x://secret@"] {
            let config = config(Mode::Single, &[url], "");
            let shown = format!("{config:?} {:?}", config.check().map_err(|error| error.to_string()));
            assert!(!shown.contains("cret"), "{shown}");
        }
        assert_eq!(masked("redis://u:secret@a:1/2"), "redis://***@a:1/2");
    }

    #[test]
    fn it_is_a_section_of_a_configuration() {
        let text = "urls = [\"redis://a\"]\nmode = \"cluster\"\n";
        assert_eq!(toml::from_str::<Redis>(text).unwrap(), config(Mode::Cluster, &["redis://a"], ""));
        assert_eq!(toml::from_str::<Redis>("").unwrap(), Redis::default());
        assert!(toml::from_str::<Redis>("url = \"redis://a\"").is_err());
    }
}
