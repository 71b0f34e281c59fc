//! `pictures`: draws the pictures of the README anew, into `.github`.
#[cfg(unix)]
use contactbox_tests::pictures;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    #[cfg(unix)]
    std::fs::write(root.join(".github/session.svg"), pictures::session(&pictures::play()))?;
    #[cfg(unix)]
    {
        let figures = std::fs::read_to_string(root.join("tests/FIGURES.md"))?;
        let rows = pictures::losses_in(&figures);
        std::fs::write(root.join(".github/losses.svg"), pictures::losses(&rows))?;
    }
    Ok(())
}
