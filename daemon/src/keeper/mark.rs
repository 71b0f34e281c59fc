//! The mark beside the image: how far the box had come when it last rested, or a few seconds ago while it is at work.
//!
//! A log does not see that its whole end was put back to an earlier state, by a disk or by somebody who copied an old image
//! over the new one. A file of its own does, as long as it was not put back as well.

use crate::private;
use contactbox_core::contact::Millis;
use contactbox_core::store::seal::Seal;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is added to the name of the image.
const ENDING: &str = ".mark";
/// The first line.
const HEAD: &str = "contactbox mark 1";
/// While changes come all the time the mark is so old at most: what was acknowledged since is told by nothing when an earlier
/// image is put in place. Writing it costs about as much as a change does.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Longer than any mark.
const BYTES_MAX: u64 = 128;

/// The mark, as it was found or written last.
pub(super) struct Mark {
    path: PathBuf,
    /// Which box it speaks of, and the latest time that this had written.
    known: Option<(u64, Millis)>,
    /// When this process last tried to write it.
    tried: Option<Instant>,
    has_failed: bool,
}

impl Mark {
    /// Reads the mark beside an image, if there is one. What cannot be read says nothing.
    pub(super) fn beside(image: &Path) -> Self {
        let mut path = image.as_os_str().to_owned();
        path.push(ENDING);
        let path = PathBuf::from(path);
        let known = read(&path).ok().and_then(|text| parse(&text));
        Self { path, known, tried: None, has_failed: false }
    }

    /// The time it says the box had come to.
    fn reached(&self, id: u64) -> Option<Millis> {
        self.known.and_then(|(known, reached)| (known == id).then_some(reached))
    }

    /// The time it says the box had come to, when that is later than the image shows.
    pub(super) fn beyond(&self, id: u64, time: Millis) -> Option<Millis> {
        self.reached(id).filter(|reached| *reached > time)
    }

    /// Writes the mark while the box is at work, unless that was done a moment ago.
    pub(super) fn keep_up(&mut self, id: u64, time: Millis) {
        if self.tried.is_none_or(|tried| tried.elapsed() >= AGE_MAX) {
            self.keep(id, time);
        }
    }

    /// Writes the mark, unless it says so already, or says that the box had come further.
    pub(super) fn keep(&mut self, id: u64, time: Millis) {
        if self.reached(id).is_some_and(|reached| reached >= time) {
            return;
        }
        self.tried = Some(Instant::now());
        match self.write(id, time) {
            Ok(()) => self.known = Some((id, time)),
            // The box does not need it, but an earlier image in its place will not be noticed.
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::warn!(%error, path = %self.path.display(), "how far the box has come can not be noted beside it");
            }
            Err(_) => {}
        }
    }

    fn write(&self, id: u64, time: Millis) -> io::Result<()> {
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        // What else stands there, a folder or a pipe, would stop it for good. A folder with something in it stays.
        for path in [&new, &self.path] {
            match fs::symlink_metadata(path).map(|found| found.file_type()) {
                Ok(kind) if kind.is_dir() => fs::remove_dir(path)?,
                Ok(kind) if !kind.is_file() => fs::remove_file(path)?,
                _ => {}
            }
        }
        let mut file =
            private::open(&new, OpenOptions::new().write(true).create(true).truncate(true))?;
        let said = format!("{HEAD}\nbox {id:016x}\ntime {time}\n");
        let sum = sum_of(&said);
        file.write_all(format!("{said}sum {sum:08x}\n").as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}

/// An image that shows an earlier time than the box had come to.
pub(super) struct PutBack {
    /// The time it had come to.
    pub(super) reached: Millis,
    /// What the user must know.
    pub(super) notice: String,
}

impl PutBack {
    pub(super) fn of(image: &Path, reached: Millis) -> Self {
        let image = image.display();
        let notice = format!(
            "the image {image} is older than what this box has acknowledged: it was put back, or cut short. What its backup has comes back by itself, if that is in place; what a card has, with `contactbox card sync FOLDER`"
        );
        Self { reached, notice }
    }
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

fn parse(text: &str) -> Option<(u64, Millis)> {
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
    Some((id, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_a_mark_knows_how_far_a_box_had_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("contacts.box");
        let mut mark = Mark::beside(&image);
        assert_eq!((mark.reached(7), mark.beyond(7, 0)), (None, None));
        mark.keep(7, 1000);
        mark.keep(7, 900);
        // At work it is not written for each change, but for the first after a while.
        mark.keep_up(7, 1001);
        let mut mark = Mark::beside(&image);
        assert_eq!(mark.reached(7), Some(1000));
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
            let reached = Mark::beside(&image).reached(7);
            assert!(matches!(reached, None | Some(1000)), "bit {bit} of byte {at}: {reached:?}");
        }
        // What stands in its way goes.
        for name in ["contacts.box.mark", "contacts.box.mark.new"] {
            fs::remove_file(&path).ok();
            fs::create_dir(folder.path().join(name)).expect("room for a folder");
            Mark::beside(&image).keep(7, 1000);
            assert_eq!(Mark::beside(&image).reached(7), Some(1000), "{name}");
        }
        for cut in 0..right.len() - 1 {
            fs::write(&path, &right[..cut]).expect("room for a file");
            assert_eq!(Mark::beside(&image).reached(7), None, "{cut} bytes");
        }
        fs::write(&path, "nonsense").expect("room for a file");
        assert_eq!(Mark::beside(&image).reached(7), None);
    }
}
