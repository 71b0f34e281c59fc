//! Keeps the settings of a device: small values that may fall back to a default. One of the two
//! files that name `sequential_storage`.
//!
//! All settings are read once, into RAM. A setting that is missing, damaged or of another shape has
//! its default. A region that cannot be read as settings is erased at the next change and filled
//! from RAM.

use super::region::{self, Buffer, Checked, CheckedError, RegionError};
use crate::limits::{SETTING_BYTES_MAX, SETTINGS_MAX};
use core::fmt;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::Error;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{Key, MapConfig, MapStorage, SerializationError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The contrast of the display in percent.
pub const CONTRAST: Setting<u8> = Setting::new(0, 50);
/// The country of national phone numbers, as ISO 3166-1 alpha-2; `ZZ` when nobody chose one.
pub const REGION: Setting<[u8; 2]> = Setting::new(1, *b"ZZ");
/// The seconds without a key until the device locks; 0 for never.
pub const LOCK_SECONDS: Setting<u16> = Setting::new(2, 300);
/// The seconds without a key until the light goes out; 0 for never.
pub const LIGHT_SECONDS: Setting<u16> = Setting::new(3, 30);
/// The language of the display, as ISO 639-1.
pub const LANGUAGE: Setting<[u8; 2]> = Setting::new(4, *b"en");

/// A setting: its code in flash, and the value when nothing was set.
pub struct Setting<T> {
    code: u8,
    default: T,
}

impl<T> Setting<T> {
    /// Makes a setting. Codes are in flash: they are appended, never renumbered, never used again
    /// for another meaning.
    const fn new(code: u8, default: T) -> Self {
        assert!((code as usize) < SETTINGS_MAX);
        Self { code, default }
    }
}

/// The reason why a setting was not kept.
///
/// The setting has its old value. After a fault of the flash, the next start may find the old
/// value, the new one, or the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError<E> {
    /// The value is larger than a setting may be.
    TooLarge {
        /// The most bytes of an encoded value.
        bytes_max: usize,
    },
    /// The flash reports an error.
    Flash(E),
    /// The flash does not hold what is written to it.
    Unfit,
}

impl<E: fmt::Debug> fmt::Display for SetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "the setting is larger than {bytes_max} bytes")
            }
            Self::Flash(error) => write!(f, "the flash of the settings failed: {error:?}"),
            Self::Unfit => f.write_str("the flash of the settings does not hold what is written"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SetError<E> {}

/// An encoded value; empty for the default.
type EncodedSetting = heapless::Vec<u8, SETTING_BYTES_MAX, u8>;

type Map<F> = MapStorage<Code, Checked<F>, Cache<Uncached, Uncached, Uncached, Code>>;

/// A buffer for an item's data, code included, filled up to any word.
type ItemBuffer = Buffer<{ (1 + SETTING_BYTES_MAX).next_multiple_of(32) }>;

/// The settings of a device.
pub struct DeviceSettings<F: NorFlash> {
    map: Map<F>,
    values: [EncodedSetting; SETTINGS_MAX],
    is_damaged: bool,
}

impl<F: NorFlash> DeviceSettings<F> {
    /// The bytes that all settings at their largest take.
    const LIVE_BYTES_MAX: usize = SETTINGS_MAX * region::item_bytes::<F>(1 + SETTING_BYTES_MAX);

    /// The pages needed. One is always empty and the others stay half free, so that a change finds
    /// room after the live items of a page or two were moved.
    pub const PAGES_MIN: usize = {
        let spare = region::item_bytes::<F>(1 + SETTING_BYTES_MAX);
        let room = region::page_room::<F>().saturating_sub(spare);
        assert!(room > 0, "a page must hold more than one setting");
        1 + (2 * Self::LIVE_BYTES_MAX).div_ceil(room)
    };

    /// Reads the settings in `range` of the flash. Damage is no error, see [`Self::is_damaged`].
    pub async fn open(flash: F, range: Range<u32>) -> Result<Self, RegionError> {
        region::check(&flash, &range, Self::PAGES_MIN)?;
        let page_bytes = F::ERASE_SIZE as u32;
        let config =
            MapConfig::try_new(range).map_err(|_| RegionError::NotAligned { page_bytes })?;
        let map = Map::new(Checked(flash), config, Cache::new_uncached());
        let values = core::array::from_fn(|_| EncodedSetting::new());
        let mut settings = Self { map, values, is_damaged: false };
        settings.is_damaged = !settings.load().await;
        Ok(settings)
    }

    /// Returns whether the region held anything but settings, or could not be read to its end.
    ///
    /// It is then erased and written anew at the next change.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Returns the value that was set, or the default.
    pub fn get<T: DeserializeOwned + Clone>(&self, setting: &Setting<T>) -> T {
        self.values
            .get(usize::from(setting.code))
            .filter(|bytes| !bytes.is_empty())
            .and_then(|bytes| postcard::take_from_bytes(bytes).ok())
            .and_then(|(value, rest)| rest.is_empty().then_some(value))
            .unwrap_or_else(|| setting.default.clone())
    }

    /// Sets a value. When this returns, it is kept.
    pub async fn set<T: Serialize>(
        &mut self,
        setting: &Setting<T>,
        value: &T,
    ) -> Result<(), SetError<F::Error>> {
        let mut buffer = [0; SETTING_BYTES_MAX];
        let encoded = postcard::to_slice(value, &mut buffer).ok();
        match encoded.and_then(|encoded| EncodedSetting::from_slice(encoded).ok()) {
            Some(bytes) => self.put(setting.code, bytes).await,
            None => Err(SetError::TooLarge { bytes_max: SETTING_BYTES_MAX }),
        }
    }

    /// Removes the value that was set, so that the default is valid again.
    pub async fn reset<T>(&mut self, setting: &Setting<T>) -> Result<(), SetError<F::Error>> {
        self.put(setting.code, EncodedSetting::new()).await
    }

    /// Returns the flash.
    pub fn into_flash(self) -> F {
        self.map.destroy().0.0
    }

    async fn put(&mut self, code: u8, bytes: EncodedSetting) -> Result<(), SetError<F::Error>> {
        // `Setting::new` allows no larger code.
        let Some(slot) = self.values.get_mut(usize::from(code)) else {
            return Err(SetError::Unfit);
        };
        if *slot == bytes && !self.is_damaged {
            return Ok(());
        }
        let old = core::mem::replace(slot, bytes);
        let mut result = self.write(code).await;
        if result.is_err() && !self.is_damaged {
            // The map leaves a failed place behind, so the second try goes elsewhere.
            result = self.write(code).await;
        }
        if self.is_damaged || result.is_err() {
            result = self.renew().await;
        }
        result.map_err(|error| {
            if let Some(slot) = self.values.get_mut(usize::from(code)) {
                *slot = old;
            }
            match error {
                Error::Storage { value: CheckedError::Flash(error), .. } => SetError::Flash(error),
                _ => SetError::Unfit,
            }
        })
    }

    /// Reads all settings. Returns whether the whole region could be read and holds only settings.
    ///
    /// Other items in it would use up the room that [`Self::PAGES_MIN`] counts on.
    async fn load(&mut self) -> bool {
        let mut buffer = ItemBuffer::new();
        let mut is_sound = true;
        let Ok(mut items) = self.map.fetch_all_items(&mut buffer.0).await else {
            return false;
        };
        loop {
            // The oldest item comes first, so the last one of a setting is valid.
            let item = match items.next::<&[u8]>(&mut buffer.0).await {
                Ok(Some((_, item))) => item,
                Ok(None) => return is_sound,
                Err(_) => return false,
            };
            let kept = item.split_first().and_then(|(code, value)| {
                let slot = self.values.get_mut(usize::from(*code))?;
                *slot = EncodedSetting::from_slice(value).ok()?;
                Some(())
            });
            is_sound &= kept.is_some();
        }
    }

    async fn write(&mut self, code: u8) -> Result<(), Error<CheckedError<F::Error>>> {
        let mut buffer = ItemBuffer::new();
        let value = self.values.get(usize::from(code)).map_or(&[][..], |bytes| bytes.as_slice());
        self.map.store_item(&mut buffer.0, &Code(code), &value).await
    }

    /// Erases the region and writes every setting. After a cut in between, missing settings have
    /// their defaults.
    async fn renew(&mut self) -> Result<(), Error<CheckedError<F::Error>>> {
        self.is_damaged = true;
        self.map.erase_all().await?;
        for code in 0..SETTINGS_MAX {
            if self.values.get(code).is_some_and(|bytes| !bytes.is_empty()) {
                self.write(code as u8).await?;
            }
        }
        self.is_damaged = false;
        Ok(())
    }
}

/// A setting's code as a key.
///
/// It is written before the value and read back as a part of the value: an empty item has no key
/// that could be cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Code(u8);

impl Key for Code {
    fn serialize_into(&self, buffer: &mut [u8]) -> Result<usize, SerializationError> {
        *buffer.first_mut().ok_or(SerializationError::BufferTooSmall)? = self.0;
        Ok(1)
    }

    fn deserialize_from(buffer: &[u8]) -> Result<(Self, usize), SerializationError> {
        let code = buffer.first().ok_or(SerializationError::BufferTooSmall)?;
        Ok((Self(*code), 0))
    }
}

#[cfg(test)]
mod tests;
