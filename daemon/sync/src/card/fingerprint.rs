//! Tells whether there is a card in a folder, and whether it is still the same with the same on it.

use super::watcher::is_ours;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::SystemTime;

/// Folders in which systems mount what is put in. A folder right in one of them that is no mount
/// and has nothing in it is a place for a card, not a card.
#[cfg(unix)]
const MOUNT_FOLDERS: [&str; 4] = ["/media", "/run/media", "/mnt", "/Volumes"];

/// The look of a card from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFingerprint {
    /// Device and number of the folder, where the system has such.
    card: (u64, u64),
    /// Length and time of the snapshots.
    files: BTreeMap<String, (u64, Option<SystemTime>)>,
}

impl CardFingerprint {
    /// Returns whether it is the same card, whatever is on it by now.
    pub fn is_same_card(&self, other: &Self) -> bool {
        self.card == other.card
    }
}

/// The state of a folder in which cards come and go.
#[derive(Default)]
pub struct MountProbe {
    /// It was a mount at some time: without one there is no card.
    is_mount: bool,
}

impl MountProbe {
    /// The card in a folder, if there is one.
    pub fn of(&mut self, folder: &Path) -> Option<CardFingerprint> {
        let told = fs::metadata(folder).ok().filter(Metadata::is_dir)?;
        let is_mount = is_mount(folder, &told);
        self.is_mount |= is_mount;
        if self.is_mount && !is_mount {
            return None;
        }
        if !is_mount && is_place_for_mounts(folder) && fs::read_dir(folder).ok()?.next().is_none() {
            return None;
        }
        look(folder, &told)
    }

    /// The look of a folder that has a card in it.
    pub fn now(folder: &Path) -> Option<CardFingerprint> {
        look(folder, &fs::metadata(folder).ok()?)
    }
}

fn look(folder: &Path, told: &Metadata) -> Option<CardFingerprint> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_ours(&name)
            && let Ok(told) = entry.metadata()
        {
            files.insert(name, (told.len(), told.modified().ok()));
        }
    }
    Some(CardFingerprint { card: identity(told), files })
}

#[cfg(unix)]
fn identity(told: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (told.dev(), told.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
fn is_mount(folder: &Path, told: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let above = fs::canonicalize(folder).ok().and_then(|folder| {
        let above = folder.parent()?;
        fs::metadata(above).ok()
    });
    above.is_some_and(|above| above.dev() != told.dev())
}

#[cfg(not(unix))]
fn is_mount(_: &Path, _: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn is_place_for_mounts(folder: &Path) -> bool {
    MOUNT_FOLDERS.iter().any(|above| folder != Path::new(above) && folder.starts_with(above))
}

#[cfg(not(unix))]
fn is_place_for_mounts(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_files() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("card");
        let mut sight = MountProbe::default();
        assert_eq!(sight.of(&path), None);
        fs::create_dir(&path).expect("a folder");
        let empty = sight.of(&path).expect("a folder is a card");
        fs::write(path.join("notes.txt"), "x").expect("a file");
        assert_eq!(sight.of(&path).as_ref(), Some(&empty), "what is not ours does not count");
        fs::write(path.join("ABCDEFGH.A"), "x").expect("a file");
        let other = sight.of(&path).expect("still there");
        assert!(other != empty && other.is_same_card(&empty));
        fs::remove_dir_all(&path).expect("it goes");
        assert_eq!(sight.of(&path), None);
    }

    #[test]
    fn an_empty_mount_point_is_no_card() {
        #[cfg(unix)]
        assert!(is_place_for_mounts(Path::new("/media/ada/CARD")));
        assert!(!is_place_for_mounts(Path::new("/srv/card")));
    }
}
