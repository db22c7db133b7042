//! Who may do what: nothing of somebody who is not a member is accepted, nothing of a member is refused.

use std::collections::HashMap;

use super::{Changes, Index, any_between, last_before};
use crate::chaos::{
    ending::EventRow,
    history::{Action, Operation, Outcome},
};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<String>) {
    for (room, rows) in &index.ending.rooms {
        history(room, rows, violations);
    }
    let changes = index.changes();
    let nothing = Changes::default();
    for operation in &index.history.operations {
        let user = index.user(operation.client);
        let changes = changes.get(&(operation.room.as_str(), user)).unwrap_or(&nothing);
        banned(operation, changes, violations);
        refused(operation, changes, violations);
    }
}

/// As the room's history has it, every event is of somebody who was a member then.
fn history(room: &str, rows: &[EventRow], violations: &mut Vec<String>) {
    let mut memberships: HashMap<&str, &str> = HashMap::new();
    for row in rows {
        let sender = memberships.get(row.sender.as_str()).copied().unwrap_or("none");
        match row.member() {
            Some(user) => {
                let before = memberships.get(user).copied().unwrap_or("none");
                if before == "ban" && matches!(row.says.as_str(), "join" | "invite") {
                    violations.push(format!("{room}: {row:?} of somebody who is banned"));
                }
                if user != row.sender && sender != "join" {
                    violations.push(format!("{room}: {row:?} by somebody who is no member ({sender})"));
                }
                memberships.insert(user, &row.says);
            }
            None if row.kind != "m.room.create" && sender != "join" => {
                violations.push(format!("{room}: {row:?} by somebody who is no member ({sender})"));
            }
            None => {}
        }
    }
}

/// Nothing is accepted of somebody who was banned before it was begun.
fn banned(operation: &Operation, changes: &Changes<'_>, violations: &mut Vec<String>) {
    if !operation.is_done() || !matches!(operation.action, Action::Send(_) | Action::Topic(_) | Action::Join) {
        return;
    }
    if let Some(ban) = last_before(changes.bans.iter(), operation.invoked.tick)
        && !any_between(&changes.unbans, ban, operation.ended.tick)
    {
        violations.push(format!("{operation:?} was accepted after {ban:?}"));
    }
}

/// Nothing is refused of somebody whose joining was acknowledged before, and whom nobody removed.
fn refused(operation: &Operation, changes: &Changes<'_>, violations: &mut Vec<String>) {
    let for_members = matches!(
        operation.action,
        Action::Send(_) | Action::History | Action::Members | Action::State | Action::Read(_)
    );
    if !for_members || !matches!(operation.outcome, Outcome::Refused(403, _)) {
        return;
    }
    if let Some(join) = last_before(changes.joins.iter(), operation.invoked.tick)
        && !any_between(&changes.ends, join, operation.ended.tick)
        && !any_between(&changes.bans, join, operation.ended.tick)
    {
        violations.push(format!("{operation:?} was refused after {join:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Example;
    use crate::chaos::history::{Action, Moderation, Outcome};

    fn ban(example: &mut Example) {
        example.does("bob", Action::Join);
        example.does("ann", Action::Moderate(Moderation::Ban, "bob".into()));
    }

    #[test]
    fn who_was_banned_can_neither_send_nor_come_back() {
        for action in [Action::Send("a".into()), Action::Join] {
            let mut example = Example::new();
            ban(&mut example);
            example.does("bob", action);
            let violations = example.violations(super::check);
            assert!(violations.contains("was accepted after") && violations.lines().count() > 1, "{violations}");
        }
    }

    #[test]
    fn a_send_that_was_begun_before_the_ban_was_acknowledged_may_be_either() {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        example.says("bob", "a");
        example.does("ann", Action::Moderate(Moderation::Ban, "bob".into())).invoked.tick = 3;
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn who_was_unbanned_may_come_back() {
        let mut example = Example::new();
        ban(&mut example);
        example.does("ann", Action::Moderate(Moderation::Unban, "bob".into()));
        example.does("bob", Action::Join);
        example.says("bob", "a");
        assert_eq!(example.violations(super::check), "");
    }

    #[test]
    fn a_member_must_not_be_refused_and_who_left_may_be() {
        let mut example = Example::new();
        example.does("bob", Action::Join);
        let mut left = example.clone();
        left.does("bob", Action::Leave);
        for example in [&mut example, &mut left] {
            example.does("bob", Action::History).outcome = Outcome::Refused(403, "M_FORBIDDEN".into());
        }
        assert!(example.violations(super::check).contains("was refused after"));
        assert_eq!(left.violations(super::check), "");
    }

    #[test]
    fn a_message_of_a_stranger_is_found() {
        let mut example = Example::new();
        example.says("cat", "a");
        assert!(example.violations(super::check).contains("by somebody who is no member (none)"));
    }
}
