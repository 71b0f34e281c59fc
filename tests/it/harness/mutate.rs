//! The mutations of kept inputs: they repeat, and keep their bound.

use contactbox_tests::fuzz::Mutator;

#[test]
fn inputs_repeat_differ_and_keep_the_bound() {
    let make = || Mutator::new(vec![b"BEGIN:VCARD".to_vec(), Vec::new()], 7, 100);
    let (mut first, mut second) = (make(), make());
    let inputs: Vec<_> = (0..1_000).map(|_| first.next_input()).collect();
    assert!(inputs.iter().all(|input| *input == second.next_input()));
    assert!(inputs.iter().all(|input| input.len() <= 100));
    let distinct: std::collections::BTreeSet<_> = inputs.iter().collect();
    assert!(distinct.len() > 800, "{} of 1,000 inputs differ", distinct.len());
}
