//! Threads beside the model's for what must not run on the threads that answer probes: parsing large
//! bodies, base64, decoding, resizing, writing large answers.

use std::collections::{HashSet, VecDeque};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::client::Client;

/// A number of the runtime's blocking threads, which an async caller hands work to. They sleep when they
/// have nothing to do: threads that look for work, as rayon's do, would take the processor from the model.
/// A thread that becomes free goes to the client that was given one the longest ago.
pub(crate) struct Pool(Arc<Mutex<State>>);

struct State {
    free: usize,
    /// The clients that wait, or have waited, the one served last at the end.
    turns: Vec<Client>,
    waiting: VecDeque<(Client, oneshot::Sender<Thread>)>,
}

/// The work panicked; the details are in the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Tells work in progress whether its caller still waits for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Returns true once nobody waits for the result.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets a flag when its caller goes away.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of `threads` threads; 0 is one for each core.
    pub fn new(threads: usize) -> Self {
        let cores = || available_parallelism().map_or(1, NonZero::get);
        let threads = NonZero::new(threads).map_or_else(cores, NonZero::get);
        Self(Arc::new(Mutex::new(State {
            free: threads,
            turns: Vec::new(),
            waiting: VecDeque::new(),
        })))
    }

    /// Runs `work` on the pool, unless its caller goes away before a thread is free. A caller that goes
    /// away later sets the flag that the work was given.
    ///
    /// # Errors
    /// [`Panicked`], and the pool goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        client: Client,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let thread = self.thread(client).await;
        let flag = CancelFlag::default();
        let _caller = CancelOnDrop(flag.clone());
        let worked = spawn_blocking(move || {
            let _thread = thread;
            work(&flag)
        });
        worked.await.map_err(|_| Panicked)
    }

    async fn thread(&self, client: Client) -> Option<Thread> {
        let waiting = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Some(Thread(self.0.clone()));
            }
            let (thread, waiting) = oneshot::channel();
            state.waiting.push_back((client, thread));
            waiting
        };
        // The state keeps the sender until it sends, so this cannot fail.
        waiting.await.ok()
    }
}

impl State {
    /// Takes the first waiter of the client whose turn it is out of the line.
    fn next(&mut self) -> Option<oneshot::Sender<Thread>> {
        self.waiting.retain(|(_, thread)| !thread.is_closed());
        let waiting: HashSet<Client> = self.waiting.iter().map(|(client, _)| *client).collect();
        self.turns.retain(|client| waiting.contains(client));
        // A client that has no turn yet comes before those that were served.
        let new = self
            .waiting
            .iter()
            .position(|(client, _)| !self.turns.contains(client));
        let first = || {
            let turn = self.turns.first()?;
            self.waiting.iter().position(|(client, _)| client == turn)
        };
        let (client, thread) = self.waiting.remove(new.or_else(first)?)?;
        self.turns.retain(|other| *other != client);
        self.turns.push(client);
        Some(thread)
    }
}

/// A thread of the pool that is taken. Dropping it gives it to the next in line.
struct Thread(Arc<Mutex<State>>);

impl Drop for Thread {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        match state.next() {
            None => state.free += 1,
            Some(waiter) => {
                drop(state);
                // A waiter that has just gone away hands the thread back by dropping it.
                let _ = waiter.send(Thread(self.0.clone()));
            }
        }
    }
}

/// Nothing that could panic runs under the lock, so a poisoned one holds sound state.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;
    use tokio::task::{JoinHandle, yield_now};

    const CLIENT: Client = Client::Unknown;

    /// Starts work that holds the pool's only thread until it is released.
    async fn block(pool: &Arc<Pool>) -> (JoinHandle<Result<bool, Panicked>>, Sender<()>) {
        let (go, gate) = channel::<()>();
        let pool = pool.clone();
        let first =
            tokio::spawn(async move { pool.run(CLIENT, move |_: &CancelFlag| gate.recv().is_ok()).await });
        yield_now().await;
        (first, go)
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = Pool::new(1);
        assert_eq!(
            pool.run(CLIENT, |_| panic!("a decoder fell over")).await,
            Err::<(), _>(Panicked)
        );
        assert_eq!(pool.run(CLIENT, |_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_of_a_caller_that_went_away_is_not_done() {
        let pool = Arc::new(Pool::new(1));
        let (first, go) = block(&pool).await;
        let (done, witness) = channel();
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(CLIENT, move |_| done.send(()).unwrap()).await }
        });
        yield_now().await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(pool.run(CLIENT, |_| 1).await, Ok(1));
        assert!(witness.recv().is_err(), "its work was dropped, not run");
    }

    #[tokio::test]
    async fn work_in_progress_learns_that_its_caller_went_away() {
        let pool = Arc::new(Pool::new(1));
        let (ended, witness) = channel();
        let call = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |flag: &CancelFlag| {
                    while !flag.is_cancelled() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    ended.send(()).unwrap();
                };
                pool.run(CLIENT, work).await
            }
        });
        yield_now().await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(pool.run(CLIENT, |_| 1).await, Ok(1));
        witness.recv().unwrap();
    }

    #[tokio::test]
    async fn work_that_does_not_look_at_its_flag_has_its_thread_until_it_ends() {
        let pool = Arc::new(Pool::new(1));
        let (first, go) = block(&pool).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(CLIENT, |_| 1).await }
        });
        for _ in 0..20 {
            yield_now().await;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!second.is_finished());
        go.send(()).unwrap();
        assert_eq!(second.await.unwrap(), Ok(1));
    }

    #[tokio::test]
    async fn clients_take_turns() {
        let pool = Arc::new(Pool::new(1));
        let (first, go) = block(&pool).await;
        let (done, order) = channel();
        let mut calls = Vec::new();
        for client in [1, 1, 1, 2, 3, 2] {
            let (pool, done) = (pool.clone(), done.clone());
            calls.push(tokio::spawn(async move {
                pool.run(Client::Key(client), move |_: &CancelFlag| {
                    done.send(client).unwrap()
                })
                .await
            }));
            yield_now().await;
        }
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(()));
        }
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [1, 2, 3, 1, 2, 1]);
    }
}
