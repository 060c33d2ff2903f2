//! The queue on its own, with a tower whose batches a test holds back and lets go.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use cliplet::error::Error;

const CLIENT: Client = Client::Unknown;
const BATCHING: Batching = Batching {
    largest: 4,
    wait: Duration::from_millis(1),
    places: 8,
};

/// A queue that doubles numbers; each batch is reported, then waits to be released.
fn held(batching: Batching) -> (Queue<u32, u32>, Receiver<Vec<u32>>, Sender<()>) {
    let (told, batches) = channel();
    let (go, gate) = channel();
    let queue = Queue::start("held", batching, move |items: Vec<u32>| {
        told.send(items.clone()).unwrap();
        gate.recv().unwrap();
        Ok(items.into_iter().map(|x| 2 * x).collect())
    });
    (queue.unwrap(), batches, go)
}

/// Starts `run` on the runtime and waits until its items are in the queue.
async fn submit(
    queue: &Queue<u32, u32>,
    items: Vec<u32>,
) -> tokio::task::JoinHandle<Result<Vec<u32>, QueueError>> {
    let before = queue.shared.lock().next_owner;
    let places = queue.reserve(CLIENT, items.len()).unwrap();
    assert_eq!(places.owner, before + 1);
    let task = tokio::spawn(places.run(items));
    tokio::task::yield_now().await;
    task
}

#[tokio::test]
async fn items_of_all_callers_share_batches_and_keep_their_order() {
    let (queue, batches, go) = held(BATCHING);
    let first = submit(&queue, vec![1]).await;
    assert_eq!(batches.recv().unwrap(), [1]);
    let second = submit(&queue, vec![2, 3, 4]).await;
    let third = submit(&queue, vec![5, 6]).await;
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    assert_eq!(first.await.unwrap().unwrap(), [2]);
    assert_eq!(second.await.unwrap().unwrap(), [4, 6, 8]);
    assert_eq!(third.await.unwrap().unwrap(), [10, 12]);
    assert_eq!(
        batches.try_iter().collect::<Vec<_>>(),
        [vec![2, 3, 4, 5], vec![6]]
    );
}

#[tokio::test]
async fn a_lone_item_waits_for_company_and_then_goes() {
    let wait = Duration::from_millis(200);
    let (queue, batches, go) = held(Batching { wait, ..BATCHING });
    let started = Instant::now();
    let first = submit(&queue, vec![1]).await;
    let second = submit(&queue, vec![2]).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), [2]);
    assert_eq!(second.await.unwrap().unwrap(), [4]);
    assert_eq!(batches.try_iter().collect::<Vec<_>>(), [vec![1, 2]]);
    assert!(started.elapsed() >= wait);
}

#[tokio::test]
async fn an_item_waits_longer_for_those_on_their_way() {
    let wait = Duration::from_millis(200);
    let (queue, batches, go) = held(Batching { wait, ..BATCHING });
    let started = Instant::now();
    let late = queue.reserve(CLIENT, 1).unwrap();
    let first = submit(&queue, vec![1]).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), [2]);
    assert!(started.elapsed() >= PATIENCE * wait);
    drop(late);

    // One of three could not be read, and another caller goes away: nobody else is waited for.
    let wait = Duration::from_secs(3600);
    let (queue, again, go) = held(Batching {
        wait,
        largest: 3,
        ..BATCHING
    });
    let three = queue.reserve(CLIENT, 3).unwrap();
    let two = tokio::spawn(three.run(vec![1, 2]));
    tokio::task::yield_now().await;
    assert_eq!(queue.shared.lock().places.taken(), 2);
    let third = submit(&queue, vec![3]).await;
    go.send(()).unwrap();
    assert_eq!(two.await.unwrap().unwrap(), [2, 4]);
    assert_eq!(third.await.unwrap().unwrap(), [6]);
    assert_eq!(
        batches.try_iter().chain(again.try_iter()).collect::<Vec<_>>(),
        [vec![1], vec![1, 2, 3]]
    );
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_when_to_come_back() {
    let (queue, batches, go) = held(BATCHING);
    let running = submit(&queue, (0..8).collect()).await;
    assert_eq!(batches.recv().unwrap().len(), 4);
    let refused = queue.reserve(CLIENT, 1).map(drop);
    assert!(matches!(refused, Err(QueueError::Full { seconds: 1..=60 })));
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(running.await.unwrap().unwrap().len(), 8);
    assert!(queue.reserve(CLIENT, 8).is_ok());
}

#[tokio::test]
async fn an_empty_queue_takes_more_than_it_has_places_for() {
    let (queue, _batches, _go) = held(BATCHING);
    let places = queue.reserve(CLIENT, 100).unwrap();
    assert!(matches!(
        queue.reserve(CLIENT, 1).map(drop),
        Err(QueueError::Full { .. })
    ));
    drop(places);
    assert!(queue.reserve(CLIENT, 1).is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_queue() {
    let (queue, batches, go) = held(BATCHING);
    let first = submit(&queue, vec![1]).await;
    assert_eq!(batches.recv().unwrap(), [1]);
    let second = submit(&queue, vec![2, 3]).await;
    let third = submit(&queue, vec![4]).await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert_eq!(queue.shared.lock().places.taken(), 2);
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), [2]);
    assert_eq!(third.await.unwrap().unwrap(), [8]);
    assert_eq!(batches.try_iter().collect::<Vec<_>>(), [vec![4]]);
    assert_eq!(queue.shared.lock().places.taken(), 0);
}

#[tokio::test]
async fn a_closed_queue_finishes_what_it_holds() {
    let (queue, batches, go) = held(BATCHING);
    let running = submit(&queue, (0..6).collect()).await;
    let late = queue.reserve(CLIENT, 1).unwrap();
    assert_eq!(batches.recv().unwrap().len(), 4);
    go.send(()).unwrap();
    go.send(()).unwrap();
    tokio::task::spawn_blocking(move || drop(queue)).await.unwrap();
    assert_eq!(running.await.unwrap().unwrap().len(), 6);
    assert_eq!(late.run(vec![1]).await, Err(QueueError::Closed));
}

#[tokio::test]
async fn a_failed_or_panicking_batch_fails_its_items_alone() {
    let queue = Queue::start("failing", BATCHING, |items: Vec<u32>| match items[0] {
        0 => panic!("the model fell over"),
        1 => Err(Error::Cancelled),
        2 => Ok(vec![]),
        _ => Ok(items),
    })
    .unwrap();
    for item in [0, 1, 2] {
        let failed = queue.reserve(CLIENT, 1).unwrap().run(vec![item]).await;
        assert_eq!(failed, Err(QueueError::Failed));
    }
    assert_eq!(queue.reserve(CLIENT, 1).unwrap().run(vec![3]).await, Ok(vec![3]));
}

#[tokio::test]
async fn clients_take_turns_in_a_batch() {
    let (queue, batches, go) = held(Batching {
        places: 64,
        ..BATCHING
    });
    let first = submit(&queue, vec![0]).await;
    assert_eq!(batches.recv().unwrap(), [0]);
    let many = submit(&queue, (1..7).collect()).await;
    let few = queue.reserve(Client::Key(1), 2).unwrap();
    let few = tokio::spawn(few.run(vec![20, 21]));
    tokio::task::yield_now().await;
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    assert_eq!(first.await.unwrap().unwrap(), [0]);
    assert_eq!(few.await.unwrap().unwrap(), [40, 42]);
    assert_eq!(many.await.unwrap().unwrap(), [2, 4, 6, 8, 10, 12]);
    assert_eq!(
        batches.try_iter().collect::<Vec<_>>(),
        [vec![1, 2, 20, 21], vec![3, 4, 5, 6]]
    );
}

#[tokio::test]
async fn one_client_leaves_places_to_the_others() {
    let (queue, _batches, _go) = held(Batching {
        places: 64,
        ..BATCHING
    });
    let _most = queue.reserve(CLIENT, 48).unwrap();
    let refused = queue.reserve(CLIENT, 1).map(drop);
    assert!(matches!(refused, Err(QueueError::Full { .. })));
    assert!(queue.reserve(Client::Key(1), 4).is_ok());
}
