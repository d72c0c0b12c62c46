//! What came out: a report for people, one object for scripts.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::End;
use super::load::Plan;
use super::tally::Tally;
use crate::args::Format;
use crate::output::{BAD, FAINT, Output, STRONG, bytes, grouped, time};

/// Where the rows of the histogram begin, in every decade: each about half as long again as the one before.
const STEPS: [u64; 6] = [10, 15, 20, 30, 50, 70];

/// Characters of its longest bar.
const BAR: f64 = 40.0;

/// Everything that is known when the load is over.
pub(super) struct Report<'a> {
    plan: &'a Plan,
    end: &'a End,
    tally: Tally,
}

impl<'a> Report<'a> {
    pub(super) fn new(plan: &'a Plan, end: &'a End) -> Self {
        Self { plan, end, tally: plan.board.total() }
    }

    /// Calls that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.tally.latency.len()
    }

    fn per_second(&self) -> f64 {
        self.answered() as f64 / self.end.seconds.max(1e-9)
    }

    /// Processor time of this process for each call that ended.
    fn cpu_per_call(&self) -> Duration {
        let calls = (self.answered() + self.tally.failed()).max(1);
        Duration::from_secs_f64(self.end.cpu.as_secs_f64() / calls as f64)
    }

    /// Of one core.
    fn cpu_percent(&self) -> f64 {
        100.0 * self.end.cpu.as_secs_f64() / self.end.seconds.max(1e-9)
    }

    fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.tally.latency.value_at_quantile(quantile))
    }

    pub(super) fn print(&self, output: &Output) {
        match output.format() {
            Format::Human => output.print(&self.text()),
            _ => output.json(&self.json()),
        }
    }

    fn json(&self) -> Value {
        let us = |time: Duration| (time.as_secs_f64() * 1e9).round() / 1e3;
        let (plan, latency) = (self.plan, &self.tally.latency);
        let errors: Map<String, Value> =
            self.tally.errors.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
        json!({
            "url": plan.url,
            "route": plan.route.to_string(),
            "connections": plan.connections,
            "in_flight": plan.in_flight,
            "pipeline": plan.pipeline,
            "size": plan.body.len(),
            "rate": plan.rate,
            "interrupted": self.end.interrupted,
            "calls": self.answered(),
            "errors": self.tally.failed(),
            "errors_by_kind": errors,
            "never_sent": plan.board.unsent(),
            "seconds": self.end.seconds,
            "calls_per_second": self.per_second().round(),
            "min_us": us(Duration::from_nanos(latency.min())),
            "mean_us": latency.mean().round() / 1e3,
            "p50_us": us(self.at(0.5)),
            "p90_us": us(self.at(0.9)),
            "p99_us": us(self.at(0.99)),
            "p999_us": us(self.at(0.999)),
            "max_us": us(Duration::from_nanos(latency.max())),
            "client_cpu_us_per_call": us(self.cpu_per_call()),
            "client_cpu_percent": self.cpu_percent().round(),
        })
    }

    fn text(&self) -> String {
        let plan = self.plan;
        let mut lines = vec![
            line("Target", &format!("{} route {}", plan.url, plan.route)),
            line("Load", &self.load()),
            line("Summary", &self.summary()),
        ];
        if self.answered() > 0 {
            lines.push(line("Latency", &self.latency()));
            lines.push(line("Histogram", &self.histogram()));
        }
        for (kind, count) in &self.tally.errors {
            lines.push(line("Error", &format!("{BAD}{}{BAD:#} x {kind}", grouped(*count))));
        }
        if plan.board.unsent() > 0 {
            let unsent = grouped(plan.board.unsent());
            lines.push(line("Too slow", &format!("{BAD}{unsent}{BAD:#} calls were due and never sent")));
        }
        lines.push(line("Client", &self.client()));
        lines.join("\n")
    }

    fn load(&self) -> String {
        let plan = self.plan;
        let plural = if plan.connections == 1 { "" } else { "s" };
        let mut text = format!(
            "{} connection{plural} x {} in flight, bodies of {}",
            grouped(plan.connections as u64),
            grouped(plan.in_flight as u64),
            bytes(plan.body.len() as f64)
        );
        if plan.pipeline > 1 {
            let _ = write!(text, ", {} together", plan.pipeline);
        }
        match plan.rate {
            None => text.push_str(", closed loop"),
            Some(rate) => {
                let _ = write!(text, ", open loop of {}/s, timed from when each was due", grouped(rate));
            }
        }
        text
    }

    fn summary(&self) -> String {
        let rate = self.per_second();
        let mut text = format!(
            "{STRONG}{}/s{STRONG:#}   {} calls in {:.2} s   {}/s each way   {} errors",
            grouped(rate as u64),
            grouped(self.answered()),
            self.end.seconds,
            bytes(rate * self.plan.body.len() as f64),
            grouped(self.tally.failed())
        );
        if self.end.interrupted {
            let _ = write!(text, "   {BAD}interrupted{BAD:#}");
        }
        text
    }

    fn latency(&self) -> String {
        let latency = &self.tally.latency;
        format!(
            "min {}   p50 {STRONG}{}{STRONG:#}   p90 {}   p99 {STRONG}{}{STRONG:#}   p99.9 {}   max {}",
            time(Duration::from_nanos(latency.min())),
            time(self.at(0.5)),
            time(self.at(0.9)),
            time(self.at(0.99)),
            time(self.at(0.999)),
            time(Duration::from_nanos(latency.max()))
        )
    }

    /// Rows on a logarithmic scale, so that both the body and the tail can be seen; empty ones are left out.
    fn histogram(&self) -> String {
        let latency = &self.tally.latency;
        let rows: Vec<_> = steps()
            .map(|(from, to)| (from, latency.count_between(from, to - 1)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(1);
        let rows = rows.into_iter().map(|(from, count)| {
            let bar = "#".repeat((BAR * count as f64 / most as f64).ceil() as usize);
            let share = 100.0 * count as f64 / self.answered() as f64;
            format!("from {:>7}  {share:>6.2} %  {bar}", time(Duration::from_nanos(from)))
        });
        rows.collect::<Vec<_>>().join("\n           ")
    }

    fn client(&self) -> String {
        let percent = self.cpu_percent();
        format!("{percent:.0} % of a core, {} a call", time(self.cpu_per_call()))
    }
}

fn line(label: &str, text: &str) -> String {
    format!("{FAINT}{label:<10}{FAINT:#} {text}")
}

/// The rows of the histogram, from 0 to ten minutes, in nanoseconds.
fn steps() -> impl Iterator<Item = (u64, u64)> {
    let starts = (1..10).flat_map(|decade| STEPS.map(|step| step * 10u64.pow(decade)));
    let ends = starts.clone().skip(1).chain([u64::MAX]);
    std::iter::once((0, 100)).chain(starts.zip(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_have_no_gaps() {
        let rows: Vec<_> = steps().collect();
        assert!(rows.windows(2).all(|pair| pair[0].1 == pair[1].0), "{rows:?}");
        assert!(rows.iter().all(|(from, to)| from < to));
        assert_eq!((rows[0].0, rows[rows.len() - 1].1), (0, u64::MAX));
    }
}
