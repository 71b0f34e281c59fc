//! Who is at the other end, and whether they may come in.

use super::Stream;
use std::io;

/// Somebody at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user, by name where the system tells it: what changes are signed with.
    pub user: String,
    /// Whether it is the daemon's own user.
    pub is_owner: bool,
}

/// Who may come in: the daemon's own user, and those listed.
#[derive(Clone, Debug)]
pub struct PeerPolicy {
    users: Vec<String>,
    own: Option<u32>,
}

impl PeerPolicy {
    /// The daemon's own user, and `users` by name or number.
    pub fn new(users: Vec<String>) -> Self {
        #[cfg(unix)]
        let own = Some(rustix::process::geteuid().as_raw());
        #[cfg(not(unix))]
        let own = None;
        Self { users, own }
    }

    /// Whether nobody else is listed.
    pub fn is_owner_only(&self) -> bool {
        self.users.is_empty()
    }

    /// Who is at the other end. `Ok(Err(user))` for somebody who may not come in.
    pub fn admit(&self, stream: &Stream) -> io::Result<Result<Peer, String>> {
        Ok(self.judge(user_id(stream)?))
    }

    fn judge(&self, id: Option<u32>) -> Result<Peer, String> {
        let Some(id) = id else {
            // A pipe on Windows tells no user here; who may open it is the system's to say.
            let user = std::env::var("USERNAME").unwrap_or_else(|_| "unknown".to_owned());
            return Ok(Peer { user, is_owner: self.is_owner_only() });
        };
        let user = user_name(id).unwrap_or_else(|| format!("user {id}"));
        let is_listed = || self.users.iter().any(|one| *one == user || *one == id.to_string());
        let is_owner = self.own == Some(id);
        if is_owner || is_listed() { Ok(Peer { user, is_owner }) } else { Err(user) }
    }
}

#[cfg(unix)]
fn user_id(stream: &Stream) -> io::Result<Option<u32>> {
    use interprocess::local_socket::traits::StreamCommon;
    match stream.peer_creds()?.euid() {
        Some(id) => Ok(Some(id)),
        None => Err(io::Error::other("the system does not tell who connects")),
    }
}

#[cfg(not(unix))]
fn user_id(_: &Stream) -> io::Result<Option<u32>> {
    Ok(None)
}

/// The name of a user, out of the system's list of local users.
fn user_name(id: u32) -> Option<String> {
    let list = std::fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_stay_outside() {
        let own = PeerPolicy { users: vec![], own: Some(7001) };
        assert_eq!(own.judge(Some(7001)), Ok(Peer { user: "user 7001".into(), is_owner: true }));
        assert_eq!(own.judge(Some(7002)), Err("user 7002".into()));
        let listed = PeerPolicy { users: vec!["7002".into()], own: Some(7001) };
        assert!(listed.judge(Some(7002)).is_ok_and(|peer| !peer.is_owner));
        assert!(listed.judge(Some(7003)).is_err());
    }
}
