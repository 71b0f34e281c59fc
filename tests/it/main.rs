//! The tests of the whole project, in one program.
mod app;
#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod behaviour;
#[cfg(unix)]
mod beside;
mod bit_rot;
mod card_cuts;
mod card_fat;
#[cfg(unix)]
mod card_indices;
mod card_nothing;
mod card_phone;
mod card_ram;
#[cfg(unix)]
mod cards;
mod clocks;
mod closed;
#[cfg(unix)]
mod command_line;
mod corpus;
#[cfg(unix)]
mod device;
#[cfg(unix)]
mod device_cli;
#[cfg(target_os = "linux")]
mod doors;
mod fuzz;
#[cfg(unix)]
mod group_commit;
mod harness;
mod host_disk;
#[cfg(unix)]
mod hostile;
mod house;
#[cfg(unix)]
mod killed;
mod meet;
mod mended;
mod open_bounds;
mod packings;
mod power_cuts;
#[cfg(unix)]
mod readme;
mod record_cost;
mod signatures;
mod struck;
mod swap;
mod tables;
#[cfg(unix)]
mod three_boxes;
#[cfg(unix)]
mod transcripts;
mod vcard_bad;
mod vcard_calcard;
mod vcard_corpus;
mod vcard_photos;
mod vcard_wild;
mod verify_steps;
