//! The counts of an emulator's requests tell its lines apart.

use contactbox_tests::tally::{Counts, READ};

#[test]
fn lines_of_the_emulator_are_told_apart() {
    let mut counts = Counts::default();
    for line in [
        "m25p80_command_decoded [0x55d0] new command:0x3\n",
        "m25p80_command_decoded [0x55d0] new command:0x20\n",
        "m25p80_read_byte [0x55d0] Read byte 0x0=0xff\n",
        "sdcard_read_block addr 0x0 size 0x200\n",
        "sdcard_write_block addr 0x400 size 0x200\n",
    ] {
        assert!(counts.count(line.as_bytes()), "{line}");
    }
    assert!(!counts.count(b"qemu-system-riscv64: warning\n"));
    assert_eq!((counts.flash_reads, counts.flash_read_bytes), (1, 1));
    assert_eq!((counts.card_reads, counts.card_writes), (1, 1));
    assert_ne!(counts.card_first, counts.card_last);
    assert!(READ.starts_with(b":"), "0x3 alone also ends other commands");
}
