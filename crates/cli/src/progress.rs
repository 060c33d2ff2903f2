//! Progress on standard error: bars where that is a terminal; for the rows of a batch also a line now and then where
//! it is not.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use cliplet::weights::Progress;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

use super::terminal;

/// Time between lines where standard error is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// A bar that counts `unit`, with rate, time left and a message behind.
pub fn counting(total: u64, unit: &'static str) -> ProgressBar {
    let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left{{msg}}");
    ProgressBar::new(total).with_style(style(&template))
}

/// The message behind a bar while `url` is fetched: `done` bytes of `total`, where the host tells it.
pub fn fetching(url: &str, done: u64, total: Option<u64>) -> String {
    let done = HumanBytes(done);
    match total {
        Some(total) => format!(", {url}: {done} of {}", HumanBytes(total)),
        None => format!(", {url}: {done}"),
    }
}

/// A bar over bytes with a message in front.
pub fn bytes(message: &'static str) -> ProgressBar {
    let template = "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    let bar = ProgressBar::new(0).with_style(style(template));
    bar.with_message(message)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A callback that moves `bar` and never cancels.
pub fn moving(bar: &ProgressBar) -> impl Fn(Progress) -> ControlFlow<()> + '_ {
    |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        ControlFlow::Continue(())
    }
}

/// Counts the rows of a batch and reports rate, failures and time left.
pub struct RowProgress {
    bar: ProgressBar,
    /// Position of the input's end, where it is known.
    total: Option<u64>,
    start: Instant,
    last_line: Instant,
    /// Rows answered by an earlier run.
    before: u64,
    rows: u64,
    failed: u64,
    /// Position of the first rows of this run, from which the time left is estimated.
    first_position: Option<u64>,
}

impl RowProgress {
    /// The progress through an input whose end is at position `total`; `before` rows, of which `failed`, were answered
    /// by an earlier run.
    pub fn new(total: Option<u64>, before: u64, failed: u64) -> Self {
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match total {
            Some(_) => "{bar:30} {percent} %, {msg}",
            None => "{spinner} {msg}",
        };
        bar.set_style(style(template));
        Self {
            bar,
            total,
            start: Instant::now(),
            last_line: Instant::now(),
            before,
            rows: before,
            failed,
            first_position: None,
        }
    }

    /// Counts a chunk of `rows`, of which `failed`, whose last ends at `position`.
    pub fn count(&mut self, rows: u64, failed: u64, position: u64) {
        self.rows += rows;
        self.failed += failed;
        let first = *self.first_position.get_or_insert(position);
        let mut message = self.message();
        if let Some(left) = self.time_left(first, position) {
            message += &format!(", {} left", HumanDuration(left));
        }
        self.bar.set_position(position);
        if self.bar.is_hidden() && self.last_line.elapsed() > LINE_INTERVAL {
            self.last_line = Instant::now();
            terminal::message(&message);
        }
        self.bar.set_message(message);
    }

    /// Counts rows whose answers are those of an earlier run.
    pub fn count_earlier(&mut self, rows: u64) {
        self.before += rows;
        self.rows += rows;
    }

    /// The bar, for a message that takes its place.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Rows that have failed so far.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Removes the bar and prints the last line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        terminal::message(self.message());
    }

    fn message(&self) -> String {
        let rate = (self.rows - self.before) as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let mut message = format!("{} rows, {rate:.1} a second", self.rows);
        if self.before > 0 {
            message += &format!(", {} of them by an earlier run", self.before);
        }
        if self.failed > 0 {
            message += &format!(", {} failed", self.failed);
        }
        message
    }

    fn time_left(&self, first: u64, position: u64) -> Option<Duration> {
        let rest = self.total?.saturating_sub(position) as f64;
        let pace = (position.saturating_sub(first)) as f64 / self.start.elapsed().as_secs_f64();
        (pace > 0.0).then(|| Duration::from_secs_f64((rest / pace).min(1e9)))
    }
}
