//! The file that rejected cards are saved to, so that they can be mended and imported again. It is
//! its owner's alone: whoever could not read the file the cards come from is not to read them here.

use super::super::Exit;
use super::super::text::place;
use super::Failure;
use contactbox_system::files::private;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The place of the rejected vCards.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// It is the one that was imported: nothing else is in it, and nothing was written.
    pub is_source: bool,
}

/// Opened with the first card that goes in.
pub struct Rejected {
    named: Option<PathBuf>,
    source: Option<PathBuf>,
    out: Option<(PathBuf, BufWriter<File>)>,
    /// True when the last text written ended a line.
    is_line_ended: bool,
}

impl Rejected {
    /// `named` is where the user wants it; else it lies beside `source`, or in the current folder.
    pub fn new(named: Option<&Path>, source: Option<&Path>) -> Self {
        Self {
            named: named.map(Path::to_path_buf),
            source: source.map(Path::to_path_buf),
            out: None,
            is_line_ended: true,
        }
    }

    /// Refuses a file that has something in it: it may have been worked on since it was written.
    pub fn must_be_new(named: &Path) -> Result<(), Failure> {
        match fs::metadata(named) {
            Ok(data) if data.is_file() && data.len() > 0 => Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} is there already and is not written over; name another file with --rejected, or move that one away",
                    place(named)
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Saves some of a card.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out.is_none() {
            let (path, file) = self.open()?;
            self.out = Some((path, BufWriter::new(file)));
        }
        self.is_line_ended = bytes.last().map_or(self.is_line_ended, |&byte| byte == b'\n');
        match &mut self.out {
            Some((path, out)) => out
                .write_all(bytes)
                .map_err(|error| Failure::file(path, "cannot be written", &error)),
            None => Ok(()),
        }
    }

    /// Returns the place of the vCards, if there were any.
    pub fn finish(self) -> Result<Option<Saved>, Failure> {
        let Some((path, mut out)) = self.out else { return Ok(None) };
        // The cards of the next file begin on a line of their own.
        if self.named.is_some() && !self.is_line_ended {
            out.write_all(b"\r\n")
                .map_err(|error| Failure::file(&path, "cannot be written", &error))?;
        }
        let file = out
            .into_inner()
            .map_err(|error| Failure::file(&path, "cannot be written", error.error()))?;
        drop(file);
        // A file of nothing but rejected cards is not written again beside itself.
        if let Some(source) = self.source.filter(|_| self.named.is_none())
            && is_same(&source, &path).unwrap_or(false)
        {
            let _ = fs::remove_file(&path);
            return Ok(Some(Saved { path: source, is_source: true }));
        }
        // The same import again rejects the same cards: one file of them is enough.
        if let Some(same) = self.named.is_none().then(|| earlier(&path)).flatten()
            && is_same(&same, &path).unwrap_or(false)
        {
            let _ = fs::remove_file(&path);
            return Ok(Some(Saved { path: same, is_source: false }));
        }
        Ok(Some(Saved { path, is_source: false }))
    }

    /// Removes the file, as nothing written so far was a vCard. A file that somebody named stays.
    pub fn forget(self) {
        if let Some((path, _)) = self.out.filter(|_| self.named.is_none()) {
            let _ = fs::remove_file(path);
        }
    }

    fn open(&self) -> Result<(PathBuf, File), Failure> {
        if let Some(path) = &self.named {
            // Behind the cards of the file before, where several are imported.
            let file = private(OpenOptions::new().append(true).create(true))
                .open(path)
                .map_err(|error| Failure::file(path, "cannot be written", &error))?;
            return Ok((path.clone(), file));
        }
        let stem = match self.source.as_deref().and_then(Path::file_stem) {
            Some(stem) => stem.to_string_lossy().into_owned(),
            None => "standard-input".to_string(),
        };
        let beside = self
            .source
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let mut last = None;
        for folder in [beside, PathBuf::new()] {
            for number in 1..1000 {
                let path = folder.join(numbered(&stem, number));
                // A file that is there already may have been worked on.
                match private(OpenOptions::new().write(true).create_new(true)).open(&path) {
                    Ok(file) => return Ok((path, file)),
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                    Err(error) => {
                        last = Some(Failure::file(
                            &path,
                            "cannot be written; say --rejected FILE",
                            &error,
                        ));
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Failure::other("there are very many files of rejected cards; say --rejected FILE")
        }))
    }
}

fn numbered(stem: &str, number: u32) -> String {
    match number {
        1 => format!("{stem}.rejected.vcf"),
        number => format!("{stem}.rejected-{number}.vcf"),
    }
}

/// The file with the number before this one's.
fn earlier(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(".vcf")?;
    let (stem, number) = name.rsplit_once(".rejected-")?;
    let number: u32 = number.parse().ok()?;
    Some(path.with_file_name(numbered(stem, number.checked_sub(1)?)))
}

fn is_same(a: &Path, b: &Path) -> std::io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    let (mut a, mut b) =
        (std::io::BufReader::new(File::open(a)?), std::io::BufReader::new(File::open(b)?));
    let (mut of_a, mut of_b) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let read = a.read(&mut of_a)?;
        let (Some(of_a), Some(of_b)) = (of_a.get(..read), of_b.get_mut(..read)) else {
            return Ok(false);
        };
        if read == 0 {
            return Ok(true);
        }
        b.read_exact(of_b)?;
        if of_a != of_b {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(source: &Path, text: &str) -> PathBuf {
        let mut rejected = Rejected::new(None, Some(source));
        rejected.write(text.as_bytes()).unwrap();
        let saved = rejected.finish().unwrap().unwrap();
        assert_eq!(saved.is_source, saved.path == source);
        saved.path
    }

    #[test]
    fn a_file_is_not_written_again_beside_itself() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("bad.vcf");
        fs::write(&source, "all of it").unwrap();
        assert_eq!(save(&source, "all of it"), source);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_ne!(save(&source, "some of it"), source);
    }

    #[cfg(unix)]
    #[test]
    fn b12_it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let beside = save(&folder.path().join("people.vcf"), "one");
        let path = folder.path().join("named.vcf");
        let mut named = Rejected::new(Some(&path), None);
        named.write(b"one").unwrap();
        let named = named.finish().unwrap().unwrap();
        for path in [beside, named.path] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn the_same_again_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("people.vcf");
        let first = save(&source, "one");
        assert_eq!(first, folder.path().join("people.rejected.vcf"));
        assert_eq!(save(&source, "one"), first);
        let second = save(&source, "two");
        assert_eq!(second, folder.path().join("people.rejected-2.vcf"));
        assert_eq!(fs::read_to_string(first).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
