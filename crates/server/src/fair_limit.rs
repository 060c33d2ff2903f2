//! A limit that many clients share without any of them being able to use it up.
//!
//! One client takes at most its own maximum, and the last quarter of the whole is left to clients that
//! hold little (a sixteenth at most): whoever floods a server leaves a place for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::Client;

/// The units of a limit that are taken, in all and by each client.
#[derive(Debug)]
pub(crate) struct FairCounter {
    capacity: usize,
    per_client: usize,
    taken: usize,
    by_client: HashMap<Client, usize>,
}

impl FairCounter {
    /// A limit of `capacity` units, of which one client takes at most `per_client`.
    pub fn new(capacity: usize, per_client: usize) -> Self {
        Self {
            capacity,
            per_client,
            taken: 0,
            by_client: HashMap::new(),
        }
    }

    /// The units taken by all clients.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// The units taken by one client.
    pub fn taken_by(&self, client: Client) -> usize {
        self.by_client.get(&client).copied().unwrap_or(0)
    }

    /// The units taken by the client that has the most.
    pub fn most(&self) -> usize {
        self.by_client.values().copied().max().unwrap_or(0)
    }

    /// Takes `amount` units for `client` if that leaves the others their share.
    pub fn try_take(&mut self, client: Client, amount: usize) -> bool {
        let own = self.taken_by(client).saturating_add(amount);
        let all = self.taken.saturating_add(amount);
        // Less than sixteen units cannot be shared out in sixteenths.
        let open_to_client = match own <= self.capacity / 16 || self.capacity < 16 {
            true => self.capacity,
            false => self.capacity - self.capacity / 4,
        };
        let fits = own <= self.per_client && all <= open_to_client;
        if fits {
            self.take(client, amount);
        }
        fits
    }

    /// Takes `amount` units for `client`, whatever the limit.
    pub fn take(&mut self, client: Client, amount: usize) {
        self.taken += amount;
        *self.by_client.entry(client).or_default() += amount;
    }

    /// Gives `amount` units of `client` back.
    pub fn give_back(&mut self, client: Client, amount: usize) {
        self.taken -= amount;
        if let Some(own) = self.by_client.get_mut(&client) {
            *own -= amount;
            if *own == 0 {
                self.by_client.remove(&client);
            }
        }
    }
}

/// A [`FairCounter`] that requests share.
#[derive(Debug, Clone)]
pub(crate) struct FairLimit(Arc<Mutex<FairCounter>>);

impl FairLimit {
    /// A limit of `capacity` units, of which one client takes at most `per_client`.
    pub fn new(capacity: usize, per_client: usize) -> Self {
        Self(Arc::new(Mutex::new(FairCounter::new(capacity, per_client))))
    }

    /// Takes `amount` units for `client`, or none.
    pub fn try_acquire(&self, client: Client, amount: usize) -> Option<FairPermit> {
        let mut permit = FairPermit {
            limit: self.clone(),
            client,
            amount: 0,
        };
        permit.try_grow(amount).then_some(permit)
    }

    fn with<R>(&self, change: impl FnOnce(&mut FairCounter) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Units that are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct FairPermit {
    limit: FairLimit,
    client: Client,
    amount: usize,
}

impl FairPermit {
    /// Takes `more` units; the permit stays as it is where they are not to be had.
    pub fn try_grow(&mut self, more: usize) -> bool {
        let grown = self.limit.with(|counter| counter.try_take(self.client, more));
        self.amount += if grown { more } else { 0 };
        grown
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        self.limit
            .with(|counter| counter.give_back(self.client, self.amount));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_a_quarter_to_those_that_hold_little() {
        let limit = FairLimit::new(64, 64);
        let [greedy, other, third] = [1, 2, 3].map(Client::Key);
        let all = limit.try_acquire(greedy, 48).unwrap();
        assert!(limit.try_acquire(greedy, 1).is_none());
        assert!(limit.try_acquire(other, 5).is_none(), "more than a sixteenth");
        let mut little = limit.try_acquire(other, 3).unwrap();
        assert!(little.try_grow(1) && !little.try_grow(1));
        let last = (0..3).map(|_| limit.try_acquire(third, 4)).collect::<Vec<_>>();
        assert_eq!(
            last.iter().flatten().count(),
            1,
            "a third client has a sixteenth too"
        );
        drop((all, little, last));
        assert_eq!(limit.with(|counter| counter.taken()), 0);
        assert!(limit.with(|counter| counter.by_client.is_empty()));
    }

    #[test]
    fn one_client_has_a_maximum_of_its_own() {
        let limit = FairLimit::new(100, 10);
        assert!(limit.try_acquire(Client::Key(1), 11).is_none());
        let _ten = limit.try_acquire(Client::Key(1), 10).unwrap();
        assert!(limit.try_acquire(Client::Key(1), 1).is_none());
        assert!(limit.try_acquire(Client::Key(2), 10).is_some());
    }

    #[test]
    fn a_limit_of_one_is_for_whoever_comes_first() {
        let limit = FairLimit::new(1, 1);
        let one = limit.try_acquire(Client::Key(1), 1).unwrap();
        assert!(limit.try_acquire(Client::Key(2), 1).is_none());
        drop(one);
        assert!(limit.try_acquire(Client::Key(2), 1).is_some());
    }
}
