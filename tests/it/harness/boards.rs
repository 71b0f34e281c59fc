//! The parser of the sizes that tests/run prints.

use contactbox_tests::bench::card::boards;

#[test]
fn the_lines_of_the_script_are_understood() {
    let line = "pico: 9 of 10 bytes of code; 8 of 11 bytes of RAM, 3 of them stack";
    let size = boards::size(line).expect("that is such a line");
    assert_eq!(size.board, "pico");
    assert_eq!([size.code, size.code_max, size.ram, size.ram_max, size.stack], [9, 10, 8, 11, 3]);
    assert!(boards::size("pico: with the target's library").is_none());
    let script = include_str!("../../run");
    assert!(script.contains("%s: %d of %d bytes of code; %d of %d bytes of RAM, %d of them stack"));
}
