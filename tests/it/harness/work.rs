//! The work of the benchmarks has the properties that it is asked for.

use contactbox_tests::bench::work::{Choice, Work};

#[test]
fn records_have_the_sizes_asked_for() {
    let mut work = Work::new(200, 90..=170, Choice::Uniform, 1);
    for key in 0..200 {
        work.add(key);
    }
    let sizes: Vec<_> = (0..2_000).map(|_| work.edit().record.len()).collect();
    assert!(sizes.iter().all(|size| (90..=170).contains(size)), "{sizes:?}");
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((120..=140).contains(&mean), "{mean}");
}

#[test]
fn nine_of_ten_edits_go_to_one_of_ten_contacts() {
    let mut work = Work::new(200, 90..=170, Choice::Skewed, 1);
    for key in 0..200 {
        work.add(key);
    }
    let hot = (0..2_000).filter(|_| work.edit().key < 20).count();
    assert!((1_740..=1_860).contains(&hot), "{hot}");
}
