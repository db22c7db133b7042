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

/// What is logged under a `log.level`.
fn targets(level: &str) -> Result<Targets, String> {
    let level: String = level.chars().filter(|c| !c.is_whitespace()).collect();
    format!("{QUIET},{level}").parse().map_err(|error| format!("log.level: \"{level}\": {error}"))
}

/// Starts logging as `log` says. Once per process.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn start(log: &Log) -> Result<(), String> {
    let registry = tracing_subscriber::registry().with(targets(&log.level)?);
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn spaces_in_a_level_mean_nothing() {
        let targets = targets("warn, store = trace , api=debug").unwrap();
        assert!(targets.would_enable("store", &Level::TRACE) && targets.would_enable("api", &Level::DEBUG));
        assert!(targets.would_enable("chat", &Level::WARN) && !targets.would_enable("chat", &Level::INFO));
    }
}
