//! The table of open connections: how many each client has, which are idle, and which must make room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::{counter, gauge};
use tokio::sync::Notify;

use crate::client::Client;
use crate::fair_limit::FairCounter;

/// Connections of the lane for probes that may be open at a time; the oldest makes room for a new one.
const PROBE_LANE: usize = 64;

/// The endpoints that a connection may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Every endpoint.
    All,
    /// Probes alone.
    Probes,
}

/// The connections that are open.
#[derive(Clone)]
pub(super) struct Connections(Arc<Mutex<Table>>);

struct Table {
    counter: FairCounter,
    open: HashMap<u64, Entry>,
    next: u64,
    /// A client that has more than these makes room among its own connections.
    few: usize,
}

struct Entry {
    client: Client,
    lane: Lane,
    /// The time since when no request is in progress; `None` while one is.
    idle_since: Option<Instant>,
    close: Arc<Notify>,
}

impl Connections {
    /// A table for `most` connections, of which one client has at most `per_client`.
    pub fn new(most: usize, per_client: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            counter: FairCounter::new(most, per_client),
            open: HashMap::new(),
            next: 0,
            few: most / 16,
        })))
    }

    /// Gives a new connection of `client` its place.
    pub fn admit(&self, client: Client) -> Place {
        let mut table = self.lock();
        let mut fits = table.counter.try_take(client, 1);
        if !fits && table.make_room_for(client) {
            fits = table.counter.try_take(client, 1);
        }
        let lane = match fits {
            true => Lane::All,
            false => Lane::Probes,
        };
        if lane == Lane::Probes {
            table.make_room_in_probe_lane();
        }
        table.next += 1;
        let id = table.next;
        let close = Arc::new(Notify::new());
        let entry = Entry {
            client,
            lane,
            idle_since: Some(Instant::now()),
            close: close.clone(),
        };
        table.open.insert(id, entry);
        table.publish();
        Place {
            connections: self.clone(),
            id,
            lane,
            close,
        }
    }

    /// Closes the connection that has been idle the longest, if one is.
    pub fn close_an_idle_one(&self) -> bool {
        let mut table = self.lock();
        let idlest = table.idlest(|_| true);
        if let Some(id) = idlest {
            table.close(id);
        }
        idlest.is_some()
    }

    /// Nothing that could panic runs under the lock, so a poisoned one holds sound state.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Closes an idle connection for a new one of `client`: one of its own where it has many, else one of the
    /// client that has the most.
    fn make_room_for(&mut self, client: Client) -> bool {
        let (own, most) = (self.counter.taken_by(client), self.counter.most());
        let victim = self.idlest(|entry| {
            entry.lane == Lane::All
                && match own > self.few {
                    true => entry.client == client,
                    false => self.counter.taken_by(entry.client) == most,
                }
        });
        if let Some(id) = victim {
            self.close(id);
        }
        victim.is_some()
    }

    fn make_room_in_probe_lane(&mut self) {
        let lane = self.open.iter().filter(|(_, entry)| entry.lane == Lane::Probes);
        let (count, oldest) = lane.fold((0, u64::MAX), |(count, oldest), (&id, _)| {
            (count + 1, oldest.min(id))
        });
        if count >= PROBE_LANE {
            self.close(oldest);
        }
    }

    /// The connection that has been idle the longest of those that fit.
    fn idlest(&self, fits: impl Fn(&Entry) -> bool) -> Option<u64> {
        let idle = self.open.iter().filter(|(_, entry)| fits(entry));
        let idle = idle.filter_map(|(&id, entry)| Some((entry.idle_since?, id)));
        idle.min().map(|(_, id)| id)
    }

    /// Tells a connection to close; its place is free at once.
    fn close(&mut self, id: u64) {
        if let Some(entry) = self.remove(id) {
            entry.close.notify_one();
            counter!("cliplet_connections_closed_total").increment(1);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        if entry.lane == Lane::All {
            self.counter.give_back(entry.client, 1);
        }
        self.publish();
        Some(entry)
    }

    fn publish(&self) {
        gauge!("cliplet_connections").set(self.open.len() as f64);
    }
}

/// The place of an open connection, which is free when this is dropped.
pub(super) struct Place {
    connections: Connections,
    id: u64,
    lane: Lane,
    close: Arc<Notify>,
}

impl Place {
    /// The endpoints that the connection may use.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Waits until the connection must make room for another.
    pub async fn told_to_close(&self) {
        self.close.notified().await;
    }

    /// Marks the connection as busy until the guard is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.set_idle_since(None);
        Busy(self.clone())
    }

    fn set_idle_since(&self, since: Option<Instant>) {
        if let Some(entry) = self.connections.lock().open.get_mut(&self.id) {
            entry.idle_since = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(self.id);
    }
}

/// A request in progress on a connection.
pub(super) struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle_since(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(place: &Arc<Place>) -> bool {
        let open = place.connections.lock();
        !open.open.contains_key(&place.id)
    }

    fn admit(connections: &Connections, client: usize) -> Arc<Place> {
        Arc::new(connections.admit(Client::Key(client)))
    }

    #[test]
    fn an_idle_connection_makes_room_and_a_busy_one_does_not() {
        let connections = Connections::new(2, 2);
        let (first, second) = (admit(&connections, 1), admit(&connections, 1));
        let busy = first.busy();
        let third = admit(&connections, 1);
        assert_eq!(third.lane(), Lane::All);
        assert!(closed(&second) && !closed(&first));
        let also = third.busy();
        let fourth = admit(&connections, 1);
        assert_eq!(fourth.lane(), Lane::Probes);
        drop((busy, also));
        assert_eq!(admit(&connections, 1).lane(), Lane::All);
    }

    #[test]
    fn a_client_with_many_connections_makes_room_among_its_own() {
        let connections = Connections::new(64, 40);
        let polite = admit(&connections, 1);
        let flood: Vec<_> = (0..60).map(|_| admit(&connections, 2)).collect();
        assert!(!closed(&polite));
        assert_eq!(flood.iter().filter(|place| !closed(place)).count(), 40);
        assert!(flood.iter().all(|place| place.lane() == Lane::All));
        // A new client finds a place though the flood holds all that it may.
        assert_eq!(admit(&connections, 3).lane(), Lane::All);
    }

    #[test]
    fn the_lane_for_probes_always_takes_one_more() {
        let connections = Connections::new(1, 1);
        let first = admit(&connections, 1);
        let _busy = first.busy();
        let probes: Vec<_> = (0..3 * PROBE_LANE).map(|_| admit(&connections, 2)).collect();
        assert!(probes.iter().all(|place| place.lane() == Lane::Probes));
        assert!(!closed(probes.last().unwrap()) && closed(&probes[0]));
        assert_eq!(connections.lock().open.len(), 1 + PROBE_LANE);
        drop(probes);
        assert_eq!(connections.lock().open.len(), 1);
    }
}
