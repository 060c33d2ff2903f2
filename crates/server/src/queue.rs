//! A bounded queue in front of one tower: items of all callers are run together in batches.
//!
//! Knows neither HTTP nor pictures. A caller first takes [`Places`], so that a full queue is said
//! before any work is done for it, then fills them; who goes away leaves the queue. One thread runs
//! the batches: at most [`Batching::largest`] items, as soon as there are so many or the first has
//! waited for [`Batching::wait`]; for longer while items of other callers are on their way.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tokio::sync::oneshot;

use cliplet::error::Result as CoreResult;

/// How items become batches.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// Items in the largest batch.
    pub largest: usize,
    /// How long the first item of a batch may wait for others; [`PATIENCE`] times as long for those that have a
    /// place and are on their way.
    pub wait: Duration,
    /// Items that may have a place at a time, waiting or running.
    pub places: usize,
}

/// So many times as long an item waits for others whose places are taken: run without them, they would wait for a
/// whole batch.
const PATIENCE: u32 = 3;

/// Why a queue gives no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// All places are taken.
    #[error("the queue is full: try again in {seconds} s")]
    Full {
        /// When there should be room, in seconds from now.
        seconds: u64,
    },
    /// The queue takes nothing more.
    #[error("the server is stopping")]
    Closed,
    /// The batch could not be run; what happened is in the log.
    #[error("the model could not be run")]
    Failed,
}

type Run<T, R> = Box<dyn FnMut(Vec<T>) -> CoreResult<Vec<R>> + Send>;

/// The queue and the thread that empties it. Dropping it runs what is left, then ends the thread.
pub struct Queue<T, R> {
    shared: Arc<Shared<T, R>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<T, R> {
    name: &'static str,
    batching: Batching,
    state: Mutex<State<T, R>>,
    changed: Condvar,
}

struct State<T, R> {
    jobs: VecDeque<Job<T, R>>,
    /// Places given and not yet handed back.
    taken: usize,
    next_owner: u64,
    closed: bool,
    /// Seconds an item takes, averaged over the last batches.
    pace: f64,
}

struct Job<T, R> {
    item: T,
    owner: u64,
    since: Instant,
    answer: oneshot::Sender<Result<R, Refusal>>,
}

impl<T: Send + 'static, R: Send + 'static> Queue<T, R> {
    /// Starts a queue whose batches go through `run`, which gives one result for each item in order.
    /// `name` names the thread and labels the metrics.
    pub fn start(
        name: &'static str,
        batching: Batching,
        run: impl FnMut(Vec<T>) -> CoreResult<Vec<R>> + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            batching,
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                taken: 0,
                next_owner: 0,
                closed: false,
                pace: 0.0,
            }),
            changed: Condvar::new(),
        });
        // What scales by the queue wants its figures before the first request.
        shared.show(&shared.lock());
        let worker = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || worker.work(Box::new(run)))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Takes `count` places. A queue with nothing in it takes any number, so that no count is
    /// refused for ever.
    ///
    /// # Errors
    /// [`Refusal::Full`], or [`Refusal::Closed`].
    pub fn reserve(&self, count: usize) -> Result<Places<T, R>, Refusal> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if state.taken > 0 && state.taken + count > self.shared.batching.places {
            counter!("cliplet_queue_refused_total", "tower" => self.shared.name).increment(1);
            let seconds = (state.pace * state.taken as f64).ceil() as u64;
            return Err(Refusal::Full {
                seconds: seconds.clamp(1, 60),
            });
        }
        state.taken += count;
        state.next_owner += 1;
        let owner = state.next_owner;
        self.shared.show(&state);
        drop(state);
        Ok(Places {
            shared: self.shared.clone(),
            owner,
            count,
        })
    }
}

impl<T, R> Drop for Queue<T, R> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A worker catches every panic of its batches; there is nothing left to do with another.
            let _ = thread.join();
        }
    }
}

/// Places in a queue. Dropping them takes the owner's waiting items out of it.
pub struct Places<T, R> {
    shared: Arc<Shared<T, R>>,
    owner: u64,
    count: usize,
}

impl<T, R> Places<T, R> {
    /// Queues `items`, at most as many as places were taken, and gives their results in order.
    ///
    /// # Errors
    /// [`Refusal::Failed`] where a batch failed; [`Refusal::Closed`] where the queue is gone.
    pub async fn run(mut self, items: Vec<T>) -> Result<Vec<R>, Refusal> {
        debug_assert!(items.len() <= self.count);
        let mut answers = Vec::with_capacity(items.len());
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Refusal::Closed);
            }
            state.taken -= self.count - items.len();
            self.count = items.len();
            let since = Instant::now();
            for item in items {
                let (answer, result) = oneshot::channel();
                answers.push(result);
                let owner = self.owner;
                state.jobs.push_back(Job {
                    item,
                    owner,
                    since,
                    answer,
                });
            }
            self.shared.show(&state);
        }
        self.shared.changed.notify_one();
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(answer.await.unwrap_or(Err(Refusal::Closed))?);
        }
        Ok(results)
    }
}

impl<T, R> Drop for Places<T, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let before = state.jobs.len();
        state.jobs.retain(|job| job.owner != self.owner);
        let left = before - state.jobs.len();
        state.taken -= self.count;
        self.shared.show(&state);
        if left > 0 {
            counter!("cliplet_queue_cancelled_total", "tower" => self.shared.name).increment(left as u64);
        }
        drop(state);
        // Somebody may have waited for these.
        self.shared.changed.notify_one();
    }
}

impl<T, R> Shared<T, R> {
    /// No code that could panic runs under the lock, so a poisoned one holds sound state.
    fn lock(&self) -> MutexGuard<'_, State<T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &State<T, R>) {
        gauge!("cliplet_queue_depth", "tower" => self.name).set(state.jobs.len() as f64);
        gauge!("cliplet_queue_places_taken", "tower" => self.name).set(state.taken as f64);
    }

    fn work(&self, mut run: Run<T, R>) {
        while let Some(batch) = self.next_batch() {
            let count = batch.len();
            let start = Instant::now();
            let mut items = Vec::with_capacity(count);
            let mut answers = Vec::with_capacity(count);
            for job in batch {
                histogram!("cliplet_queue_wait_seconds", "tower" => self.name)
                    .record(start.duration_since(job.since));
                items.push(job.item);
                answers.push(job.answer);
            }
            let results = catch_unwind(AssertUnwindSafe(|| run(items)));
            let took = start.elapsed().as_secs_f64();
            histogram!("cliplet_batch_items", "tower" => self.name).record(count as f64);
            histogram!("cliplet_batch_seconds", "tower" => self.name).record(took);
            counter!("cliplet_items_total", "tower" => self.name).increment(count as u64);
            self.keep_pace(took / count as f64);
            match results {
                Ok(Ok(results)) if results.len() == count => {
                    // A receiver that is gone was cancelled while its batch ran.
                    for (answer, result) in answers.into_iter().zip(results) {
                        let _ = answer.send(Ok(result));
                    }
                }
                Ok(Ok(results)) => {
                    let given = results.len();
                    tracing::error!(
                        tower = self.name,
                        given,
                        count,
                        "a batch gave another number of results"
                    );
                    fail(answers);
                }
                Ok(Err(error)) => {
                    tracing::error!(tower = self.name, %error, "a batch failed");
                    fail(answers);
                }
                Err(_) => {
                    tracing::error!(tower = self.name, "a batch panicked");
                    fail(answers);
                }
            }
        }
    }

    /// Waits for the next batch; `None` once the queue is closed and empty.
    fn next_batch(&self) -> Option<Vec<Job<T, R>>> {
        let Batching { largest, wait, .. } = self.batching;
        let mut state = self.lock();
        loop {
            let due = match state.jobs.front() {
                None if state.closed => return None,
                None => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Some(first) if state.taken > state.jobs.len() => first.since + PATIENCE * wait,
                Some(first) => first.since + wait,
            };
            let left = due.saturating_duration_since(Instant::now());
            if state.jobs.len() >= largest || left.is_zero() || state.closed {
                let count = state.jobs.len().min(largest);
                let batch = state.jobs.drain(..count).collect();
                self.show(&state);
                return Some(batch);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn keep_pace(&self, seconds: f64) {
        let mut state = self.lock();
        let old = if state.pace == 0.0 { seconds } else { state.pace };
        state.pace = 0.8 * old + 0.2 * seconds;
    }
}

fn fail<R>(answers: Vec<oneshot::Sender<Result<R, Refusal>>>) {
    for answer in answers {
        let _ = answer.send(Err(Refusal::Failed));
    }
}

#[cfg(test)]
mod tests;
