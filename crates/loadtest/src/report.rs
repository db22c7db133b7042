//! What a scenario measured: one JSON line, and a row of the table.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, path::Path, time::Duration};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::{clock::Clock, error::Errors, process};

/// Measures time and CPU between two points.
pub struct Meter {
    clock: Clock,
    start_us: u64,
    server: Vec<(u32, Duration)>,
    generator: Duration,
}

/// What a [`Meter`] saw.
#[derive(Clone, Debug)]
pub struct Metered {
    pub seconds: f64,
    /// Of each process that was named.
    pub server_cpu: Vec<Duration>,
    pub generator_cpu: Duration,
}

impl Meter {
    pub fn start(clock: Clock, server_pids: &[u32]) -> anyhow::Result<Self> {
        let server = server_pids.iter().map(|pid| Ok((*pid, process::cpu(*pid)?))).collect::<anyhow::Result<_>>()?;
        let generator = process::cpu(std::process::id())?;
        Ok(Self { clock, start_us: clock.now_us(), server, generator })
    }

    pub fn stop(self) -> anyhow::Result<Metered> {
        let micros = self.clock.now_us() - self.start_us;
        let since = |pid: u32, before| anyhow::Ok(process::cpu(pid)?.saturating_sub(before));
        Ok(Metered {
            seconds: Duration::from_micros(micros).as_secs_f64(),
            server_cpu: self
                .server
                .into_iter()
                .map(|(pid, before)| since(pid, before))
                .collect::<anyhow::Result<_>>()?,
            generator_cpu: since(std::process::id(), self.generator)?,
        })
    }
}

impl Metered {
    /// Of all processes together, if any was named.
    pub fn server_cpu(&self) -> Option<Duration> {
        (!self.server_cpu.is_empty()).then(|| self.server_cpu.iter().sum())
    }

    /// Joins what was measured in another stretch of time.
    pub fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.generator_cpu += other.generator_cpu;
        self.server_cpu.iter_mut().zip(other.server_cpu).for_each(|(all, more)| *all += more);
    }
}

/// The result of one scenario.
pub struct Report {
    pub scenario: String,
    pub parameters: Value,
    /// What one operation is: "sends", "deliveries" …
    pub unit: &'static str,
    pub operations: u64,
    pub metered: Metered,
    /// In microseconds; empty when the scenario has no latency.
    pub latencies: Histogram<u64>,
    pub errors: Errors,
    /// Figures that only this scenario has.
    pub extra: Map<String, Value>,
    /// Broken promises, in words. None means passed.
    pub violations: Vec<String>,
}

/// An empty histogram of microseconds with three significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

/// The quantiles that are reported, with their names.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

impl Report {
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.errors.total() == 0
    }

    /// The JSON line.
    pub fn json(&self) -> Value {
        let per_operation = |cpu: Duration| per_operation_us(cpu, self.operations);
        let mut line = json!({
            "scenario": self.scenario,
            "parameters": self.parameters,
            "passed": self.passed(),
            "unit": self.unit,
            "operations": self.operations,
            "seconds": round(self.metered.seconds, 3),
            "per_second": round(self.per_second(), 1),
            "server_cpu_us_per_operation": self.metered.server_cpu().map(per_operation),
            "server_cpu_us_by_process": self.metered.server_cpu.iter().copied().map(per_operation).collect::<Vec<_>>(),
            "generator_cpu_us_per_operation": per_operation(self.metered.generator_cpu),
            "errors": self.errors,
            "violations": self.violations,
        });
        if !self.latencies.is_empty() {
            line["latency_ms"] = QUANTILES
                .iter()
                .map(|(name, q)| ((*name).to_owned(), json!(self.quantile_ms(*q))))
                .collect::<Map<_, _>>()
                .into();
        }
        for (key, value) in &self.extra {
            line[key] = value.clone();
        }
        line
    }

    /// Prints the JSON line, and appends it to the file.
    pub fn publish(&self, file: Option<&Path>) -> anyhow::Result<()> {
        let line = self.json();
        println!("{line}");
        if let Some(path) = file {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut file| writeln!(file, "{line}"))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        ms(self.latencies.value_at_quantile(quantile))
    }

    fn per_second(&self) -> f64 {
        count(self.operations) / self.metered.seconds.max(1e-9)
    }
}

/// All reports for people, with every error and violation under the figures.
pub fn table(reports: &[Report]) -> String {
    let mut table = format!(
        "{:<24} {:>10} {:>11} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10}  {}\n",
        "scenario",
        "operations",
        "per second",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
        "server µs",
        "loader µs",
        "result"
    );
    for report in reports {
        let server_cpu = report.metered.server_cpu();
        let _ = write!(table, "{:<24} {:>10} {:>11.1}", report.scenario, report.operations, report.per_second());
        for (_, quantile) in QUANTILES {
            let cell = match report.latencies.is_empty() {
                true => "-".to_owned(),
                false => format!("{:.2}", report.quantile_ms(quantile)),
            };
            let _ = write!(table, " {cell:>8}");
        }
        let _ = writeln!(
            table,
            " {:>10} {:>10.1}  {}",
            server_cpu.map_or("-".to_owned(), |cpu| format!("{:.1}", per_operation_us(cpu, report.operations))),
            per_operation_us(report.metered.generator_cpu, report.operations),
            if report.passed() { "passed" } else { "FAILED" },
        );
        for (key, value) in &report.extra {
            let _ = writeln!(table, "    {}: {value}", key.replace('_', " "));
        }
        for violation in &report.violations {
            let _ = writeln!(table, "    VIOLATION: {violation}");
        }
        for error in report.errors.lines() {
            let _ = writeln!(table, "    ERROR: {error}");
        }
    }
    table
}

/// Microseconds of CPU for each operation.
pub fn per_operation_us(cpu: Duration, operations: u64) -> f64 {
    round(cpu.as_secs_f64() * 1e6 / count(operations.max(1)), 2)
}

/// Milliseconds, of microseconds.
pub fn ms(us: u64) -> f64 {
    round(count(us) / 1000.0, 3)
}

pub fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// A count as a fraction; exact up to 2^53.
pub fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    fn report() -> Report {
        let mut latencies = histogram();
        for us in 1..=1000 {
            latencies.record(us * 1000).unwrap();
        }
        Report {
            scenario: "send".into(),
            parameters: json!({"users": 2}),
            unit: "sends",
            operations: 1000,
            metered: Metered {
                seconds: 2.0,
                server_cpu: vec![Duration::from_millis(40), Duration::from_millis(60)],
                generator_cpu: Duration::from_millis(50),
            },
            latencies,
            errors: Errors::default(),
            extra: Map::new(),
            violations: Vec::new(),
        }
    }

    #[test]
    fn the_json_line_holds_rate_quantiles_and_cpu_per_operation() {
        let line = report().json();
        assert_eq!(line["per_second"], 500.0);
        assert_eq!(line["server_cpu_us_per_operation"], 100.0);
        assert_eq!(line["server_cpu_us_by_process"], json!([40.0, 60.0]));
        assert_eq!(line["generator_cpu_us_per_operation"], 50.0);
        let p99 = line["latency_ms"]["p99"].as_f64().unwrap();
        assert!((989.0..=992.0).contains(&p99), "{p99}");
        assert_eq!(line["passed"], true);
    }

    #[test]
    fn an_error_fails_the_scenario_and_is_shown_with_its_code() {
        let mut report = report();
        report.errors.count(Failure::from_response(
            hyper::StatusCode::TOO_MANY_REQUESTS,
            br#"{"errcode":"M_LIMIT_EXCEEDED","error":"slow down"}"#,
        ));
        assert!(!report.passed());
        assert_eq!(report.json()["errors"]["M_LIMIT_EXCEEDED"]["count"], 1);
        let table = table(&[report]);
        assert!(table.contains("FAILED"), "{table}");
        assert!(table.contains("examples/open-test-server.toml"), "{table}");
    }
}
