//! Receiving by long-polls of `/sync`.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    error::Failure,
    http::{Http, Target},
    matrix::{self, User, segment},
};

pub struct LongPoll {
    http: Http,
    user: Arc<User>,
    since: String,
    filter: String,
}

impl LongPoll {
    pub fn new(target: Target, user: Arc<User>, since: String, filter: &str) -> Self {
        Self { http: Http::new(target), user, since, filter: segment(filter) }
    }

    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        let query = format!("timeout=30000&filter={}&since={}", self.filter, segment(&self.since));
        let body = matrix::sync(&mut self.http, &self.user, &query).await?;
        matrix::next_batch(&body)?.clone_into(&mut self.since);
        Ok(body)
    }
}
