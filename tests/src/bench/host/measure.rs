//! Clocks and scales: percentiles, memory of a process, room on the disk.
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each of many things took.
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

    /// What this many percent took at most.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// All together.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// How many a second.
pub fn rate(count: usize, time: Duration) -> String {
    format!(
        "{}/s",
        super::super::table::grouped((count as f64 / time.as_secs_f64()).round() as u64)
    )
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

/// The memory a process holds (its resident set), where the system tells.
pub fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The room that the files of a folder take on the disk; holes take none.
#[cfg(unix)]
pub fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.blocks() * 512).sum()
}
