//! The mark beside the image: how far the box had come when it last rested, or a few seconds
//! ago while it is at work.
//!
//! A log does not see that its whole end was put back to an earlier state, by a disk or by
//! somebody who copied an old image over the new one. A file of its own does, as long as it
//! was not put back as well.

use contactbox_core::contact::Millis;
use contactbox_core::store::seal::Seal;
use contactbox_system::private;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ending added to the name of the image.
const ENDING: &str = ".mark";
/// The first line.
const HEAD: &str = "contactbox mark 1";
/// While changes come all the time the mark is so old at most: what was acknowledged
/// since is told by nothing when an earlier image is put in place. Writing it costs about
/// as much as a change does.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Longer than any mark.
const BYTES_MAX: u64 = 128;

/// The content of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    /// The box.
    id: u64,
    /// The latest time that it had written.
    time: Millis,
    /// An image of it was put in place that shows an earlier time than this, and what it
    /// lacks has not come back.
    lacks: Option<Millis>,
}

/// The mark, as it was found or written last.
pub(crate) struct Mark {
    path: PathBuf,
    known: Option<Said>,
    /// When this process last tried to write it.
    tried: Option<Instant>,
    has_failed: bool,
}

impl Mark {
    /// Reads the mark beside an image, if there is one. What cannot be read says nothing.
    pub(crate) fn beside(image: &Path) -> Self {
        let mut path = image.as_os_str().to_owned();
        path.push(ENDING);
        let path = PathBuf::from(path);
        let known = read(&path).ok().and_then(|text| parse(&text));
        Self { path, known, tried: None, has_failed: false }
    }

    fn of(&self, id: u64) -> Option<Said> {
        self.known.filter(|said| said.id == id)
    }

    /// The time it says the box had come to, when that is later than the image shows.
    pub(crate) fn beyond(&self, id: u64, time: Millis) -> Option<Millis> {
        self.of(id).map(|said| said.time).filter(|reached| *reached > time)
    }

    /// Up to which time the box had come once, of which it lacks something ever since an earlier
    /// image of it was put in place.
    pub(crate) fn lacks(&self, id: u64) -> Option<Millis> {
        self.of(id).and_then(|said| said.lacks)
    }

    /// Says from now on, or no more, that the box lacks something.
    pub(crate) fn note_lack(&mut self, id: u64, lacks: Option<Millis>) {
        if let Some(said) = self.of(id).filter(|said| said.lacks != lacks) {
            self.say(Said { lacks, ..said });
        }
    }

    /// Writes the mark while the box is at work, unless that was done a moment ago.
    pub(crate) fn keep_up(&mut self, id: u64, time: Millis) {
        if self.tried.is_none_or(|tried| tried.elapsed() >= AGE_MAX) {
            self.keep(id, time);
        }
    }

    /// Writes the mark, unless it says so already, or says that the box had come further.
    pub(crate) fn keep(&mut self, id: u64, time: Millis) {
        let known = self.of(id);
        if known.is_none_or(|said| said.time < time) {
            self.say(Said { id, time, lacks: known.and_then(|said| said.lacks) });
        }
    }

    fn say(&mut self, said: Said) {
        self.tried = Some(Instant::now());
        match self.write(said) {
            Ok(()) => self.known = Some(said),
            // The box does not need it, but an earlier image in its place will not be noticed.
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::warn!(%error, path = %self.path.display(), "how far the box has come cannot be noted beside it");
            }
            Err(_) => {}
        }
    }

    fn write(&self, said: Said) -> io::Result<()> {
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        // A folder or a pipe in its place would stop it for good. A folder with something in it
        // stays.
        for path in [&new, &self.path] {
            match fs::symlink_metadata(path).map(|found| found.file_type()) {
                Ok(kind) if kind.is_dir() => fs::remove_dir(path)?,
                Ok(kind) if !kind.is_file() => fs::remove_file(path)?,
                _ => {}
            }
        }
        let mut file =
            private::open(&new, OpenOptions::new().write(true).create(true).truncate(true))?;
        let Said { id, time, lacks } = said;
        let mut said = format!("{HEAD}\nbox {id:016x}\ntime {time}\n");
        if let Some(lacks) = lacks {
            said += &format!("lacks {lacks}\n");
        }
        let sum = sum_of(&said);
        file.write_all(format!("{said}sum {sum:08x}\n").as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}

/// An image that shows an earlier time than the box had come to.
pub(crate) struct PutBack {
    /// The time it had come to.
    pub(crate) reached: Millis,
    /// The notice for the user.
    pub(crate) notice: String,
}

impl PutBack {
    pub(crate) fn of(image: &Path, reached: Millis) -> Self {
        let image = image.display();
        let notice = format!(
            "the image {image} is older than what this box has acknowledged: it was put back, or cut short. What its backup has comes back by itself, if that is in place; what a card has, with `contactbox card sync FOLDER`. If nothing has it, stop the daemon and delete {image}{ENDING}: then this is said no more"
        );
        Self { reached, notice }
    }
}

/// Returns whether the file at a path is the mark of a box.
pub fn is_mark(path: &Path) -> bool {
    read(path).is_ok_and(|text| text.starts_with(HEAD))
}

/// From a time that a flipped bit has moved ahead the box's clock would never come back.
fn sum_of(said: &str) -> u32 {
    Seal::new().over(said.as_bytes()).value()
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    private::open(path, OpenOptions::new().read(true))?
        .take(BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Said> {
    let (said, sum) = text.split_once("sum ")?;
    if u32::from_str_radix(sum.trim_end(), 16).ok()? != sum_of(said) {
        return None;
    }
    let mut lines = said.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let id = u64::from_str_radix(lines.next()?.strip_prefix("box ")?, 16).ok()?;
    let time = lines.next()?.strip_prefix("time ")?.parse().ok()?;
    let lacks = match lines.next() {
        Some(line) => Some(line.strip_prefix("lacks ")?.parse().ok()?),
        None => None,
    };
    Some(Said { id, time, lacks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(image: &Path) -> Option<Millis> {
        Mark::beside(image).of(7).map(|said| said.time)
    }

    #[test]
    fn b1_a_mark_knows_how_far_a_box_had_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("contacts.box");
        let mut mark = Mark::beside(&image);
        assert_eq!((mark.of(7), mark.beyond(7, 0)), (None, None));
        mark.keep(7, 1000);
        mark.keep(7, 900);
        // At work it is not written for each change, but for the first after a while.
        mark.keep_up(7, 1001);
        assert_eq!(reached(&image), Some(1000));
        let mut mark = Mark::beside(&image);
        mark.keep_up(7, 1000);
        assert!(mark.tried.is_none(), "it says so already");
        assert_eq!(mark.beyond(7, 999), Some(1000));
        assert_eq!((mark.beyond(7, 1000), mark.beyond(8, 0)), (None, None));
        let path = folder.path().join("contacts.box.mark");
        let right = fs::read(&path).expect("it was written");
        for (at, bit) in (0..right.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = right.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&path, flipped).expect("room for a file");
            let reached = reached(&image);
            assert!(matches!(reached, None | Some(1000)), "bit {bit} of byte {at}: {reached:?}");
        }
        // A folder in its way goes.
        for name in ["contacts.box.mark", "contacts.box.mark.new"] {
            fs::remove_file(&path).ok();
            fs::create_dir(folder.path().join(name)).expect("room for a folder");
            Mark::beside(&image).keep(7, 1000);
            assert_eq!(reached(&image), Some(1000), "{name}");
        }
        for cut in 0..right.len() - 1 {
            fs::write(&path, &right[..cut]).expect("room for a file");
            assert_eq!(reached(&image), None, "{cut} bytes");
        }
        fs::write(&path, "nonsense").expect("room for a file");
        assert_eq!(reached(&image), None);
    }

    /// That something is missing is said until it is there again, whatever is written meanwhile.
    #[test]
    fn b1_a_mark_remembers_what_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("contacts.box");
        let mut mark = Mark::beside(&image);
        mark.note_lack(7, Some(1000));
        assert_eq!(mark.lacks(7), None, "it knows of no such box");
        mark.keep(7, 1000);
        mark.note_lack(7, Some(1000));
        mark.keep(7, 2000);
        let mut mark = Mark::beside(&image);
        assert_eq!(
            (mark.lacks(7), mark.lacks(8), mark.beyond(7, 1999)),
            (Some(1000), None, Some(2000))
        );
        mark.note_lack(7, None);
        assert_eq!((Mark::beside(&image).lacks(7), reached(&image)), (None, Some(2000)));
    }
}
