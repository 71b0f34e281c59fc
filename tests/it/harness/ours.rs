//! The cost of an edit in flash stays within its bounds.

use contactbox_tests::bench::flash::{self, Fill, PAGE_BYTES, WORD_BYTES};
use contactbox_tests::bench::ours::Ours;
use contactbox_tests::bench::work::Choice;
use contactbox_tests::report;

/// The bounds are the present costs, a little rounded up, so that a change that raises them is
/// noticed.
#[test]
fn an_edit_costs_no_more_than_it_did() {
    let bounds = [(1.10, 1.13, 1.1), (1.36, 1.20, 1.15), (2.90, 1.60, 1.4)];
    for (fill, (uniform, skewed, programs_max)) in Fill::all().into_iter().zip(bounds) {
        for (choice, bytes_max) in Choice::ALL.into_iter().zip([uniform, skewed]) {
            let cost = flash::measure::<Ours<WORD_BYTES, PAGE_BYTES>>(fill, choice)
                .unwrap_or_else(|why| panic!("{} %: {why}", fill.percent));
            let (bytes, programs) = (cost.bytes_per_byte(), cost.programs_per_edit());
            let work = format!("{} % full, {}", fill.percent, choice.name());
            let said = format!("{work}: {bytes:.2} x, {programs:.2} programs an edit");
            report::line("an_edit_costs_no_more_than_it_did", &said);
            assert!(bytes <= bytes_max, "{said}");
            assert!(programs <= programs_max, "{said}");
            assert!(cost.erases_worst() <= 1, "{work}: {} erases", cost.erases_worst());
            assert!(cost.reads_per_get() == 1.0, "{work}: {} reads", cost.reads_per_get());
        }
    }
}
