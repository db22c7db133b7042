//! Making rooms, and who is in them.

mod aliases;
mod create;
mod forget;
mod join;
mod joined_rooms;
mod knock;
mod leave;
mod members;
mod moderate;

use axum::{
    Router,
    routing::{get, post},
};

use chat::rooms::membership::Action;
use moderate::moderate;

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/createRoom", post(create::create))
        .route("/_matrix/client/v3/join/{room}", post(join::join))
        .route("/_matrix/client/v3/rooms/{room}/join", post(join::join))
        .route("/_matrix/client/v3/knock/{room}", post(knock::knock))
        .route("/_matrix/client/v3/rooms/{room}/leave", post(leave::leave))
        .route("/_matrix/client/v3/rooms/{room}/forget", post(forget::forget))
        .route("/_matrix/client/v3/rooms/{room}/invite", post(|c, a, p, b| moderate(Action::Invite, c, a, p, b)))
        .route("/_matrix/client/v3/rooms/{room}/kick", post(|c, a, p, b| moderate(Action::Kick, c, a, p, b)))
        .route("/_matrix/client/v3/rooms/{room}/ban", post(|c, a, p, b| moderate(Action::Ban, c, a, p, b)))
        .route("/_matrix/client/v3/rooms/{room}/unban", post(|c, a, p, b| moderate(Action::Unban, c, a, p, b)))
        .route("/_matrix/client/v3/joined_rooms", get(joined_rooms::joined_rooms))
        .route("/_matrix/client/v3/rooms/{room}/members", get(members::members))
        .route("/_matrix/client/v3/rooms/{room}/joined_members", get(members::joined))
        .route("/_matrix/client/v3/rooms/{room}/aliases", get(aliases::aliases))
}
