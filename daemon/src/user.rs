//! The users of this system: the one who runs this program, and the names of the others.

/// Returns the user who runs this program; `None` where users have no numbers.
pub fn own() -> Option<u32> {
    #[cfg(unix)]
    return Some(rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    None
}

/// The superuser, who can do everything anyway.
pub const ROOT: u32 = 0;

/// Returns a user's name from the system's list, or `user` and the number.
pub fn called(id: u32) -> String {
    name(id).unwrap_or_else(|| format!("user {id}"))
}

/// Returns a user's name from the system's list of local users.
pub fn name(id: u32) -> Option<String> {
    entries(USERS).iter().find(|entry| entry.id == id).map(|entry| entry.name.clone())
}

/// Returns the number of a user given by number or by name.
pub fn id(named: &str) -> Option<u32> {
    let by_name = || entries(USERS).iter().find(|entry| entry.name == named).map(|entry| entry.id);
    named.parse().ok().or_else(by_name)
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn users_go_by_name_and_number() {
        assert_eq!(id("4000111222"), Some(4_000_111_222));
        assert_eq!(called(4_000_111_222), "user 4000111222");
        assert_eq!(id("a user nobody has"), None);
        assert!(!is_alone_in(4_000_111_222, 4_000_111_222), "a group that is not known");
        if let Some(name) = name(ROOT) {
            assert_eq!(id(&name), Some(ROOT));
        }
    }
}
