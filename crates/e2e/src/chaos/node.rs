//! A node of the cluster with its own, breakable lines to the load balancer, PostgreSQL and Redis.

use std::{fs, net::SocketAddr, process::ExitStatus, sync::Arc, time::Duration};

use services::{Error, Port, Proxy};
use tempfile::TempDir;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::fail_point::{self, FailPoint};
use crate::{Client, Process};

/// How long a node may be busy with stopping.
const STOP: Duration = Duration::from_secs(20);
/// How long the signal that a node sends itself may take.
const SIGNAL: Duration = Duration::from_secs(5);

/// A node, which may be dead at the moment.
pub struct Node {
    /// Which one, counted from 1.
    pub number: usize,
    /// Between the load balancer and the node.
    pub front: Proxy,
    /// Between the node and the two places where PostgreSQL can be.
    pub postgres: [Proxy; 2],
    /// Between the node and Redis.
    pub redis: Proxy,
    /// Where it breaks at a moment of a batch.
    pub fail_point: FailPoint,
    port: Port,
    metrics: Port,
    environment: Vec<(String, String)>,
    /// What all nodes share.
    data: Arc<TempDir>,
    _own: TempDir,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Option<Process>,
    /// What its former processes have logged.
    log: String,
}

impl Node {
    /// Starts it on the data that all nodes share. Its clock is wrong by so many milliseconds.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(
        number: usize,
        postgres: [SocketAddr; 2],
        redis: SocketAddr,
        data: Arc<TempDir>,
        off_by_ms: i64,
    ) -> Result<Self, String> {
        let failed = |error: Error| error.to_string();
        let (port, metrics) = (Port::claim().map_err(failed)?, Port::claim().map_err(failed)?);
        let front = Proxy::start(port.addr()).await.map_err(failed)?;
        let postgres =
            [Proxy::start(postgres[0]).await.map_err(failed)?, Proxy::start(postgres[1]).await.map_err(failed)?];
        let redis = Proxy::start(redis).await.map_err(failed)?;
        let own = TempDir::new().map_err(|error| error.to_string())?;
        let fail_point = FailPoint::new(own.path());
        let environment = [
            (
                "CHATBOOK_POSTGRES__URL",
                format!("postgres://postgres@{},{}/chatbook", postgres[0].addr(), postgres[1].addr()),
            ),
            ("CHATBOOK_POSTGRES__CONNECTIONS", "4".to_owned()),
            ("CHATBOOK_REDIS__URLS", format!("[\"redis://{}\"]", redis.addr())),
            ("CHATBOOK_WEBSOCKET__DRAIN_MS", "1500".to_owned()),
            ("CHATBOOK_METRICS__ENABLED", "true".to_owned()),
            ("CHATBOOK_METRICS__LISTEN", metrics.addr().to_string()),
            ("E2E_CLOCK_OFF_BY_MS", off_by_ms.to_string()),
            (fail_point::VARIABLE, fail_point.path().display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let state = Mutex::default();
        let node =
            Self { number, front, postgres, redis, fail_point, port, metrics, environment, data, _own: own, state };
        node.start_again().await?;
        Ok(node)
    }

    /// Where it listens, past its proxy.
    pub fn client(&self) -> Client {
        Client::new(self.port.addr())
    }

    /// Starts it again if it does not run.
    ///
    /// # Errors
    /// What it wrote, if it did not start: perhaps there is no database at the moment.
    pub async fn start_again(&self) -> Result<(), String> {
        let mut state = self.state.lock().await;
        if state.process.is_none() {
            let environment: Vec<_> = self.environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            state.process = Some(Process::spawn_at(self.port.addr(), self.data.clone(), &environment).await?);
        }
        Ok(())
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// If it had ended by itself before.
    pub async fn kill(&self) -> Result<(), String> {
        let mut state = self.state.lock().await;
        let Some(mut process) = state.process.take() else { return Ok(()) };
        let ended = process.ended();
        if ended.is_none() {
            process.kill().await;
        }
        state.keep_log(&process);
        ended.map_or(Ok(()), |status| Err(self.ended(status)))
    }

    /// Waits for the death that it was to find at a moment of a batch.
    ///
    /// # Errors
    /// If it does not die, or not of SIGKILL.
    pub async fn dies(&self) -> Result<(), String> {
        let mut state = self.state.lock().await;
        let Some(mut process) = state.process.take() else { return Ok(()) };
        let ended = timeout(SIGNAL, process.wait()).await;
        if ended.is_err() {
            process.kill().await;
        }
        state.keep_log(&process);
        match ended {
            Ok(status) if status.to_string().starts_with("signal: 9") => Ok(()),
            Ok(status) => Err(self.ended(status)),
            Err(_) => Err(format!("node {} did not kill itself, as it was told", self.number)),
        }
    }

    /// Waits for the SIGSTOP that it was to send itself at a moment of a batch. Before that a SIGCONT would be lost.
    ///
    /// # Errors
    /// If it goes on.
    pub async fn stands_still(&self) -> Result<(), String> {
        let process = self.state.lock().await.process.as_ref().and_then(Process::id);
        let stat = format!("/proc/{}/stat", process.unwrap_or(0));
        let stands = || fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T "));
        let waited = timeout(SIGNAL, async {
            while !stands() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.map_err(|_| format!("node {} did not stop itself, as it was told", self.number))
    }

    /// SIGTERM, and waits until it has ended.
    ///
    /// # Errors
    /// If it had ended before, does not end by itself, or not successfully.
    pub async fn stop(&self) -> Result<(), String> {
        let mut state = self.state.lock().await;
        let Some(mut process) = state.process.take() else { return Ok(()) };
        let before = process.ended();
        let result = if let Some(status) = before {
            Err(self.ended(status))
        } else {
            process.signal("TERM").await;
            match timeout(STOP, process.wait()).await {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("node {} was told to stop, and failed: {status}", self.number)),
                Err(_) => {
                    process.kill().await;
                    Err(format!("node {} does not stop", self.number))
                }
            }
        };
        state.keep_log(&process);
        result
    }

    /// Looks whether it runs, if it was started.
    ///
    /// # Errors
    /// If it has ended by itself. It can be started again then.
    pub async fn lives(&self) -> Result<(), String> {
        let mut state = self.state.lock().await;
        let Some(status) = state.process.as_mut().and_then(Process::ended) else { return Ok(()) };
        if let Some(process) = state.process.take() {
            state.keep_log(&process);
        }
        Err(self.ended(status))
    }

    fn ended(&self, status: ExitStatus) -> String {
        format!("node {} ended by itself: {status}", self.number)
    }

    /// Sends a signal by name, such as `STOP` or `CONT`.
    pub async fn signal(&self, name: &str) {
        if let Some(process) = &self.state.lock().await.process {
            process.signal(name).await;
        }
    }

    /// The sum of a metric over its labels; none if the node does not answer.
    pub async fn metric(&self, name: &str) -> Option<i64> {
        let (status, _, body) = Client::new(self.metrics.addr()).get("/metrics").try_send().await.ok()?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        (status == 200).then(|| values.filter_map(|value| value.parse::<i64>().ok()).sum())
    }

    /// Whether it wants requests.
    pub async fn is_ready(&self) -> bool {
        matches!(self.client().get("/_chatbook/ready").try_send().await, Ok((200, ..)))
    }

    /// Everything that its processes have logged.
    pub async fn log(&self) -> String {
        let state = self.state.lock().await;
        let current = state.process.as_ref().map(Process::log).unwrap_or_default();
        format!("{}{current}", state.log)
    }

    /// The panics that its processes have logged.
    pub async fn panics(&self) -> Vec<String> {
        let log = self.log().await;
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        panics.map(|line| format!("node {} panicked: {line}", self.number)).collect()
    }

    /// All its lines work again.
    ///
    /// # Errors
    /// If the runtime of the proxies has ended.
    pub async fn heal(&self) -> Result<(), Error> {
        for proxy in [&self.front, &self.postgres[0], &self.postgres[1], &self.redis] {
            proxy.heal().await?;
            proxy.delay(Duration::ZERO).await?;
        }
        Ok(())
    }
}

impl State {
    fn keep_log(&mut self, process: &Process) {
        self.log.push_str(&process.log());
        self.log.push_str("--- ended ---\n");
    }
}
