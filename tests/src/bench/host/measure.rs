//! Measures: percentiles of times, the memory of a process, the space of files on the disk.
use std::path::Path;
use std::time::{Duration, Instant};

/// The times of many actions.
pub struct Times(Vec<Duration>);

impl Times {
    /// Does something with each item and clocks it; the first error ends it.
    pub fn of<T, E>(
        items: impl IntoIterator<Item = T>,
        mut act: impl FnMut(T) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut times = Vec::new();
        for item in items {
            let begun = Instant::now();
            act(item)?;
            times.push(begun.elapsed());
        }
        times.sort();
        Ok(Self(times))
    }

    /// Returns the time within which this percentage was done.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Returns the sum.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// Returns the number of times.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Formats a count in a time as a rate per second.
pub fn rate(count: usize, time: Duration) -> String {
    format!(
        "{}/s",
        super::super::table::grouped((count as f64 / time.as_secs_f64()).round() as u64)
    )
}

/// Formats bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

/// Returns the memory that a process holds (its resident set); `None` if the system does not tell.
pub fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the space of a folder's files on the disk; holes take none.
#[cfg(unix)]
pub fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.blocks() * 512).sum()
}
