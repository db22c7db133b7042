//! Puts the settings together: defaults, then a TOML file, then the environment, then the command line.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use tracing::Level;

use super::{Own, Settings};

/// The prefix of environment variables: `CHATBOOK_RATE_LIMITS__LOGIN__BURST` sets `rate_limits.login.burst`.
const PREFIX: &str = "CHATBOOK_";

/// A day, milliseconds.
const LONGEST_SHUTDOWN_MS: u64 = 24 * 3600 * 1000;

/// Sections whose URLs may hold a password: no value in them is repeated in an error.
const SECRET: [&str; 2] = ["postgres", "redis"];

/// Where settings come from besides the defaults; later fields override earlier ones.
#[derive(Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// The environment. Names that do not begin with `CHATBOOK_` or have no `__` are no settings.
    pub environment: Vec<(String, String)>,
    /// Options of the command line: a key such as `server.listen`, its value, and the option's name.
    pub options: Vec<(&'static str, String, &'static str)>,
}

/// A setting that is wrong: says which, and where it stands.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    place: String,
    message: String,
}

/// Reads all sources.
///
/// # Errors
/// The first unknown key or wrong value, with the file or variable that it stands in.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let mut settings = defaults();
    let mut read = Settings::default();
    if let Some(path) = &sources.file {
        merge(&mut settings, parse_file(path)?);
        read = check(&settings, &path.display().to_string())?;
    }
    for (variable, value) in &sources.environment {
        let Some(key) = variable.strip_prefix(PREFIX) else { continue };
        if !key.contains("__") {
            check_underscores(key, variable)?;
            continue;
        }
        let path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
        read = set(&mut settings, &path, value, variable)?;
    }
    for (key, value, option) in &sources.options {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        read = set(&mut settings, &path, value, option)?;
    }
    check_redis(&read)?;
    check_server(&read.own)?;
    read.rules.check().map_err(|(key, message)| ConfigError { place: key.to_owned(), message })?;
    Ok(read)
}

/// A variable that would be a setting, if two underscores stood between its parts.
fn check_underscores(key: &str, variable: &str) -> Result<(), ConfigError> {
    let names = names(&defaults());
    let Some(meant) = names.iter().find(|name| name.replace("__", "_").eq_ignore_ascii_case(key)) else {
        return Ok(());
    };
    let message = format!("is no setting: {PREFIX}{} is, with two underscores", meant.to_ascii_uppercase());
    Err(ConfigError { place: variable.to_owned(), message })
}

/// The settings as variables name them, in small letters and without the prefix.
fn names(settings: &Table) -> Vec<String> {
    let mut all = Vec::new();
    for (key, value) in settings {
        match value {
            Value::Table(section) => all.extend(names(section).iter().map(|name| format!("{key}__{name}"))),
            _ => all.push(key.clone()),
        }
    }
    all
}

/// Every key with its default, as TOML.
pub(super) fn defaults() -> Table {
    let mut all = table(&Own::default());
    all.extend(table(&chat::config::Config::default()));
    all
}

fn table(section: &impl serde::Serialize) -> Table {
    Table::try_from(section).expect("settings can be written as TOML")
}

fn parse_file(path: &Path) -> Result<Table, ConfigError> {
    let fail = |message| ConfigError { place: path.display().to_string(), message };
    let text = std::fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    text.parse().map_err(|error: toml::de::Error| {
        // Displayed, it repeats the line, which may hold a password.
        let before = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(before).filter(|byte| *byte == b'\n').count() + 1;
        fail(format!("is not TOML: line {line}: {}", error.message()))
    })
}

/// Overrides `base` with what `over` sets; tables are merged key by key.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => drop(base.insert(key, value)),
        }
    }
}

fn set(settings: &mut Table, path: &[String], text: &str, place: &str) -> Result<Settings, ConfigError> {
    let text_is_value = !matches!(find(settings, path), Some(Value::String(_)));
    // A text setting takes anything as it is; another one is written as in the file: 5, true, ["a", "b"].
    let value = text_is_value.then(|| format!("value = {text}").parse::<Table>().ok()?.remove("value")).flatten();
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    let nested = path.iter().rev().fold(value, |value, key| Value::Table(Table::from_iter([(key.clone(), value)])));
    if let Value::Table(nested) = nested {
        merge(settings, nested);
    }
    check(settings, place)
}

fn find<'a>(settings: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = settings.get(first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

/// Turns the whole table into settings: unknown keys and wrong values fail here.
fn check(settings: &Table, place: &str) -> Result<Settings, ConfigError> {
    let sections = table(&Own::default());
    let (own, rules): (Table, Table) =
        settings.clone().into_iter().partition(|(section, _)| sections.contains_key(section));
    let known = defaults();
    if let Some(unknown) = rules.keys().find(|section| !known.contains_key(*section)) {
        let known = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("there is no section \"{unknown}\": there are {known}");
        return Err(ConfigError { place: place.to_owned(), message });
    }
    Ok(Settings { own: section(own, place)?, rules: section(rules, place)? })
}

fn section<T: DeserializeOwned>(table: Table, place: &str) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.into_inner();
        let is_secret = SECRET.iter().any(|section| key.split('.').next() == Some(section));
        let message = if is_secret { without_value(inner.message()) } else { inner.message() };
        ConfigError { place: place.to_owned(), message: format!("{key}: {message}") }
    })
}

/// What is said of a wrong key or value, without the value.
fn without_value(message: &str) -> &str {
    match message.rfind("expected ") {
        Some(expected) if !message.starts_with("unknown field") => &message[expected..],
        Some(_) => message,
        None => "this value cannot be used",
    }
}

/// Values that can be read and yet mean nothing.
fn check_server(settings: &Own) -> Result<(), ConfigError> {
    let fail = |key: &str, message| Err(ConfigError { place: key.to_owned(), message });
    let Own { server, log, .. } = settings;
    let place = ["https://", "http://"].iter().find_map(|scheme| server.public_url.strip_prefix(scheme));
    let is_url = |place: &str| !place.starts_with('/') && !place.is_empty() && !place.contains(char::is_whitespace);
    if !server.public_url.is_empty() && !place.is_some_and(is_url) {
        let message = format!("\"{}\" is no address such as https://chat.example.org", server.public_url);
        return fail("server.public_url", message);
    }
    if server.data.to_string_lossy().trim().is_empty() {
        return fail("server.data", "is empty: name the directory that holds everything the server keeps".to_owned());
    }
    if server.shutdown_timeout_ms > LONGEST_SHUTDOWN_MS {
        let message = format!("{} cannot work: it has to be {LONGEST_SHUTDOWN_MS} at most", server.shutdown_timeout_ms);
        return fail("server.shutdown_timeout_ms", message);
    }
    // A word alone could be the name of a part, of which everything is then logged, and nothing else.
    let is_level = |word: &str| word.eq_ignore_ascii_case("off") || word.parse::<Level>().is_ok();
    match log.level.split(',').map(str::trim).find(|word| !word.contains('=') && !is_level(word)) {
        Some(word) => fail(
            "log.level",
            format!(
                "\"{word}\" is none of error, warn, info, debug, trace, and says no level for a part as api=debug does"
            ),
        ),
        None => Ok(()),
    }
}

/// How Redis is run says nothing without where it is.
fn check_redis(settings: &Own) -> Result<(), ConfigError> {
    let redis = &settings.redis;
    let set = [
        ("redis.mode", redis.mode != bus::Mode::default()),
        ("redis.sentinel_master", !redis.sentinel_master.is_empty()),
    ];
    match set.into_iter().find(|(_, set)| *set && redis.urls.is_empty()) {
        Some((key, _)) => {
            let message = "is set, but redis.urls is empty: set that too, or leave Redis out".to_owned();
            Err(ConfigError { place: key.to_owned(), message })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, SAMPLE};

    fn from_file(text: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("chatbook.toml");
        std::fs::write(&path, text).expect("the file is written");
        load(&Sources { file: Some(path), ..Sources::default() })
            .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), ""))
    }

    fn from_environment(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        load(&Sources { environment, ..Sources::default() }).map_err(|error| error.to_string())
    }

    /// Every key under `table`, dotted.
    fn keys(table: &Table, prefix: &str, into: &mut Vec<String>) {
        for (key, value) in table {
            let path = format!("{prefix}{key}");
            match value {
                Value::Table(inner) => keys(inner, &format!("{path}."), into),
                _ => into.push(path),
            }
        }
    }

    #[test]
    fn the_sample_sets_every_key_to_its_default() {
        let sample: Table = SAMPLE.parse().expect("the sample is TOML");
        assert_eq!(sample, defaults());
        from_file(SAMPLE).expect("the sample is accepted");
    }

    #[test]
    fn the_sample_explains_every_key() {
        let mut all = Vec::new();
        keys(&defaults(), "", &mut all);
        assert!(all.len() > 20, "{all:?}");
        for key in all {
            let name = key.rsplit('.').next().expect("a name");
            let mut explained = false;
            let mut previous_is_comment = false;
            for line in SAMPLE.lines() {
                let here = line.split('=').next().is_some_and(|left| left.trim() == name)
                    || line.contains(&format!("{{ {name}"));
                explained |= here && previous_is_comment;
                // Keys of an inline table, and a run of keys under one comment, count with their first line.
                explained |= line.contains(&format!(", {name} ="));
                previous_is_comment = line.trim_start().starts_with('#') && line.trim().len() > 2;
            }
            assert!(explained, "{key} has no comment above it in sample.toml");
        }
    }

    #[test]
    fn a_file_overrides_defaults_key_by_key() {
        let settings = from_file("[rate_limits]\nlogin = { burst = 3 }\n[log]\nformat = \"json\"").expect("accepted");
        assert_eq!(settings.rules.rate_limits.login.burst, 3);
        assert!((settings.rules.rate_limits.login.per_second - 0.2).abs() < f64::EPSILON);
        assert_eq!(settings.log.format, LogFormat::Json);
        assert_eq!(settings.server.name, "localhost");
    }

    #[test]
    fn the_environment_overrides_the_file_and_options_override_both() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("chatbook.toml");
        std::fs::write(&path, "[server]\nname = \"file\"\nlisten = \"127.0.0.1:1\"\ndata = \"file\"").expect("written");
        let environment =
            [("CHATBOOK_SERVER__NAME", "variable"), ("CHATBOOK_SERVER__LISTEN", "127.0.0.1:2"), ("CHATBOOK_BIN", "x")];
        let settings = load(&Sources {
            file: Some(path),
            environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
            options: vec![("server.name", "option".into(), "--server-name")],
        })
        .expect("accepted");
        assert_eq!(settings.server.name, "option");
        assert_eq!(settings.server.listen.port(), 2);
        assert_eq!(settings.server.data, PathBuf::from("file"));
    }

    #[test]
    fn a_variable_can_set_every_kind_of_value() {
        let settings = from_environment(&[
            ("CHATBOOK_RATE_LIMITS__ENABLED", "false"),
            ("CHATBOOK_RATE_LIMITS__LOGIN__PER_SECOND", "2.5"),
            ("CHATBOOK_PASSWORDS__MIN_LENGTH", "12"),
            ("CHATBOOK_SERVER__NAME", "12"),
            ("CHATBOOK_SERVER__TRUSTED_PROXIES", "[\"::1\", \"10.0.0.0/8\"]"),
            ("CHATBOOK_REGISTRATION__MODE", "open"),
        ])
        .expect("accepted");
        assert!(!settings.rules.rate_limits.enabled);
        assert!((settings.rules.rate_limits.login.per_second - 2.5).abs() < f64::EPSILON);
        assert_eq!(settings.rules.passwords.min_length, 12);
        assert_eq!(settings.server.name, "12", "a text that looks like a number stays text");
        assert_eq!(settings.server.trusted_proxies.len(), 2);
        assert_eq!(settings.rules.registration.mode, chat::config::RegistrationMode::Open);
    }

    #[test]
    fn an_unknown_or_wrong_key_is_named_with_its_file() {
        for (text, expected) in [
            ("[sever]\nname = \"x\"", "/chatbook.toml: there is no section \"sever\""),
            ("name = \"x\"", "/chatbook.toml: there is no section \"name\""),
            ("[server]\nlissen = \"x\"", "/chatbook.toml: server.lissen: unknown field `lissen`"),
            ("[server]\nlisten = \"x\"", "/chatbook.toml: server.listen: invalid socket address"),
            ("[rate_limits]\nenabled = 1", "/chatbook.toml: rate_limits.enabled: invalid type: integer `1`"),
            ("[rate_limits]\nlogin = { burst = -1 }", "/chatbook.toml: rate_limits.login.burst: invalid value"),
            ("[registration]\nmode = \"maybe\"", "/chatbook.toml: registration.mode: unknown variant `maybe`"),
            ("[server\n", "/chatbook.toml: is not TOML: line 1: "),
            ("[log]\nlevel = \"info\"\nformat = json", "/chatbook.toml: is not TOML: line 3: "),
            ("[redis]\nmode = \"sentinel\"", "redis.mode: is set, but redis.urls is empty"),
            ("[redis]\nsentinel_master = \"m\"", "redis.sentinel_master: is set, but redis.urls is empty"),
            ("[log]\nlevel = \"inf\"", "log.level: \"inf\" is none of error, warn, info, debug, trace"),
            ("[server]\npublic_url = \"chat.example.org\"", "server.public_url: \"chat.example.org\" is no address"),
            ("[server]\npublic_url = \"ftp://x\"", "server.public_url: \"ftp://x\" is no address"),
            ("[websocket]\nping_ms = 0", "websocket.ping_ms: 0 cannot work: it has to be from 100"),
            ("[websocket]\nping_ms = 90000", "websocket.silence_ms: 90000 is no longer than websocket.ping_ms (90000)"),
            ("[passwords]\nconcurrency = 0", "passwords.concurrency: 0 cannot work: it has to be from 1"),
            ("[sessions]\nrefreshable_token_lifetime_ms = -1", "sessions.refreshable_token_lifetime_ms: -1 cannot"),
            ("[rate_limits]\nlogin = { per_second = -1 }", "rate_limits.login.per_second: -1 cannot work"),
            ("[rate_limits]\nlogin = { burst = 4294967295 }", "rate_limits.login.burst: 4294967295 cannot work"),
            ("[rate_limits]\nmessage = { burst = 0 }", "rate_limits.message.burst: 0 cannot work"),
            ("[rate_limits]\nmessage = { per_second = inf }", "rate_limits.message.per_second: inf cannot work"),
            ("[passwords]\nmin_length = 513", "passwords.min_length: 513 cannot work"),
            ("[passwords]\nmemory_kib = 4294967295", "passwords.memory_kib: 4294967295 cannot work"),
            ("[server]\ndata = \" \"", "server.data: is empty"),
            ("[rate_limits]\nmessage = { per_second = nan }", "rate_limits.message.per_second: NaN cannot work"),
        ] {
            let error = from_file(text).expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn what_can_work_is_taken() {
        for text in [
            "[log]\nlevel = \"info,api=debug\"",
            "[log]\nlevel = \"OFF\"",
            "[log]\nlevel = \"warn, store=trace\"",
            "[server]\npublic_url = \"http://localhost:8008/\"",
            "[rate_limits]\nlogin = { burst = 100000, per_second = 0 }",
        ] {
            from_file(text).expect(text);
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value, expected) in [
            ("CHATBOOK_SERVER__LISTEN", "8008", "CHATBOOK_SERVER__LISTEN: server.listen: "),
            ("CHATBOOK_SERVER__PORT", "8008", "CHATBOOK_SERVER__PORT: server.port: unknown field"),
            ("CHATBOOK_SERVERS__NAME", "x", "CHATBOOK_SERVERS__NAME: there is no section \"servers\""),
            ("CHATBOOK_POSTGRES_URL", "x", "CHATBOOK_POSTGRES_URL: is no setting: CHATBOOK_POSTGRES__URL is, with two"),
            (
                "CHATBOOK_RATE_LIMITS_LOGIN_BURST",
                "5",
                "CHATBOOK_RATE_LIMITS_LOGIN_BURST: is no setting: CHATBOOK_RATE_LIMITS__LOGIN__BURST is, with two",
            ),
            (
                "CHATBOOK_RATE_LIMITS__ENABLED",
                "maybe",
                "CHATBOOK_RATE_LIMITS__ENABLED: rate_limits.enabled: invalid type",
            ),
        ] {
            let error = from_environment(&[(name, value)]).expect_err(name);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn an_error_repeats_no_password_and_says_where_it_is() {
        for (text, place) in [
            ("[postgres]\nurl = postgres://u:secret@h/d", "is not TOML: line 2: "),
            ("[postgres]\nurl = \"postgres://u:secret@h/d", "is not TOML: line 2: "),
            ("[postgres]\nurl = \"postgres://u:secret@h/d\" x", "is not TOML: line 2: "),
            ("[postgres]\nurl = \"u:secret\"\nurl = \"\"", "is not TOML: line 3: "),
            ("[postgres]\nshards = \"postgres://u:secret@h/d\"", "postgres.shards: expected u32"),
            ("postgres = \"postgres://u:secret@h/d\"", "postgres: expected struct Config"),
            ("[redis]\nurls = \"redis://:secret@h\"", "redis.urls: expected a sequence"),
            ("[redis]\nmode = \"redis://:secret@h\"", "redis.mode: expected one of `single`, `sentinel`, `cluster`"),
            ("[redis]\nurl = \"redis://:secret@h\"", "redis.url: unknown field `url`, expected one of `urls`"),
        ] {
            let error = from_file(text).expect_err(text);
            assert!(error.starts_with(&format!("/chatbook.toml: {place}")), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        let error = from_environment(&[("CHATBOOK_REDIS__URLS", "redis://:secret@h")]).expect_err("no list");
        assert_eq!(error, "CHATBOOK_REDIS__URLS: redis.urls: expected a sequence");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let file = Some(PathBuf::from("/nowhere/chatbook.toml"));
        let error = load(&Sources { file, ..Sources::default() }).expect_err("there is no such file").to_string();
        assert!(error.starts_with("/nowhere/chatbook.toml: cannot be read"), "{error}");
    }

    #[test]
    fn the_open_test_server_lifts_limits_opens_registration_and_cheapens_hashes_and_nothing_else() {
        let example: Table = include_str!("../../../../examples/open-test-server.toml").parse().expect("TOML");
        let mut set = Vec::new();
        keys(&example, "", &mut set);
        let allowed = ["rate_limits.enabled", "registration.mode", "passwords.memory_kib", "passwords.iterations"];
        assert!(set.iter().all(|key| allowed.contains(&key.as_str())), "{set:?}");
        let settings = from_file(&example.to_string()).expect("accepted");
        assert!(!settings.rules.rate_limits.enabled);
        assert_eq!(settings.rules.registration.mode, chat::config::RegistrationMode::Open);
        assert!(settings.rules.passwords.memory_kib < 64);
    }
}
