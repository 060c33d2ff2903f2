//! Threads beside the model's, for what a picture needs before it: base64, decoding, resizing.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// So many of the runtime's blocking threads, which an async caller hands work to. They sleep when they
/// have nothing to do: threads that look for work, as rayon's do, would take the processor from the model.
pub struct Pool(Arc<Semaphore>);

/// The work panicked; what happened is in the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked;

impl Pool {
    /// A pool of `threads` threads; 0 is one for each core.
    pub fn new(threads: usize) -> Self {
        let cores = || available_parallelism().map_or(1, NonZero::get);
        let threads = NonZero::new(threads).map_or_else(cores, NonZero::get);
        Self(Arc::new(Semaphore::new(threads)))
    }

    /// Runs `work` on the pool, unless its caller has gone away before a thread was free.
    ///
    /// # Errors
    /// [`Panicked`], and the pool goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        // The semaphore is never closed.
        let thread = self.0.clone().acquire_owned().await;
        let worked = spawn_blocking(move || {
            let _thread = thread;
            work()
        });
        worked.await.map_err(|_| Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = Pool::new(1);
        assert_eq!(
            pool.run(|| panic!("a decoder fell over")).await,
            Err::<(), _>(Panicked)
        );
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_of_a_caller_that_went_away_is_not_done() {
        let pool = Arc::new(Pool::new(1));
        let (go, gate) = channel::<()>();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || gate.recv().is_ok()).await }
        });
        tokio::task::yield_now().await;
        let (done, witness) = channel();
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || done.send(()).unwrap()).await }
        });
        tokio::task::yield_now().await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(pool.run(|| 1).await, Ok(1));
        assert!(witness.recv().is_err(), "its work was dropped, not run");
    }
}
