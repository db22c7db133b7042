//! Counters of requests, and everything that is measured in Prometheus' text format.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::Method, response::IntoResponse, routing::get};
use chat::{APPEND_BUCKETS_US, Chat, StoreStats, cluster::report::Tails};
use dashmap::DashMap;

/// Upper bounds of the durations' buckets, microseconds.
const BUCKETS: [u64; 10] = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 30_000_000];
/// Methods that are told apart; others count as the last, so that nobody can make up labels.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "other"];

/// What was asked of the server since it started. Clones share it.
#[derive(Clone, Default)]
pub struct Metrics {
    routes: Arc<DashMap<Box<str>, Arc<[Requests; METHODS.len()]>>>,
}

/// Requests to one route with one method.
#[derive(Default)]
struct Requests {
    /// By the status's first digit.
    statuses: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS.len()],
    sum_us: AtomicU64,
}

impl Metrics {
    /// Counts a request. `route` is the router's pattern, not the path.
    pub(crate) fn count(&self, route: &str, method: &Method, status: u16, duration: Duration) {
        let found = self.routes.get(route).map(|route| route.clone());
        let methods = found.unwrap_or_else(|| self.routes.entry(route.into()).or_default().clone());
        let index = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1);
        let requests = &methods[index];
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let class = usize::from(status / 100).saturating_sub(1).min(4);
        requests.statuses[class].fetch_add(1, Relaxed);
        requests.sum_us.fetch_add(us, Relaxed);
        if let Some(bucket) = BUCKETS.iter().position(|bound| us <= *bound) {
            requests.buckets[bucket].fetch_add(1, Relaxed);
        }
    }

    /// Everything, in Prometheus' text format 0.0.4.
    pub fn render(&self, chat: &Chat) -> String {
        let mut out = String::new();
        self.render_requests(&mut out);
        let writer = chat.db.stats();
        counter(&mut out, "chatbook_store_transactions_total", "Transactions.", writer.batches);
        counter(&mut out, "chatbook_store_commands_total", "Commands in those transactions.", writer.commands);
        counter(&mut out, "chatbook_store_failed_commands_total", "Commands that failed.", writer.failed);
        let refused = "Commands that were not taken on: too many waited, or something had waited for too long.";
        counter(&mut out, "chatbook_store_refused_commands_total", refused, writer.refused);
        let busy = seconds(writer.busy_us);
        counter(&mut out, "chatbook_store_busy_seconds_total", "Time spent in transactions.", busy);
        counter(&mut out, "chatbook_store_syncs_total", "How often the disk was waited for.", writer.syncs);
        let waited = seconds(writer.sync_us);
        counter(&mut out, "chatbook_store_sync_seconds_total", "Time spent waiting for it.", waited);
        counter(&mut out, "chatbook_store_queries_total", "Queries that reached the database.", chat.db.queries());
        counter(
            &mut out,
            "chatbook_store_repeats_total",
            "Transactions whose outcome was unknown, sent again.",
            writer.repeats,
        );
        counter(&mut out, "chatbook_store_connects_total", "Connections made to the database.", writer.connects);
        render_appends(&mut out, &writer);
        render_tails(&mut out, &chat.tails());
        process(&mut out);
        out
    }

    fn render_requests(&self, out: &mut String) {
        header(out, "chatbook_http_requests_total", "counter", "Requests by route, method and class of status.");
        self.each(|labels, requests| {
            for (class, count) in requests.statuses.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    let class = class + 1;
                    push(out, format_args!("chatbook_http_requests_total{{{labels},status=\"{class}xx\"}} {count}\n"));
                }
            }
        });
        let name = "chatbook_http_request_duration_seconds";
        header(out, name, "histogram", "Time from a request's head to its answer's head.");
        self.each(|labels, requests| {
            let mut below = 0;
            for (bound, count) in BUCKETS.iter().zip(&requests.buckets) {
                below += count.load(Relaxed);
                push(out, format_args!("{name}_bucket{{{labels},le=\"{}\"}} {below}\n", seconds(*bound)));
            }
            let count = requests.count();
            push(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n"));
            push(out, format_args!("{name}_sum{{{labels}}} {}\n", seconds(requests.sum_us.load(Relaxed))));
            push(out, format_args!("{name}_count{{{labels}}} {count}\n"));
        });
    }

    fn each(&self, mut work: impl FnMut(&str, &Requests)) {
        for route in self.routes.iter() {
            for (method, requests) in METHODS.iter().zip(route.value().iter()) {
                if requests.count() > 0 {
                    work(&format!("route=\"{}\",method=\"{method}\"", route.key()), requests);
                }
            }
        }
    }
}

impl Requests {
    fn count(&self) -> u64 {
        self.statuses.iter().map(|count| count.load(Relaxed)).sum()
    }
}

fn render_appends(out: &mut String, writer: &StoreStats) {
    let name = "chatbook_store_append_seconds";
    header(out, name, "histogram", "Time from asking for a write or commit to its answer.");
    let mut below = 0;
    for (bound, count) in APPEND_BUCKETS_US.iter().zip(&writer.append_us) {
        below += count;
        push(out, format_args!("{name}_bucket{{le=\"{}\"}} {below}\n", seconds(*bound)));
    }
    let count: u64 = writer.append_us.iter().sum();
    push(out, format_args!("{name}_bucket{{le=\"+Inf\"}} {count}\n"));
    push(out, format_args!("{name}_sum {}\n{name}_count {count}\n", seconds(writer.append_sum_us)));
}

fn render_tails(out: &mut String, tails: &Tails) {
    for (name, help, values) in [
        ("chatbook_tail_position", "The position up to which this node knows a shard's log.", &tails.cursors),
        ("chatbook_tail_lag", "Commits that are known to exist and have not arrived yet.", &tails.lags),
    ] {
        header(out, name, "gauge", help);
        for (shard, value) in values.iter().enumerate() {
            push(out, format_args!("{name}{{shard=\"{shard}\"}} {value}\n"));
        }
    }
    counter(out, "chatbook_tail_out_of_order_total", "Hints before which one was lost or late.", tails.out_of_order);
    let what = "Messages of nodes of another version, which this one does not understand.";
    counter(out, "chatbook_tail_unread_total", what, tails.unread);
    let what = "Nodes that reach Redis, as this one does, and are not heard there.";
    gauge(out, "chatbook_cluster_unheard_nodes", what, tails.unheard);
    let what = "Nodes that do not reach Redis, while this one does.";
    gauge(out, "chatbook_cluster_apart_nodes", what, tails.apart);
    let what = "Settings of another node that are not those of this one.";
    gauge(out, "chatbook_cluster_differing_settings", what, tails.differing);
    let what = "Tokens of what the logs do not have: another server's, or the store was put back without a new epoch.";
    counter(out, "chatbook_sync_tokens_ahead_total", what, tails.tokens_ahead);
    counter(out, "chatbook_tail_gap_reads_total", "Reads of the log for what hints left out.", tails.gap_reads.0);
    counter(out, "chatbook_tail_gap_records_total", "Records that those reads brought.", tails.gap_reads.1);
    counter(out, "chatbook_tail_polls_total", "Looks at the heads of the logs.", tails.polls);
    if let Some(unanswered) = tails.unanswered {
        let what = "Seconds since the database last said how far the logs are.";
        gauge(out, "chatbook_tail_unanswered_seconds", what, unanswered.as_secs());
    }
    counter(out, "chatbook_tail_resets_total", "How often all memory was dropped: a new epoch.", tails.resets);
    gauge(out, "chatbook_streams", "Open WebSocket streams.", tails.streams as u64);
    if let Some(bus) = &tails.bus {
        gauge(out, "chatbook_bus_healthy", "Whether other nodes are heard.", u64::from(bus.healthy));
        counter(out, "chatbook_bus_published_total", "Messages to other nodes.", bus.published);
        counter(out, "chatbook_bus_received_total", "Messages of other nodes.", bus.received);
        counter(out, "chatbook_bus_dropped_out_total", "Messages to other nodes that were dropped.", bus.dropped_out);
        counter(out, "chatbook_bus_dropped_in_total", "Messages of other nodes that were dropped.", bus.dropped_in);
        counter(out, "chatbook_bus_reconnects_total", "Connections made anew.", bus.reconnects);
    }
}

/// `GET /metrics`, for a listener of its own that only the operator reaches.
pub fn metrics_router(chat: Arc<Chat>, metrics: Metrics) -> Router {
    let show = async |State((chat, metrics)): State<(Arc<Chat>, Metrics)>| {
        ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], metrics.render(&chat)).into_response()
    };
    Router::new().route("/metrics", get(show)).with_state((chat, metrics))
}

/// What Linux knows of this process, under Prometheus' usual names.
fn process(out: &mut String) {
    if let Some(kib) = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()
    }) {
        gauge(out, "process_resident_memory_bytes", "Resident memory.", kib * 1024);
    }
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        gauge(out, "process_open_fds", "Open file descriptors.", descriptors.count() as u64);
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    push(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn counter(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    header(out, name, "counter", help);
    push(out, format_args!("{name} {value}\n"));
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    header(out, name, "gauge", help);
    push(out, format_args!("{name} {value}\n"));
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}
