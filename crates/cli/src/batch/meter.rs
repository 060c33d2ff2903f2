//! How a run is getting on: a bar with rate and time left where standard error is a terminal, a line
//! now and then where it is not, and a line at the end.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Time between lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Counts rows and says so on standard error.
pub struct Meter {
    bar: ProgressBar,
    /// What positions come to at the end, where that is known.
    total: Option<u64>,
    start: Instant,
    said: Instant,
    /// Rows answered by an earlier run.
    before: u64,
    rows: u64,
    failed: u64,
    /// Position of the first rows of this run, which the time left is reckoned from.
    from: Option<u64>,
}

impl Meter {
    /// A meter of an input that comes to `total` at its end; `before` rows, of which `failed`, were
    /// answered by an earlier run.
    pub fn new(total: Option<u64>, before: u64, failed: u64) -> Self {
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match total {
            Some(_) => "{bar:30} {percent} %, {msg}",
            None => "{spinner} {msg}",
        };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self {
            bar,
            total,
            start: Instant::now(),
            said: Instant::now(),
            before,
            rows: before,
            failed,
            from: None,
        }
    }

    /// Counts a chunk of `rows`, of which `failed`, whose last ends at `position`.
    pub fn count(&mut self, rows: u64, failed: u64, position: u64) {
        self.rows += rows;
        self.failed += failed;
        let from = *self.from.get_or_insert(position);
        let mut message = self.message();
        if let Some(left) = self.left(from, position) {
            message += &format!(", {} left", HumanDuration(left));
        }
        self.bar.set_position(position);
        if self.bar.is_hidden() && self.said.elapsed() > EVERY {
            self.said = Instant::now();
            eprintln!("cliplet: {message}");
        }
        self.bar.set_message(message);
    }

    /// Rows that have failed so far.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Ends with a line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        eprintln!("cliplet: {}", self.message());
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

    fn left(&self, from: u64, position: u64) -> Option<Duration> {
        let rest = self.total?.saturating_sub(position) as f64;
        let pace = (position.saturating_sub(from)) as f64 / self.start.elapsed().as_secs_f64();
        (pace > 0.0).then(|| Duration::from_secs_f64((rest / pace).min(1e9)))
    }
}
