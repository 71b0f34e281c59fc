//! A box before it is opened: it shows nothing, writes nothing, and says if flash and memory do not
//! fit each other.
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, FlashTooLarge, Narrow, OpenError, Packed, StartError};
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::ops::script;
use contactbox_tests::world::oracle::Oracle;
use contactbox_tests::world::{self, CONFIG, Chip, DeviceMemory};
use embassy_futures::block_on;

const PAGE: usize = 4096;
const CONTACT_BYTES: usize = 16 * 1024;

#[test]
fn a_closed_box_is_empty_and_takes_nothing() {
    let (mut filled, mut oracle) = (world::format::<4, 512>(Chip::strict(64)), Oracle::default());
    for op in script(7, 200) {
        world::apply(&mut filled, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    let blank = Chip::<4, 512>::strict(64);
    for chip in [filled.into_flash(), blank] {
        let before = chip.clone();
        let parts = DeviceMemory::parts(64, 512, CONTACT_BYTES);
        let mut book = Book::closed(chip, CONFIG, parts).expect("memory enough");
        assert_eq!(book.counts().active, 0);
        for op in script(8, 100) {
            // It is refused, or it is about a missing contact.
            let _ = world::apply(&mut book, op, 0);
        }
        let chip = book.flash();
        assert_eq!(chip.operations(), before.operations(), "a closed box writes");
        assert!(chip.contents() == before.contents());
    }
}

#[test]
fn a_box_is_opened_or_made_where_it_lies() {
    let mut filled = world::format::<4, 512>(Chip::strict(64));
    let mut oracle = Oracle::default();
    for op in script(7, 200) {
        world::apply(&mut filled, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    let parts = || DeviceMemory::parts(64, 512, CONTACT_BYTES);
    let mut book = Book::closed(filled.into_flash(), CONFIG, parts()).expect("memory enough");
    assert!(block_on(book.start()).expect("a box").is_sound());
    assert_eq!(world::check(&mut book, &mut oracle, None), Ok(()));

    let mut made = Book::closed(Chip::<4, 512>::strict(64), CONFIG, parts()).expect("enough");
    assert!(block_on(made.start()).expect("a blank chip").is_sound());
    assert_eq!(world::check(&mut made, &mut Oracle::default(), None), Ok(()));
    for op in script(8, 100) {
        world::apply(&mut made, op, 0).expect("a new box takes what it is given");
    }
}

#[test]
fn a_flash_beyond_the_reach_of_narrow_slots_is_refused() {
    let reach = <Narrow>::FLASH_BYTES_MAX as usize / PAGE;
    type Device = HostMemory<Narrow, u16>;
    let parts = |pages| <Device as Roomy>::parts(pages, PAGE, CONTACT_BYTES);
    assert!(Book::closed(Nor::<1, 4, PAGE>::new(reach), CONFIG, parts(reach)).is_ok());

    let pages = reach + 1;
    let bytes = (pages * PAGE) as u64;
    let too_large = FlashTooLarge { bytes, bytes_max: <Narrow>::FLASH_BYTES_MAX };
    let mut chip = Nor::<1, 4, PAGE>::new(pages);
    let refused = Book::closed(&mut chip, CONFIG, parts(pages)).err().expect("too large");
    assert_eq!(refused, StartError::Open(OpenError::FlashTooLarge(too_large)));
    let told = refused.to_string();
    assert!(told.contains(&bytes.to_string()), "{told}");
    let opened = block_on(Book::open(&mut chip, CONFIG, parts(pages))).err();
    assert_eq!(opened, Some(OpenError::FlashTooLarge(too_large)));
    assert!(block_on(Book::format(&mut chip, CONFIG, parts(pages))).is_err());
    assert_eq!(
        chip.counters(),
        Nor::<1, 4, PAGE>::new(1).counters(),
        "nothing was read or written"
    );
}
