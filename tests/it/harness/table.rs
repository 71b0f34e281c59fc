//! The tables of the benchmarks line up.

use contactbox_tests::bench::table::{Table, grouped};

#[test]
fn columns_line_up() {
    let mut table = Table::new(&["engine", "edits", "reads"]);
    table.row(["a", "1", "23"]);
    table.row(["longer", "1,000", ""]);
    table.remark("none", "left out: there is no such thing here");
    let expected = "engine  edits  reads\n------  -----  -----\na           1     23\n\
        longer  1,000\nnone    left out: there is no such thing here\n";
    assert_eq!(table.to_string(), expected);
}

#[test]
fn thousands_are_told_apart() {
    let texts = [0, 999, 1_000, 1_234_567].map(grouped);
    assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
}
