//! The daemon's log: bounded in lines over time and in the size of its file, whoever causes them.

use crate::config::Config;
use crate::private;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The size in bytes from which a log is put aside, in place of the one put aside before.
const BYTES_MAX: u64 = 1024 * 1024;

/// The number of lines that may come at once.
const LINES_AT_ONCE: u32 = 200;

/// The time after which a further line may come.
const LINE_TIME: Duration = Duration::from_millis(100);

/// Returns the path of the log of a daemon started in the background.
pub fn file(config: &Config) -> PathBuf {
    config.data.join("daemon.log")
}

/// Opens the log, and begins a new one if it is long. A file is never truncated: one with a second
/// name may belong to another purpose, or be a copy that somebody keeps.
pub fn open(path: &Path) -> io::Result<File> {
    let append = || private::open(path, OpenOptions::new().create(true).append(true));
    let file = append()?;
    if file.metadata()?.len() <= BYTES_MAX && !private::has_other_names(&file)? {
        return Ok(file);
    }
    put_aside(path)?;
    append()
}

/// Renames the file over the one that has the name: no link is followed and no file is truncated.
fn put_aside(path: &Path) -> io::Result<()> {
    std::fs::rename(path, path.with_extension("log.1"))
}

/// The destination of the daemon's lines.
pub struct Log {
    state: Mutex<LogState>,
    /// True if the level shows more than usual: a search for a fault needs every line.
    is_verbose: bool,
}

struct LogState {
    out: LogSink,
    allowance: Allowance,
}

enum LogSink {
    /// A terminal, or a service manager.
    Stderr,
    /// A file of this daemon, with its path and its length in bytes.
    File { file: File, path: PathBuf, bytes: u64 },
}

impl Log {
    /// Returns a log for lines down to `level`. They go to the file at `path`, which a daemon
    /// started in the background also has as its standard error, or else to standard error.
    pub fn new(path: Option<PathBuf>, level: Level) -> Self {
        let opened = path.and_then(|path| {
            let file = open(&path).ok()?;
            let bytes = file.metadata().ok()?.len();
            Some(LogSink::File { file, path, bytes })
        });
        let out = opened.unwrap_or(LogSink::Stderr);
        let state = Mutex::new(LogState { out, allowance: Allowance::new(Instant::now()) });
        Self { state, is_verbose: level > Level::INFO }
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { log: self, is_always_written: self.is_verbose }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LineWriter<'a> {
        // An error concerns the box, and clients cannot cause one at will.
        LineWriter {
            log: self,
            is_always_written: self.is_verbose || *meta.level() == Level::ERROR,
        }
    }
}

/// Writes one line, or leaves it out.
pub struct LineWriter<'a> {
    log: &'a Log,
    is_always_written: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.log.state.lock().unwrap_or_else(PoisonError::into_inner);
        let LogState { out, allowance } = &mut *state;
        if let Some(left_out) = allowance.take(Instant::now(), self.is_always_written) {
            if left_out > 0 {
                let told = format!("({left_out} lines are left out here: too many at once)\n");
                out.write(told.as_bytes())?;
            }
            out.write(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let Self::File { file, path, bytes } = self else {
            return io::stderr().write_all(line);
        };
        if *bytes > BYTES_MAX {
            // If no new file can be made, the old one is used for as long again.
            *bytes = 0;
            if put_aside(path).is_ok()
                && let Ok(new) = open(path)
            {
                // The last message of a crash goes there too.
                #[cfg(unix)]
                rustix::stdio::dup2_stderr(&new).ok();
                *file = new;
            }
        }
        *bytes += line.len() as u64;
        file.write_all(line)
    }
}

/// A budget of lines: a number at once, then one in each interval.
struct Allowance {
    lines: u32,
    since: Instant,
    left_out: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { lines: LINES_AT_ONCE, since: now, left_out: 0 }
    }

    /// Returns the number of lines left out before this one; `None` if this one is left out too.
    fn take(&mut self, now: Instant, is_always_written: bool) -> Option<u64> {
        let earned = now.saturating_duration_since(self.since).as_millis() / LINE_TIME.as_millis();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.lines = self.lines.saturating_add(earned);
        self.since += LINE_TIME * earned;
        if self.lines > LINES_AT_ONCE {
            self.lines = LINES_AT_ONCE;
            self.since = now;
        }
        if self.lines == 0 && !is_always_written {
            self.left_out += 1;
            return None;
        }
        self.lines = self.lines.saturating_sub(1);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temp folder")
    }

    #[test]
    fn b10_lines_are_so_many_in_a_time() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let told: Vec<u64> = (0..50_000_u32)
            .filter_map(|one| {
                let now = start + Duration::from_micros(u64::from(one) * 100);
                allowance.take(now, false)
            })
            .collect();
        assert_eq!(told.len(), 200 + 49, "in five seconds");
        // Each line written tells how many were left out since the one before.
        let last = allowance.take(start + Duration::from_secs(6), false);
        assert_eq!(told.iter().sum::<u64>() + last.unwrap_or(0), 50_000 - 249);
        assert!(allowance.take(start + Duration::from_secs(6), true).is_some_and(|n| n == 0));
    }

    #[test]
    fn b10_the_log_keeps_its_size() {
        let folder = folder();
        let path = folder.path().join("daemon.log");
        let log = Log::new(Some(path.clone()), Level::TRACE);
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        for _ in 0..5000 {
            log.make_writer().write_all(&line).expect("it is written");
        }
        let bytes = |path: &Path| std::fs::metadata(path).expect("it is there").len();
        let aside = path.with_extension("log.1");
        let most = BYTES_MAX + line.len() as u64;
        assert!(bytes(&path) <= most && bytes(&aside) <= most && bytes(&aside) > BYTES_MAX);
        let names = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(names, 2);
    }

    #[cfg(unix)]
    #[test]
    fn b9_no_file_of_another_is_cut() {
        use std::os::unix::fs::symlink;
        let folder = folder();
        let path = folder.path().join("daemon.log");
        let theirs = folder.path().join("authorized_keys");
        let long = "k".repeat(BYTES_MAX as usize + 5);
        std::fs::write(&theirs, &long).expect("a file");
        let is_whole = || std::fs::read_to_string(&theirs).is_ok_and(|text| text == long);

        symlink(&theirs, &path).expect("a link");
        open(&path).expect_err("a link is not followed");
        std::fs::remove_file(&path).expect("a link");
        std::fs::hard_link(&theirs, &path).expect("a second name");
        open(&path).expect("a new one").write_all(b"a line\n").expect("it is written");
        assert!(is_whole());
        assert_eq!(std::fs::read_to_string(&path).expect("a log"), "a line\n");

        // A link in the place of the file put aside is replaced; its target stays.
        let aside = path.with_extension("log.1");
        std::fs::remove_file(&aside).expect("it was put aside");
        symlink(&theirs, &aside).expect("a link");
        std::fs::write(&path, &long).expect("a long log");
        open(&path).expect("a new one");
        assert!(is_whole() && !aside.is_symlink());
    }
}
