//! Laws of the merge, what each change keeps, and what hostile bytes can do: nothing.

mod changes;
mod golden;
mod large;
mod laws;
mod oracle;
mod records;
mod universe;
mod world;

/// Cases of a property test: fifty times as many in a campaign.
fn cases(usual: u32) -> u32 {
    if std::env::var_os("CONTACTBOX_CAMPAIGN").is_some() { usual * 50 } else { usual }
}
