//! The log: to stderr, for people or as JSON.

use tracing_subscriber::{
    filter::Targets,
    fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::{Log, LogFormat};

/// Libraries that take every message for news; `log.level` can name them to hear them.
const QUIET: &str = "ruma_state_res=warn";

/// Starts logging as `log` says. Once per process.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn start(log: &Log) -> Result<(), String> {
    let level = format!("{QUIET},{}", log.level);
    let targets: Targets = level.parse().map_err(|error| format!("log.level: \"{}\": {error}", log.level))?;
    let registry = tracing_subscriber::registry().with(targets);
    let layer = fmt::layer().with_writer(std::io::stderr);
    let started: Result<(), TryInitError> = match log.format {
        LogFormat::Human => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(layer.with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
    started.map_err(|error| format!("cannot start the log: {error}"))
}
