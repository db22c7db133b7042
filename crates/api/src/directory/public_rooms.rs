//! `GET`, `POST /_matrix/client/v3/publicRooms`

use axum::extract::State;
use chat::rooms::directory::{self, PublicRooms};
use serde::Deserialize;

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Query},
};

#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    since: Option<String>,
}

/// The public rooms, a page at a time. Client-Server API, "Listing rooms". M_INVALID_PARAM for a page that is none.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(_): Auth,
    Query(page): Query<Page>,
) -> ApiResult<Json<PublicRooms>> {
    Ok(Json(directory::public_rooms(&chat, None, page.limit, page.since.as_deref()).await?))
}

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(flatten)]
    page: Page,
    #[serde(default)]
    filter: Term,
}

#[derive(Deserialize, Default)]
struct Term {
    generic_search_term: Option<String>,
}

/// The same, of rooms whose name, topic or address contains a term.
pub(crate) async fn post(
    State(chat): State<App>,
    Auth(_): Auth,
    Json(search): Json<Search>,
) -> ApiResult<Json<PublicRooms>> {
    let Search { page, filter } = search;
    let term = filter.generic_search_term.as_deref();
    Ok(Json(directory::public_rooms(&chat, term, page.limit, page.since.as_deref()).await?))
}
