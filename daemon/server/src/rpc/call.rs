//! The meaning of a request for the daemon: how much it may cost, and what is done with a card or a
//! device.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{Call, RpcError};
use contactbox_core::store::Consent;
use std::path::{Path, PathBuf};

/// The share of a connection's allowance that a request takes while it is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A change: its reply is short.
    Change,
    /// A read of bounded length.
    Read,
    /// Work that may take time and answers in short: one at a time.
    Work,
    /// Work that answers at length: one at a time, and few of all connections together.
    Long,
}

/// Something to be done with a card or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongRequest {
    /// The work.
    pub kind: LongRequestKind,
    /// The card or the port.
    pub path: PathBuf,
    /// True when whoever asks says yes to whatever is removed by it.
    pub accept_removals: bool,
}

/// The work with a card or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongRequestKind {
    /// `cards.backup`
    CardBackup,
    /// `cards.sync`
    CardSync,
    /// `cards.restore`
    CardRestore,
    /// `devices.info`
    DeviceInfo,
    /// `devices.sync`
    DeviceSync,
}

impl LongRequest {
    /// Returns what a request asks to be done with a card or a device; nothing when it is for the
    /// book alone.
    pub fn of(call: &Call) -> Result<Option<Self>, RpcError> {
        let (kind, path, accept_removals) = match call {
            Call::CardsBackup(asked) => {
                (LongRequestKind::CardBackup, &asked.path, asked.accept_removals)
            }
            Call::CardsSync(asked) => {
                (LongRequestKind::CardSync, &asked.path, asked.accept_removals)
            }
            Call::CardsRestore(asked) => {
                (LongRequestKind::CardRestore, &asked.path, asked.accept_removals)
            }
            Call::DevicesInfo(asked) => {
                (LongRequestKind::DeviceInfo, &asked.path, asked.accept_removals)
            }
            Call::DevicesSync(asked) => {
                (LongRequestKind::DeviceSync, &asked.path, asked.accept_removals)
            }
            Call::Hello(_)
            | Call::Find(_)
            | Call::Get(_)
            | Call::Put(_)
            | Call::Patch(_)
            | Call::Remove(_)
            | Call::Restore(_)
            | Call::Purge(_)
            | Call::Kept(_)
            | Call::Forget(_)
            | Call::History(_)
            | Call::Import(_)
            | Call::Export(_)
            | Call::BlobGet(_)
            | Call::Info(_)
            | Call::Stats(_)
            | Call::Verify(_)
            | Call::Author(_)
            | Call::Stop(_)
            | Call::WatchStart(_)
            | Call::WatchStop(_) => return Ok(None),
        };
        Self::checked(call.name(), kind, path, accept_removals).map(Some)
    }

    fn checked(
        method: &str,
        kind: LongRequestKind,
        path: &Path,
        accept_removals: bool,
    ) -> Result<Self, RpcError> {
        let is_meeting = matches!(kind, LongRequestKind::CardSync | LongRequestKind::DeviceSync);
        if accept_removals && !is_meeting {
            let message = format!("{method} removes nothing: no accept_removals");
            return Err(RpcError::params(message));
        }
        if !path.is_absolute() {
            return Err(RpcError::params(format!("the path of {method} must be absolute")));
        }
        Ok(Self { kind, path: path.to_path_buf(), accept_removals })
    }

    /// Returns whether somebody has said yes to what is removed.
    pub fn consent(&self) -> Consent {
        if self.accept_removals { Consent::Given } else { Consent::Ask }
    }
}

/// Returns whether a request reads a little and no more, so that it is answered sooner than handed
/// on.
pub fn is_brief(call: &Call) -> bool {
    match call {
        Call::Hello(_) | Call::Find(_) => true,
        // The contact that a prefix of an identity means is looked for among all.
        Call::Get(get) => !get.blobs && get.uid.bytes().filter(u8::is_ascii_hexdigit).count() == 32,
        Call::Put(_)
        | Call::Patch(_)
        | Call::Remove(_)
        | Call::Restore(_)
        | Call::Purge(_)
        | Call::Forget(_)
        | Call::Import(_)
        | Call::Verify(_)
        | Call::CardsBackup(_)
        | Call::CardsSync(_)
        | Call::CardsRestore(_)
        | Call::DevicesInfo(_)
        | Call::DevicesSync(_)
        | Call::History(_)
        | Call::Export(_)
        | Call::BlobGet(_)
        | Call::Kept(_)
        | Call::Info(_)
        | Call::Stats(_)
        | Call::Author(_)
        | Call::Stop(_)
        | Call::WatchStart(_)
        | Call::WatchStop(_) => false,
    }
}

/// Returns whether a request is for the owner also when there is no other place: to look what is
/// wrong, and to stop.
pub fn is_of_last_seat(call: &Call) -> bool {
    matches!(call, Call::Hello(_) | Call::Info(_) | Call::Stop(_))
}

/// Returns how much of the connection's allowance a request takes.
pub fn weight(call: &Call) -> Weight {
    match call {
        Call::Put(_)
        | Call::Patch(_)
        | Call::Remove(_)
        | Call::Restore(_)
        | Call::Purge(_)
        | Call::Forget(_) => Weight::Change,
        Call::Get(get) if get.blobs => Weight::Long,
        Call::Import(_)
        | Call::Verify(_)
        | Call::CardsBackup(_)
        | Call::CardsSync(_)
        | Call::CardsRestore(_)
        | Call::DevicesInfo(_)
        | Call::DevicesSync(_) => Weight::Work,
        Call::History(_) | Call::Export(_) | Call::BlobGet(_) => Weight::Long,
        Call::Hello(_)
        | Call::Find(_)
        | Call::Get(_)
        | Call::Kept(_)
        | Call::Info(_)
        | Call::Stats(_)
        | Call::Author(_)
        | Call::Stop(_)
        | Call::WatchStart(_)
        | Call::WatchStop(_) => Weight::Read,
    }
}
