//! Threads beside the model's, for what a picture needs before it: base64, decoding, resizing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

/// A pool of threads that an async caller hands work to.
pub struct Pool(rayon::ThreadPool);

/// The work panicked; what happened is in the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked;

impl Pool {
    /// A pool of `threads` threads; 0 is one for each core.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let named = builder.thread_name(|i| format!("pictures-{i}"));
        named.build().map(Self).map_err(std::io::Error::other)
    }

    /// Runs `work` on the pool, unless its caller has gone away before a thread was free.
    ///
    /// # Errors
    /// [`Panicked`], and the pool goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (answer, result) = oneshot::channel();
        self.0.spawn(move || {
            if !answer.is_closed() {
                // Where the caller went away meanwhile, nobody wants the result.
                let _ = answer.send(catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked));
            }
        });
        result.await.unwrap_or(Err(Panicked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = Pool::new(1).unwrap();
        assert_eq!(
            pool.run(|| panic!("a decoder fell over")).await,
            Err::<(), _>(Panicked)
        );
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_of_a_caller_that_went_away_is_not_done() {
        let pool = std::sync::Arc::new(Pool::new(1).unwrap());
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
