//! Shares out places: some for each user, and one more that is kept for the owner, who can always
//! say stop.

use crate::socket::SocketPeer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of a daemon.
pub struct Seats {
    /// All users together, without the owner's last.
    all_max: usize,
    /// All but the owner together.
    guests_max: usize,
    /// One of those.
    guest_max: usize,
    taken: Mutex<PlacesTaken>,
}

#[derive(Default)]
struct PlacesTaken {
    owner: usize,
    guests: BTreeMap<Option<u32>, usize>,
    is_last: bool,
}

/// A place; it is free again when this is dropped.
pub struct ConnectionPlace {
    seats: Arc<Seats>,
    whose: PlaceOwner,
}

enum PlaceOwner {
    Owner,
    Guest(Option<u32>),
    Last,
}

impl Seats {
    /// `connections` places for the owner and `users` others. A quarter is the owner's alone; the
    /// others share the rest, so that none of them can keep another out.
    pub fn new(connections: usize, users: usize) -> Arc<Self> {
        let guests_max = connections.saturating_sub((connections / 4).max(1)).max(1);
        let guest_max = (guests_max / users.max(1)).max(1);
        let taken = Mutex::new(PlacesTaken::default());
        Arc::new(Self { all_max: connections, guests_max, guest_max, taken })
    }

    /// A place for `peer`; else how many there are for such a user, all of them taken.
    pub fn take(self: &Arc<Self>, peer: &SocketPeer) -> Result<ConnectionPlace, usize> {
        let mut taken = self.taken();
        let guests: usize = taken.guests.values().sum();
        let is_full = taken.owner + guests >= self.all_max;
        let whose = match peer.is_owner {
            true if !is_full => {
                taken.owner += 1;
                PlaceOwner::Owner
            }
            true if !taken.is_last => {
                taken.is_last = true;
                PlaceOwner::Last
            }
            true => return Err(self.all_max),
            false if is_full || guests >= self.guests_max => return Err(self.guests_max),
            false => {
                let mine = taken.guests.entry(peer.id).or_default();
                if *mine >= self.guest_max {
                    return Err(self.guest_max);
                }
                *mine += 1;
                PlaceOwner::Guest(peer.id)
            }
        };
        drop(taken);
        Ok(ConnectionPlace { seats: self.clone(), whose })
    }

    fn taken(&self) -> MutexGuard<'_, PlacesTaken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPlace {
    /// Returns whether it is the last one, in which the owner only says stop and asks how the box
    /// is doing.
    pub fn is_last(&self) -> bool {
        matches!(self.whose, PlaceOwner::Last)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match self.whose {
            PlaceOwner::Owner => taken.owner = taken.owner.saturating_sub(1),
            PlaceOwner::Last => taken.is_last = false,
            PlaceOwner::Guest(id) => {
                let left = taken.guests.remove(&id).unwrap_or_default().saturating_sub(1);
                if left > 0 {
                    taken.guests.insert(id, left);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(id: u32) -> SocketPeer {
        SocketPeer { id: Some(id), user: format!("user {id}"), is_owner: false }
    }

    fn owner() -> SocketPeer {
        SocketPeer { is_owner: true, ..guest(7000) }
    }

    fn taken_by(seats: &Arc<Seats>, peer: &SocketPeer) -> Vec<ConnectionPlace> {
        std::iter::from_fn(|| seats.take(peer).ok()).take(1000).collect()
    }

    #[test]
    fn b10_a_guest_takes_its_own_share_and_no_more() {
        let seats = Seats::new(256, 2);
        let first = taken_by(&seats, &guest(1));
        assert_eq!(first.len(), 96);
        assert_eq!(seats.take(&guest(1)).err(), Some(96));
        let second = taken_by(&seats, &guest(2));
        assert_eq!(second.len(), 96, "the other has as many");
        assert!(taken_by(&seats, &guest(3)).is_empty(), "there are no more for all of them");
        let mine = taken_by(&seats, &owner());
        assert_eq!(mine.len(), 64 + 1);
        assert_eq!(mine.iter().filter(|seat| seat.is_last()).count(), 1);
        drop(first);
        assert!(taken_by(&seats, &owner()).len() == 96, "the last one is taken");
        drop(mine);
        drop(second);
        let again = taken_by(&seats, &guest(2));
        assert_eq!(again.len(), 96);
        drop(again);
        assert!(seats.taken().guests.is_empty(), "nobody is remembered");
    }

    #[test]
    fn b10_few_places_are_shared_too() {
        for connections in 1..10 {
            for users in 0..10 {
                let seats = Seats::new(connections, users);
                let guests: Vec<_> =
                    (0..users as u32).map(|id| taken_by(&seats, &guest(id))).collect();
                let sum: usize = guests.iter().map(Vec::len).sum();
                assert!(sum <= connections, "{connections} {users}");
                assert!(seats.take(&owner()).is_ok(), "{connections} {users}");
                assert_eq!(taken_by(&seats, &owner()).len(), connections - sum + 1);
            }
        }
    }
}
