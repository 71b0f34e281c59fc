//! Tests settings under use, power cuts and random flash.

use super::*;
use crate::sim::{Nor, NorError, Tear};
use embassy_futures::block_on;
use proptest::prelude::*;

const TEXT: Setting<[u8; 12]> = Setting::new(31, *b"no such text");

fn region<F: NorFlash>() -> Range<u32> {
    let page = F::ERASE_SIZE as u32;
    page..page * (1 + DeviceSettings::<F>::PAGES_MIN as u32)
}

fn chip<const READ: usize, const WRITE: usize, const ERASE: usize>(
    strict: bool,
) -> Nor<READ, WRITE, ERASE> {
    let pages = 2 + DeviceSettings::<Nor<READ, WRITE, ERASE>>::PAGES_MIN;
    if strict { Nor::strict(pages) } else { Nor::new(pages) }
}

fn open<F: NorFlash>(flash: F) -> DeviceSettings<F> {
    block_on(DeviceSettings::open(flash, region::<F>())).unwrap()
}

#[test]
fn a_setting_has_its_default_until_it_is_set() {
    let mut settings = open(chip::<1, 4, 512>(true));
    assert_eq!(settings.get(&CONTRAST), 50);
    assert_eq!(settings.get(&REGION), *b"ZZ");
    block_on(settings.set(&CONTRAST, &80)).unwrap();
    block_on(settings.set(&REGION, b"DE")).unwrap();
    let mut settings = open(settings.into_flash());
    assert_eq!((settings.get(&CONTRAST), settings.get(&REGION)), (80, *b"DE"));
    assert_eq!(settings.get(&LOCK_SECONDS), 300);
    block_on(settings.reset(&REGION)).unwrap();
    let settings = open(settings.into_flash());
    assert_eq!((settings.get(&CONTRAST), settings.get(&REGION)), (80, *b"ZZ"));
    assert!(!settings.is_damaged());
}

#[test]
fn codes_in_flash_never_change() {
    fn kept<T: Serialize>(setting: &Setting<T>) -> (u8, Vec<u8>) {
        let mut buffer = [0; SETTING_BYTES_MAX];
        (setting.code, postcard::to_slice(&setting.default, &mut buffer).unwrap().to_vec())
    }
    assert_eq!(kept(&CONTRAST), (0, vec![50]));
    assert_eq!(kept(&REGION), (1, b"ZZ".to_vec()));
    assert_eq!(kept(&LOCK_SECONDS), (2, vec![0xAC, 2]));
    assert_eq!(kept(&LIGHT_SECONDS), (3, vec![30]));
    assert_eq!(kept(&LANGUAGE), (4, b"en".to_vec()));
}

#[test]
fn the_same_value_again_writes_nothing() {
    let mut settings = open(chip::<1, 1, 512>(true));
    block_on(settings.set(&CONTRAST, &80)).unwrap();
    let mut flash = settings.into_flash();
    flash.reset_counters();
    let mut settings = open(flash);
    block_on(settings.set(&CONTRAST, &80)).unwrap();
    assert_eq!(settings.into_flash().operations(), 0);
}

#[test]
fn a_value_of_another_shape_is_the_default() {
    let mut settings = open(chip::<1, 1, 512>(true));
    let code = LOCK_SECONDS.code;
    block_on(settings.set(&Setting::new(code, [0; 3]), &[1, 2, 3])).unwrap();
    assert_eq!(settings.get(&LOCK_SECONDS), 300);
    let large = Setting::new(code, [0u8; 20]);
    assert_eq!(
        block_on(settings.set(&large, &[1; 20])),
        Err(SetError::TooLarge { bytes_max: SETTING_BYTES_MAX })
    );
    assert_eq!(settings.get(&Setting::new(code, [0; 3])), [1, 2, 3]);
}

#[test]
fn a_region_that_cannot_serve_is_refused() {
    type Flash = Nor<1, 4, 512>;
    let open = |range| block_on(DeviceSettings::open(chip::<1, 4, 512>(true), range)).err();
    let all = region::<Flash>();
    assert_eq!(open(1..all.end), Some(RegionError::NotAligned { page_bytes: 512 }));
    assert!(matches!(open(512..1024), Some(RegionError::TooSmall { bytes: 512, .. })));
    #[expect(clippy::reversed_empty_ranges, reason = "a mistake that a board file may make")]
    let reversed = 1024..512;
    assert!(matches!(open(reversed), Some(RegionError::TooSmall { bytes: 0, .. })));
    let end = all.end + 2 * 512;
    assert!(matches!(open(512..end), Some(RegionError::OutOfBounds { .. })));
}

/// Changes every possible setting, at its largest, over and over.
///
/// The map is never full, no change walks over the whole region, and nothing outside of it is
/// touched.
fn endures<const READ: usize, const WRITE: usize, const ERASE: usize>(rounds: u32) {
    let mut flash = chip::<READ, WRITE, ERASE>(true);
    let all: Vec<_> =
        (0..SETTINGS_MAX).map(|code| Setting::new(code as u8, [0u8; SETTING_BYTES_MAX])).collect();
    let mut erases_max = 0;
    let mut settings = open(flash);
    for round in 1..=rounds {
        for setting in &all {
            let value = [round as u8; SETTING_BYTES_MAX];
            let before: u32 = settings.map.flash().0.page_erases().iter().sum();
            block_on(settings.set(setting, &value)).unwrap();
            let after: u32 = settings.map.flash().0.page_erases().iter().sum();
            erases_max = erases_max.max(after - before);
            assert_eq!(settings.get(setting), value);
        }
        settings = open(settings.into_flash());
        for setting in &all {
            assert_eq!(settings.get(setting), [round as u8; SETTING_BYTES_MAX]);
        }
    }
    flash = settings.into_flash();
    assert!(erases_max <= 2, "{erases_max} erases for one change");
    let region = region::<Nor<READ, WRITE, ERASE>>();
    for (at, &byte) in flash.contents().iter().enumerate() {
        assert!(region.contains(&(at as u32)) || byte == 0xFF);
    }
}

#[test]
fn all_settings_at_their_largest_fit_for_ever() {
    endures::<1, 1, 512>(40);
    endures::<1, 4, 512>(40);
    endures::<1, 8, 512>(40);
    endures::<4, 4, 4096>(40);
    endures::<1, 32, 4096>(20);
}

/// Returns the setting that the script sets at step `step`.
fn script(step: u8) -> (u8, u16) {
    (step % 3, 100 + u16::from(step))
}

const SCRIPT: [Setting<u16>; 3] = [Setting::new(5, 1), Setting::new(6, 2), Setting::new(7, 3)];
const STEPS: u8 = 90;

fn cut_everywhere<const WRITE: usize>(strict: bool) -> u32 {
    let mut cases = 0;
    for tear in Tear::ALL {
        for operations in (0..).step_by(if strict { 1 } else { 3 }) {
            let mut flash = chip::<1, WRITE, 512>(strict);
            flash.seed(operations);
            flash.cut_after(operations, tear);
            let mut settings = open(flash);
            let mut held = [1u16, 2, 3];
            let mut cut = None;
            for step in 0..STEPS {
                let (which, value) = script(step);
                let which = usize::from(which);
                match block_on(settings.set(&SCRIPT[which], &value)) {
                    Ok(()) => held[which] = value,
                    Err(error) => {
                        assert_eq!(error, SetError::Flash(NorError::PowerCut));
                        assert_eq!(settings.get(&SCRIPT[which]), held[which]);
                        cut = Some((which, value));
                        break;
                    }
                }
            }
            let Some((which, value)) = cut else {
                assert!(!settings.into_flash().is_cut());
                break;
            };
            cases += 1;
            let mut flash = settings.into_flash();
            flash.power_on();
            let mut settings = open(flash);
            for (at, setting) in SCRIPT.iter().enumerate() {
                let now = settings.get(setting);
                let is_new = at == which && now == value;
                // The values of a setting before are `held` less three, and so on.
                let is_older = now >= 100 && (held[at].wrapping_sub(now)).is_multiple_of(3);
                assert!(now == held[at] || now == at as u16 + 1 || is_new || is_older);
            }
            for step in 0..STEPS {
                let (which, value) = script(step);
                block_on(settings.set(&SCRIPT[usize::from(which)], &(value + 1000))).unwrap();
            }
            let settings = open(settings.into_flash());
            for (which, setting) in SCRIPT.iter().enumerate() {
                let last = (0..STEPS).rfind(|step| usize::from(step % 3) == which).unwrap();
                assert_eq!(settings.get(setting), script(last).1 + 1000);
            }
        }
    }
    cases
}

#[test]
fn after_a_power_cut_the_settings_go_on() {
    let cases = cut_everywhere::<1>(true) + cut_everywhere::<8>(true) + cut_everywhere::<4>(false);
    assert!(cases > 1_000, "{cases} cases");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_flash_gives_settings_that_can_be_set(
        seed in any::<u64>(),
        kind in 0..4u8,
        flips in prop::collection::vec(any::<u64>(), 0..40),
    ) {
        let mut settings = open(chip::<1, 4, 512>(false));
        for step in 0..60 {
            let (which, value) = script(step);
            block_on(settings.set(&SCRIPT[usize::from(which)], &value)).unwrap();
        }
        let mut flash = settings.into_flash();
        let mut random = seed | 1;
        for byte in flash.contents_mut() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            match kind {
                0 => *byte = random as u8,
                1 => *byte = 0,
                2 if random.is_multiple_of(64) => *byte &= (random >> 8) as u8,
                _ => {}
            }
        }
        for bit in flips {
            flash.flip(bit);
        }
        let mut settings = open(flash);
        settings.get(&TEXT);
        block_on(settings.set(&TEXT, b"hello, world")).unwrap();
        block_on(settings.set(&CONTRAST, &7)).unwrap();
        let settings = open(settings.into_flash());
        prop_assert_eq!(settings.get(&TEXT), *b"hello, world");
        prop_assert_eq!(settings.get(&CONTRAST), 7);
    }
}
