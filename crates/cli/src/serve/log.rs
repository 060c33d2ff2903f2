//! The server's log on standard error. Writing it never holds up or fails a request: lines go through a bounded
//! buffer to a thread of their own, and those that find it full, or cannot be written, are dropped and counted.

use std::any::Any;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use clap::ValueEnum;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for standard error at most.
const BUFFERED_LINES: usize = 8192;
/// Time that the last lines have to be written in before the process ends.
const FLUSH_TIME: Duration = Duration::from_secs(1);
/// Time between two looks at the count of dropped lines.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Forms of the log.
#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The running log. Dropping it writes what is buffered, unless standard error takes nothing.
pub struct Log {
    worker: Option<WorkerGuard>,
    full: ErrorCounter,
    failed: Arc<AtomicUsize>,
}

impl Log {
    /// Starts the log in `format` at the level that `RUST_LOG` names; panics become lines of it.
    pub fn start(format: LogFormat) -> Self {
        let failed = Arc::new(AtomicUsize::new(0));
        let (writer, worker) = NonBlockingBuilder::default()
            .buffered_lines_limit(BUFFERED_LINES)
            .lossy(true)
            .finish(CountingStderr(failed.clone()));
        let full = writer.error_counter();
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer);
        match format {
            LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(tracing::field::display);
            tracing::error!(place, message = panic_message(panic.payload()), "a panic");
        }));
        Self {
            worker: Some(worker),
            full,
            failed,
        }
    }

    /// Lines that were dropped so far.
    fn dropped(&self) -> usize {
        self.full.dropped_lines() + self.failed.load(Ordering::Relaxed)
    }

    /// Counts dropped lines in the metrics, and says in the log that there were some, as long as the server runs.
    pub async fn report_dropped_lines(&self) {
        let mut reported = 0;
        loop {
            let dropped = self.dropped();
            metrics::counter!("cliplet_log_lines_dropped_total").absolute(dropped as u64);
            if dropped > reported {
                tracing::warn!(lines = dropped - reported, "log lines were dropped");
                reported = dropped;
            }
            tokio::time::sleep(REPORT_INTERVAL).await;
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let worker = self.worker.take();
        let (done, flushed) = mpsc::channel();
        std::thread::spawn(move || {
            drop(worker);
            // Nobody listens any more where the time is over.
            let _ = done.send(());
        });
        let _ = flushed.recv_timeout(FLUSH_TIME);
    }
}

/// Standard error, whose failed writes are counted and otherwise ignored.
struct CountingStderr(Arc<AtomicUsize>);

impl Write for CountingStderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
