//! The users and rooms of a run, made over the public API, and what every scenario needs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Context;
use futures_util::future::try_join_all;

use crate::{
    clock::{self, Clock},
    error::Failure,
    http::{Http, Target},
    marker::Markers,
    matrix::{self, User},
    options::Options,
};

pub struct World {
    pub options: Options,
    pub target: Target,
    pub clock: Clock,
    run: String,
    users: Vec<Arc<User>>,
    markers: usize,
}

impl World {
    pub fn new(options: Options) -> anyhow::Result<Self> {
        Ok(Self {
            target: Target::parse(&options.url)?,
            clock: Clock::start(),
            run: clock::run_name(),
            users: Vec::new(),
            markers: 0,
            options,
        })
    }

    pub fn http(&self) -> Http {
        Http::new(self.target.clone())
    }

    /// Markers that no earlier scenario of this run used.
    pub fn markers(&mut self) -> Arc<Markers> {
        self.markers += 1;
        Arc::new(Markers::new(&format!("{}-{}", self.run, self.markers)))
    }

    /// The first `count` users of this run, registered when they are first needed.
    pub async fn users(&mut self, count: usize) -> anyhow::Result<Vec<Arc<User>>> {
        let have = self.users.len();
        if have < count {
            progress(&format!("registering {} users", count - have));
            let token = self.options.registration_token.as_deref();
            let new = self
                .setup(count - have, async |http, i| {
                    let name = format!("lt-{}-{}", self.run, have + i);
                    matrix::register(http, &name, token).await
                })
                .await
                .context("cannot register users")?;
            self.users.extend(new.into_iter().map(Arc::new));
        }
        Ok(self.users[..count].to_vec())
    }

    /// A user that is in no room yet.
    pub async fn stranger(&mut self) -> anyhow::Result<Arc<User>> {
        let count = self.users.len() + 1;
        let mut users = self.users(count).await?;
        self.users.pop();
        users.pop().context("no user was registered")
    }

    /// One public room for each of the member lists; the first member creates it.
    pub async fn rooms(&self, members: &[Vec<Arc<User>>]) -> anyhow::Result<Vec<String>> {
        let joins: Vec<(usize, &Arc<User>)> = members
            .iter()
            .enumerate()
            .flat_map(|(room, members)| members.iter().skip(1).map(move |user| (room, user)))
            .collect();
        progress(&format!("{} rooms, {} joins", members.len(), joins.len()));
        let rooms = self
            .setup(members.len(), async |http, i| matrix::create_room(http, &members[i][0]).await)
            .await
            .context("cannot create rooms")?;
        self.setup(joins.len(), async |http, i| {
            let (room, user) = joins[i];
            matrix::join(http, user, &rooms[room]).await
        })
        .await
        .context("cannot join rooms")?;
        Ok(rooms)
    }

    /// Runs `job` for 0..count, some at a time, and returns the results in order.
    pub async fn setup<T>(
        &self,
        count: usize,
        job: impl AsyncFn(&mut Http, usize) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let next = AtomicUsize::new(0);
        let workers = (0..self.options.setup_concurrency.clamp(1, count.max(1))).map(async |_| {
            let mut http = self.http();
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(done);
                }
                done.push((index, job(&mut http, index).await?));
            }
        });
        let mut done: Vec<(usize, T)> = try_join_all(workers).await?.into_iter().flatten().collect();
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, result)| result).collect())
    }
}

/// Says on stderr what takes the time.
pub fn progress(what: &str) {
    eprintln!("… {what}");
}
