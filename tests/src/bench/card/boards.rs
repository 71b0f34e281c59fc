//! The size of the device's program on each board, as the script that tests run builds and measures
//! it.

use std::path::Path;
use std::process::{Command, Stdio};

/// A board's program.
pub struct Size {
    /// The name of the board.
    pub board: String,
    /// The bytes of code, and of the data stored with it.
    pub code: u64,
    /// The limit of the code.
    pub code_max: u64,
    /// The bytes of RAM, including the stack.
    pub ram: u64,
    /// The limit of the RAM.
    pub ram_max: u64,
    /// The bytes of the stack.
    pub stack: u64,
}

/// Builds the device for all boards and returns their sizes.
pub fn sizes() -> Result<Vec<Size>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("run");
    let output = Command::new(script).arg("device").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("tests/run does not start: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut sizes: Vec<Size> = printed.lines().filter_map(size).collect();
    sizes.sort_by(|one, other| one.board.cmp(&other.board));
    if !output.status.success() || sizes.is_empty() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().last().unwrap_or("no reason given");
        return Err(format!("tests/run device: {last}"));
    }
    Ok(sizes)
}

/// Parses a line such as `pico: 9 of 10 bytes of code; 8 of 9 bytes of RAM, 3 of them stack`.
pub fn size(line: &str) -> Option<Size> {
    let (board, told) = line.split_once(": ")?;
    let (code, ram) = told.split_once(" bytes of code; ")?;
    let (ram, stack) = ram.split_once(" bytes of RAM, ")?;
    let pair = |text: &str| {
        let (part, whole) = text.split_once(" of ")?;
        Some((part.parse().ok()?, whole.parse().ok()?))
    };
    let ((code, code_max), (ram, ram_max)) = (pair(code)?, pair(ram)?);
    let stack = stack.strip_suffix(" of them stack")?.parse().ok()?;
    Some(Size { board: board.into(), code, code_max, ram, ram_max, stack })
}
