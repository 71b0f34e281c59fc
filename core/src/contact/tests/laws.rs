//! The merge is a join, whatever the histories, and agrees with the oracle at every step.

use super::world::{World, merged, moved, op, state};
use proptest::prelude::*;

/// Both together, in the terms of box 0.
fn joined(a: &[u8], b: &[u8]) -> Vec<u8> {
    merged(a, b, 1_000_000).unwrap_or_else(|| a.to_vec())
}

/// Three states out of all there were, in the terms of box 0.
fn picked(world: &World, picks: [usize; 3]) -> Option<[Vec<u8>; 3]> {
    if world.old.is_empty() {
        return None;
    }
    Some(picks.map(|pick| {
        let (at, place) = &world.old[pick % world.old.len()];
        moved(place.record.as_deref().expect("old places have records"), *at, 0)
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(400), failure_persistence: None, ..Default::default() })]

    #[test]
    fn histories_agree_with_the_oracle(ops in prop::collection::vec(op(), 1..60)) {
        World::after(&ops);
    }

    #[test]
    fn merge_is_commutative_associative_and_idempotent(
        ops in prop::collection::vec(op(), 1..40),
        picks in any::<[usize; 3]>(),
    ) {
        let world = World::after(&ops);
        let Some([a, b, c]) = picked(&world, picks) else { return Ok(()) };
        let look = |record: &[u8]| state(record, 0);
        prop_assert_eq!(look(&joined(&a, &b)), look(&joined(&b, &a)));
        prop_assert_eq!(
            look(&joined(&joined(&a, &b), &c)),
            look(&joined(&a, &joined(&b, &c)))
        );
        prop_assert_eq!(merged(&a, &a, 1_000_000), None);
        let both = joined(&a, &b);
        prop_assert_eq!(merged(&both, &a, 1_000_001), None);
        prop_assert_eq!(merged(&both, &b, 1_000_001), None);
    }

    #[test]
    fn all_boxes_that_met_hold_the_same(ops in prop::collection::vec(op(), 1..40)) {
        let mut world = World::after(&ops);
        world.settle();
        let states: Vec<_> = world
            .places
            .iter()
            .enumerate()
            .map(|(at, place)| place.record.as_deref().map(|record| state(record, at)))
            .collect();
        prop_assert_eq!(&states[0], &states[1]);
        prop_assert_eq!(&states[1], &states[2]);
    }

    #[test]
    fn nothing_added_out_of_sight_is_lost(
        ops in prop::collection::vec(op(), 1..40),
        picks in any::<[usize; 3]>(),
    ) {
        let world = World::after(&ops);
        let Some([a, b, _]) = picked(&world, picks) else { return Ok(()) };
        let (mine, theirs, both) = (state(&a, 0), state(&b, 0), state(&joined(&a, &b), 0));
        for (one, other) in [(&mine, &theirs), (&theirs, &mine)] {
            for (key, tags) in &one.contents {
                for tag in tags {
                    let was_seen = tag.0 <= other.seen.get(&tag.1).copied().unwrap_or(0);
                    let is_there = both.contents.get(key).is_some_and(|tags| tags.contains(tag));
                    prop_assert!(was_seen || is_there);
                }
            }
        }
    }
}
