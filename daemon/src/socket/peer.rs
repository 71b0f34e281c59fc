//! Who is at the other end, and whether they may come in.

use super::{Stream, reach};
use crate::user;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Somebody at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPeer {
    /// The user's number; `None` where the system tells none.
    pub id: Option<u32>,
    /// The user, by name where the system tells it: what changes are signed with.
    pub user: String,
    /// Whether it is the daemon's own user, or root, who may do everything anyway.
    pub is_owner: bool,
}

/// Who may come in: the daemon's own user, root, and those listed.
#[derive(Debug)]
pub struct PeerPolicy {
    users: Vec<String>,
    own: Option<u32>,
    listed: Mutex<UserIds>,
}

/// The listed users' numbers.
#[derive(Debug)]
struct UserIds {
    /// With their names: whoever comes and goes all the time is not looked up each time.
    ids: BTreeMap<u32, String>,
    /// Names that the system does not know yet.
    unknown: Vec<String>,
    looked: Instant,
}

/// How often it is looked whether the system knows a listed user by now: the list of users is a
/// file, and anybody can make the daemon look.
const LOOK_TIME: Duration = Duration::from_secs(1);

impl PeerPolicy {
    /// The daemon's own user, and `users` by name or number.
    pub fn new(users: Vec<String>) -> Self {
        let unknown = users.clone();
        let mut listed = UserIds { ids: BTreeMap::new(), unknown, looked: Instant::now() };
        listed.look();
        for name in &listed.unknown {
            tracing::warn!(
                name,
                "a user who may connect is not in the system's list of users; name them by number if the list is elsewhere"
            );
        }
        if user::own().is_none() && !users.is_empty() {
            tracing::warn!(
                "who may open the pipe is the system's to say; --users is without effect"
            );
        }
        Self { users, own: user::own(), listed: Mutex::new(listed) }
    }

    /// Whether nobody else is listed.
    pub fn is_owner_only(&self) -> bool {
        self.users.is_empty()
    }

    /// How many others are listed.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// The numbers of the others that are listed, in their order; `None` when not all are known.
    pub fn listed(&self) -> Option<Vec<u32>> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.unknown.is_empty().then(|| listed.ids.keys().copied().collect())
    }

    /// Who is at the other end. `Ok(Err(id))` for somebody who may not come in; that costs little.
    pub fn admit(&self, stream: &Stream) -> io::Result<Result<SocketPeer, u32>> {
        Ok(self.judge(reach::peer(stream)?))
    }

    fn judge(&self, id: Option<u32>) -> Result<SocketPeer, u32> {
        let Some(id) = id else {
            // A pipe on Windows tells no user here. By the system's own rule only who made it, and
            // who administers the machine, may open it for writing.
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
        if !listed.unknown.is_empty() && listed.looked.elapsed() > LOOK_TIME {
            listed.look();
        }
        listed.ids.get(&id).cloned()
    }
}

impl UserIds {
    fn look(&mut self) {
        let Self { ids, unknown, looked } = self;
        unknown.retain(|name| match user::id(name) {
            Some(id) => {
                ids.insert(id, user::called(id));
                false
            }
            None => true,
        });
        *looked = Instant::now();
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
        assert_eq!(own.judge(Some(7001)), Ok(SocketPeer { id: Some(7001), user, is_owner: true }));
        assert_eq!(own.judge(Some(7002)), Err(7002));
        let listed = policy(&["7002", "nobody the system knows"]);
        assert!(listed.judge(Some(7002)).is_ok_and(|peer| !peer.is_owner));
        assert!(listed.judge(Some(7003)).is_err());
    }

    #[test]
    fn root_and_who_the_system_does_not_name_may_do_all() {
        for users in [&[][..], &["7002"]] {
            let policy = policy(users);
            assert!(policy.judge(Some(user::ROOT)).is_ok_and(|peer| peer.is_owner));
            // On Windows: with users listed nobody could stop the daemon.
            assert!(policy.judge(None).is_ok_and(|peer| peer.is_owner));
        }
    }
}
