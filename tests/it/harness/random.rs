//! The numbers of a seed are the published ones.

use contactbox_tests::random::Random;

#[test]
fn the_same_seed_gives_the_published_numbers() {
    let mut random = Random::new(1_234_567);
    // From the reference implementation's known answers for this seed.
    assert_eq!(random.bits(), 6_457_827_717_110_365_317);
    assert_eq!(random.bits(), 3_203_168_211_198_807_973);
}
