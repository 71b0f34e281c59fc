//! The user at the other end of a connection, and whether they are admitted.

use super::Stream;
use contactbox_system::socket;
use contactbox_system::user;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A user at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPeer {
    /// The number of the user; `None` where the system tells none.
    pub id: Option<u32>,
    /// The name of the user, or the number in words. Changes bear it as their author.
    pub user: String,
    /// True for the daemon's own user and for root, who can do everything anyway.
    pub is_owner: bool,
}

/// The users who are admitted: the daemon's own, root, and those listed.
#[derive(Debug)]
pub struct PeerPolicy {
    users: Vec<String>,
    own: Option<u32>,
    listed: Mutex<UserIds>,
}

/// The numbers of the listed users.
#[derive(Debug)]
struct UserIds {
    /// The known numbers with their names, kept so that a user who connects often is looked up
    /// once.
    ids: BTreeMap<u32, String>,
    /// The names that the system does not know yet.
    unknown: Vec<String>,
    looked_up: Instant,
}

/// The shortest time between two searches for the listed users that were unknown. A search reads a
/// file and may ask a directory in the network, and anybody can make the daemon do it.
const LOOKUP_TIME: Duration = Duration::from_secs(1);

impl PeerPolicy {
    /// Admits the daemon's own user, root, and `users` by name or number.
    pub fn new(users: Vec<String>) -> Self {
        let unknown = users.clone();
        let mut listed = UserIds { ids: BTreeMap::new(), unknown, looked_up: Instant::now() };
        listed.look_up();
        for name in &listed.unknown {
            tracing::warn!(
                name,
                "a listed user is not in the system's list of users; give the user's number if that list is elsewhere"
            );
        }
        if user::own().is_none() && !users.is_empty() {
            tracing::warn!("the system decides who may open the pipe; --users has no effect");
        }
        Self { users, own: user::own(), listed: Mutex::new(listed) }
    }

    /// Returns whether no other user is listed.
    pub fn is_owner_only(&self) -> bool {
        self.users.is_empty()
    }

    /// Returns how many other users are listed.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// Returns the numbers of the listed users in ascending order; `None` if one of them is
    /// unknown.
    pub fn listed(&self) -> Option<Vec<u32>> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.unknown.is_empty().then(|| listed.ids.keys().copied().collect())
    }

    /// Returns the user at the other end; `Ok(Err(id))` for one who is not admitted. A refusal
    /// costs little.
    pub fn admit(&self, stream: &Stream) -> io::Result<Result<SocketPeer, u32>> {
        Ok(self.classify(socket::peer(stream)?))
    }

    fn classify(&self, id: Option<u32>) -> Result<SocketPeer, u32> {
        let Some(id) = id else {
            // On Windows a pipe does not tell its user here. By the system's own rule, only the
            // user who made it and the administrators can open it for writing.
            let user = std::env::var("USERNAME").unwrap_or_else(|_| "unknown".to_owned());
            return Ok(SocketPeer { id: None, user, is_owner: true });
        };
        if self.own == Some(id) || id == user::ROOT {
            return Ok(SocketPeer { id: Some(id), user: user::called(id), is_owner: true });
        }
        let user = self.listed_user(id).ok_or(id)?;
        Ok(SocketPeer { id: Some(id), user, is_owner: false })
    }

    fn listed_user(&self, id: u32) -> Option<String> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if !listed.unknown.is_empty() && listed.looked_up.elapsed() > LOOKUP_TIME {
            listed.look_up();
        }
        listed.ids.get(&id).cloned()
    }
}

impl UserIds {
    fn look_up(&mut self) {
        let Self { ids, unknown, looked_up } = self;
        unknown.retain(|name| match user::id(name) {
            Some(id) => {
                ids.insert(id, user::called(id));
                false
            }
            None => true,
        });
        *looked_up = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(users: &[&str]) -> PeerPolicy {
        let users = users.iter().map(|&user| user.to_owned()).collect();
        PeerPolicy { own: Some(7001), ..PeerPolicy::new(users) }
    }

    #[test]
    fn strangers_stay_outside() {
        let own = policy(&[]);
        let user = "user 7001".to_owned();
        assert_eq!(
            own.classify(Some(7001)),
            Ok(SocketPeer { id: Some(7001), user, is_owner: true })
        );
        assert_eq!(own.classify(Some(7002)), Err(7002));
        let listed = policy(&["7002", "nobody the system knows"]);
        assert!(listed.classify(Some(7002)).is_ok_and(|peer| !peer.is_owner));
        assert!(listed.classify(Some(7003)).is_err());
    }

    #[test]
    fn root_and_who_the_system_does_not_name_may_do_all() {
        for users in [&[][..], &["7002"]] {
            let policy = policy(users);
            assert!(policy.classify(Some(user::ROOT)).is_ok_and(|peer| peer.is_owner));
            // On Windows, a list of users must not leave the daemon without anybody who may stop
            // it.
            assert!(policy.classify(None).is_ok_and(|peer| peer.is_owner));
        }
    }
}
