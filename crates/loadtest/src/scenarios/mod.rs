//! The scenarios, one file each, and which of them a command runs.

mod audience;
mod deliver;
mod fanout;
mod idle;
mod room_size;
mod send;
mod senders;
mod sync_idle;

use crate::{
    options::{Scenario, Transport},
    report::Report,
    world::World,
};

/// Runs what the options ask for and publishes each report as soon as it is there.
pub async fn run(world: &mut World) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (scenario, transport) in plan(world.options.scenario, world.options.transport) {
        let report = match scenario {
            Scenario::Send => send::run(world).await?,
            Scenario::Deliver => deliver::run(world, transport).await?,
            Scenario::Fanout => fanout::run(world, transport).await?,
            Scenario::Idle => idle::run(world).await?,
            Scenario::RoomSize => room_size::run(world).await?,
            Scenario::SyncIdle => sync_idle::run(world).await?,
            Scenario::All => continue,
        };
        report.publish(world.options.json.as_deref())?;
        reports.push(report);
    }
    Ok(reports)
}

/// `all` leaves out the WebSocket if `--transport sync` says that the server has none.
fn plan(scenario: Scenario, transport: Option<Transport>) -> Vec<(Scenario, Transport)> {
    use Scenario::{All, Deliver, Fanout, Idle, RoomSize, Send, SyncIdle};
    use Transport::{Sync, Ws};
    if scenario != All {
        return vec![(scenario, transport.unwrap_or(Ws))];
    }
    let mut plan = vec![(Send, Ws)];
    if transport != Some(Sync) {
        plan.extend([(Deliver, Ws), (Fanout, Ws), (Idle, Ws)]);
    }
    if transport != Some(Ws) {
        plan.extend([(Deliver, Sync), (Fanout, Sync)]);
    }
    plan.extend([(SyncIdle, Sync), (RoomSize, Sync)]);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_without_the_websocket_still_measures_everything_else() {
        let plan = plan(Scenario::All, Some(Transport::Sync));
        assert!(plan.contains(&(Scenario::Deliver, Transport::Sync)));
        assert!(plan.contains(&(Scenario::RoomSize, Transport::Sync)));
        assert!(!plan.contains(&(Scenario::Deliver, Transport::Ws)));
        assert!(!plan.contains(&(Scenario::Idle, Transport::Ws)));
    }
}
