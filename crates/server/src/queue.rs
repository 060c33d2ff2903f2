//! A bounded queue in front of one tower: items of all callers are run together in batches.
//!
//! It knows neither HTTP nor images. A caller first takes a [`Reservation`], so that it learns of a full
//! queue before any work is done for it, then fills it; a caller that goes away leaves the queue. One
//! thread runs the batches: at most [`Batching::largest`] items, as soon as there are so many or the first
//! has waited for [`Batching::wait`]; for longer while items of other callers are on their way. Clients
//! take turns in a batch, so that the many items of one do not hold up the few of another.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tokio::sync::oneshot;

use super::client::Client;
use super::fair_limit::FairCounter;
use cliplet::error::Result as CoreResult;

/// Sizes and times of batches.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// Items in the largest batch.
    pub largest: usize,
    /// Longest wait of a batch's first item for others; three times as long for those that have a place and are
    /// on their way.
    pub wait: Duration,
    /// Items that may have a place at a time, waiting or running.
    pub places: usize,
}

/// Factor by which an item waits longer for others whose places are reserved: run without them, they would wait
/// for a whole batch.
const PATIENCE: u32 = 3;

/// A queue's reason for giving no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueueError {
    /// All places are taken.
    #[error("the queue is full: try again in {seconds} s")]
    Full {
        /// Seconds after which there should be a free place.
        seconds: u64,
    },
    /// The queue is shut down and takes nothing more.
    #[error("the server is stopping")]
    Closed,
    /// The batch could not be run; the details are in the log.
    #[error("the model could not be run")]
    Failed,
}

type Answer<R> = oneshot::Sender<Result<R, QueueError>>;
type Run<T, R> = Box<dyn FnMut(Vec<T>) -> CoreResult<Vec<R>> + Send>;

/// The queue and the thread that empties it. Dropping it runs what is left, then ends the thread.
pub(crate) struct Queue<T, R> {
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
    /// Places given and not yet handed back, by client.
    places: FairCounter,
    next_owner: u64,
    closed: bool,
    /// Seconds an item takes, averaged over the last batches.
    pace: f64,
}

struct Job<T, R> {
    item: T,
    owner: u64,
    client: Client,
    since: Instant,
    answer: Answer<R>,
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
                places: FairCounter::new(batching.places, batching.places),
                next_owner: 0,
                closed: false,
                pace: 0.0,
            }),
            changed: Condvar::new(),
        });
        // Autoscalers read the queue's figures before the first request.
        shared.publish(&shared.lock());
        let worker = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || worker.work(Box::new(run)))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Takes `count` places for `client`. A queue with nothing in it takes any number, so that no count is
    /// refused for ever.
    ///
    /// # Errors
    /// [`QueueError::Full`], or [`QueueError::Closed`].
    pub fn reserve(&self, client: Client, count: usize) -> Result<Reservation<T, R>, QueueError> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(QueueError::Closed);
        }
        if state.places.taken() == 0 {
            state.places.take(client, count);
        } else if !state.places.try_take(client, count) {
            counter!("cliplet_queue_refused_total", "tower" => self.shared.name).increment(1);
            let seconds = (state.pace * state.places.taken() as f64).ceil() as u64;
            return Err(QueueError::Full {
                seconds: seconds.clamp(1, 60),
            });
        }
        state.next_owner += 1;
        let owner = state.next_owner;
        self.shared.publish(&state);
        drop(state);
        Ok(Reservation {
            shared: self.shared.clone(),
            owner,
            client,
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

/// Places in a queue. Dropping it takes its owner's waiting items out of the queue.
pub(crate) struct Reservation<T, R> {
    shared: Arc<Shared<T, R>>,
    owner: u64,
    client: Client,
    count: usize,
}

impl<T, R> Reservation<T, R> {
    /// Queues `items`, at most as many as places were taken, and gives their results in order.
    ///
    /// # Errors
    /// [`QueueError::Failed`] where a batch failed; [`QueueError::Closed`] where the queue is gone.
    pub async fn run(mut self, items: Vec<T>) -> Result<Vec<R>, QueueError> {
        debug_assert!(items.len() <= self.count);
        let mut answers = Vec::with_capacity(items.len());
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(QueueError::Closed);
            }
            state.places.give_back(self.client, self.count - items.len());
            self.count = items.len();
            let since = Instant::now();
            for item in items {
                let (answer, result) = oneshot::channel();
                answers.push(result);
                state.jobs.push_back(Job {
                    item,
                    owner: self.owner,
                    client: self.client,
                    since,
                    answer,
                });
            }
            self.shared.publish(&state);
        }
        self.shared.changed.notify_one();
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(answer.await.unwrap_or(Err(QueueError::Closed))?);
        }
        Ok(results)
    }
}

impl<T, R> Drop for Reservation<T, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let before = state.jobs.len();
        state.jobs.retain(|job| job.owner != self.owner);
        let left = before - state.jobs.len();
        state.places.give_back(self.client, self.count);
        self.shared.publish(&state);
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

    /// Updates the gauges of the queue.
    fn publish(&self, state: &State<T, R>) {
        gauge!("cliplet_queue_depth", "tower" => self.name).set(state.jobs.len() as f64);
        gauge!("cliplet_queue_places_taken", "tower" => self.name).set(state.places.taken() as f64);
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
            self.update_pace(took / count as f64);
            self.deliver(results, answers);
        }
    }

    /// Sends each caller its result, or all of them the failure of their batch.
    fn deliver(&self, results: std::thread::Result<CoreResult<Vec<R>>>, answers: Vec<Answer<R>>) {
        let (tower, count) = (self.name, answers.len());
        match results {
            Ok(Ok(results)) if results.len() == count => {
                // A receiver that is gone was cancelled while its batch ran.
                for (answer, result) in answers.into_iter().zip(results) {
                    let _ = answer.send(Ok(result));
                }
                return;
            }
            Ok(Ok(results)) => {
                let given = results.len();
                tracing::error!(tower, given, count, "a batch gave another number of results");
            }
            Ok(Err(error)) => tracing::error!(tower, %error, "a batch failed"),
            Err(_) => tracing::error!(tower, "a batch panicked"),
        }
        for answer in answers {
            let _ = answer.send(Err(QueueError::Failed));
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
                Some(first) if state.places.taken() > state.jobs.len() => first.since + PATIENCE * wait,
                Some(first) => first.since + wait,
            };
            let left = due.saturating_duration_since(Instant::now());
            if state.jobs.len() >= largest || left.is_zero() || state.closed {
                let batch = take_in_turns(&mut state.jobs, largest);
                self.publish(&state);
                return Some(batch);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn update_pace(&self, seconds: f64) {
        let mut state = self.lock();
        let old = if state.pace == 0.0 { seconds } else { state.pace };
        state.pace = 0.8 * old + 0.2 * seconds;
    }
}

/// Takes up to `largest` jobs out of the queue: the first of each client, then the second of each, and so on.
fn take_in_turns<T, R>(jobs: &mut VecDeque<Job<T, R>>, largest: usize) -> Vec<Job<T, R>> {
    if jobs.len() <= largest {
        return jobs.drain(..).collect();
    }
    let mut before: HashMap<Client, usize> = HashMap::new();
    let mut order: Vec<(usize, usize)> = Vec::with_capacity(jobs.len());
    for (i, job) in jobs.iter().enumerate() {
        let turn = before.entry(job.client).or_default();
        order.push((*turn, i));
        *turn += 1;
    }
    order.sort_unstable();
    let mut chosen = vec![false; jobs.len()];
    order.iter().take(largest).for_each(|&(_, i)| chosen[i] = true);
    let mut batch = Vec::with_capacity(largest);
    for (job, chosen) in std::mem::take(jobs).into_iter().zip(chosen) {
        match chosen {
            true => batch.push(job),
            false => jobs.push_back(job),
        }
    }
    batch
}

#[cfg(test)]
mod tests;
