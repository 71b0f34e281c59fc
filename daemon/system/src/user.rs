//! The users of this system: the one who runs this program, and the names of the others.
//!
//! The local list is read first, because it is always there. The system is asked about other users,
//! since it knows directories in the network (LDAP and the like). A directory may not answer: the
//! wait for it is short, and it is not asked again while an answer is overdue.

/// Returns the user who runs this program; `None` where users have no numbers.
pub fn own() -> Option<u32> {
    #[cfg(unix)]
    return Some(rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    None
}

/// The superuser, who can do everything anyway.
pub const ROOT: u32 = 0;

/// Returns a user's name where the system knows it, or `user` and the number.
pub fn called(id: u32) -> String {
    name(id).unwrap_or_else(|| format!("user {id}"))
}

/// Returns a user's name, from the local list or the system.
pub fn name(id: u32) -> Option<String> {
    let local = entries(USERS).into_iter().find(|entry| entry.id == id).map(|entry| entry.name);
    local.or_else(|| directory::name(id))
}

/// Returns the number of a user given by number or by name.
pub fn id(named: &str) -> Option<u32> {
    let local = || entries(USERS).iter().find(|entry| entry.name == named).map(|entry| entry.id);
    named.parse().ok().or_else(local).or_else(|| directory::id(named))
}

const USERS: &str = "/etc/passwd";

/// A line of the list of users, or of the list of groups: both begin alike.
struct UserLine {
    name: String,
    id: u32,
    /// The user's group, or the group's members.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only the systems that have it have groups"))]
    rest: String,
}

fn entries(list: &str) -> Vec<UserLine> {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some(UserLine { name, id, rest: fields.next().unwrap_or_default().to_owned() })
    };
    text.lines().filter_map(entry).collect()
}

/// Returns whether a group has no member but this user. Many systems give each user such a group,
/// and let it write to the user's files.
///
/// Only the local lists count: a directory in the network does not say who else has the group as
/// their own, so a user or group of the network is never known to be alone.
#[cfg(unix)]
pub(crate) fn is_alone_in(group: u32, user: u32) -> bool {
    let users = entries(USERS);
    let Some(name) = users.iter().find(|entry| entry.id == user).map(|entry| &entry.name) else {
        return false;
    };
    let groups = entries("/etc/group");
    let mut of_it = groups.iter().filter(|entry| entry.id == group).peekable();
    // A group that is not in the list may have any members.
    of_it.peek().is_some()
        && of_it.all(|entry| entry.rest.split(',').all(|one| one.is_empty() || one == name))
        && users.iter().all(|entry| entry.id == user || entry.rest.parse() != Ok(group))
}

/// The users that the system knows beside the local list.
#[cfg(unix)]
mod directory {
    use nix::unistd::{Uid, User};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    /// The longest wait for an answer. It is short, because connections wait for it.
    const ANSWER_TIME: Duration = Duration::from_secs(1);

    pub(super) fn name(id: u32) -> Option<String> {
        let ask = move || User::from_uid(Uid::from_raw(id)).ok().flatten();
        SYSTEM.ask(ANSWER_TIME, ask).map(|user| user.name)
    }

    pub(super) fn id(named: &str) -> Option<u32> {
        let named = named.to_owned();
        let ask = move || User::from_name(&named).ok().flatten();
        SYSTEM.ask(ANSWER_TIME, ask).map(|user| user.uid.as_raw())
    }

    static SYSTEM: std::sync::LazyLock<Directory> = std::sync::LazyLock::new(Directory::default);

    /// A source that is asked on a thread of its own, because it may never answer.
    #[derive(Default)]
    pub(super) struct Directory {
        /// The number of questions whose answers nobody waits for any more.
        overdue: Arc<AtomicUsize>,
    }

    impl Directory {
        /// Asks, unless an answer is overdue. Also returns `None` if no answer comes within `time`.
        pub(super) fn ask<T: Send + 'static>(
            &self,
            time: Duration,
            question: impl FnOnce() -> Option<T> + Send + 'static,
        ) -> Option<T> {
            if self.overdue.load(Ordering::Acquire) > 0 {
                return None;
            }
            let overdue = Arc::clone(&self.overdue);
            let (sender, answers) = mpsc::sync_channel(0);
            let work = move || {
                let answer = catch_unwind(AssertUnwindSafe(question)).ok().flatten();
                // The asking thread counted this answer as overdue before it gave up the other end.
                if sender.send(answer).is_err() {
                    overdue.fetch_sub(1, Ordering::AcqRel);
                }
            };
            std::thread::Builder::new().name("user-lookup".to_owned()).spawn(work).ok()?;
            let answer = answers.recv_timeout(time);
            if matches!(answer, Err(mpsc::RecvTimeoutError::Timeout)) {
                self.overdue.fetch_add(1, Ordering::AcqRel);
            }
            answer.ok().flatten()
        }
    }
}

#[cfg(not(unix))]
mod directory {
    pub(super) fn name(_: u32) -> Option<String> {
        None
    }

    pub(super) fn id(_: &str) -> Option<u32> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    #[test]
    fn users_go_by_name_and_number() {
        assert_eq!(id("4000111222"), Some(4_000_111_222));
        assert_eq!(called(4_000_111_222), "user 4000111222");
        assert_eq!(id("a user nobody has"), None);
        assert_eq!(id("no\0name"), None);
        assert!(!is_alone_in(4_000_111_222, 4_000_111_222), "a group that is not known");
        if let Some(name) = name(ROOT) {
            assert_eq!(id(&name), Some(ROOT));
        }
    }

    #[test]
    fn the_system_knows_whom_the_local_list_has() {
        for user in entries(USERS).into_iter().take(3) {
            assert!(directory::id(&user.name).is_some() && directory::name(user.id).is_some());
        }
    }

    #[test]
    fn a_directory_that_does_not_answer_is_waited_for_once() {
        let directory = directory::Directory::default();
        let (release, held) = mpsc::channel::<()>();
        let never = move || held.recv().ok().map(|()| 1);
        let start = Instant::now();
        assert_eq!(directory.ask(Duration::from_millis(50), never), None);
        assert_eq!(directory.ask(Duration::from_secs(60), || Some(2)), None, "one is overdue");
        assert!(start.elapsed() < Duration::from_secs(30));
        release.send(()).expect("it waits");
        let limit = Instant::now() + Duration::from_secs(30);
        while directory.ask(Duration::from_secs(60), || Some(3)) != Some(3) {
            assert!(Instant::now() < limit, "it is asked again when the answer has come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_question_that_panics_has_no_answer() {
        let directory = directory::Directory::default();
        let ask = || -> Option<u8> { panic!("a fault in a library of the system") };
        assert_eq!(directory.ask(Duration::from_secs(60), ask), None);
        assert_eq!(directory.ask(Duration::from_secs(60), || Some(3)), Some(3));
    }
}
