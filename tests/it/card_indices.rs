//! The boxes behind indices: a box and its files on a card give the same ones.

use crate::cards::{bare, root, run};
use contactbox_tests::daemon::Place;

/// A box that meets an empty box records its index, and its later files on the card give the same
/// one.
#[test]
fn boxes_that_met_while_they_were_empty_take_nothing_from_each_other() {
    let boxes = [bare(), bare(), bare()];
    let [a, b, c] = boxes.each_ref().map(|(place, _)| place);
    let card = tempfile::tempdir().expect("a folder");
    let sync = |place: &Place| run(place, &["card", "sync"], card.path()).expect(0);
    sync(c);
    sync(b);
    a.run(["add", "One", "--tel", "1"]).expect(0);
    sync(a);
    sync(c);
    c.run(["edit", "One", "--email", "of-c@example.org"]).expect(0);
    a.run(["edit", "One", "--email", "of-a@example.org", "--org", "Of A"]).expect(0);
    c.run(["edit", "One", "--note", "of c"]).expect(0);
    for _ in 0..3 {
        for place in [a, b, c] {
            sync(place);
        }
    }
    for place in [a, b, c] {
        let shown = place.run(["show", "One"]).expect(0).stdout;
        for said in ["of-c@example.org", "of-a@example.org", "Of A", "of c"] {
            assert!(shown.contains(said), "{said} is gone: {shown}");
        }
        assert_eq!(root(place), root(a));
    }
    run(a, &["card", "verify"], card.path()).expect(0);
}

/// An older state of a box gives its indices to other boxes than the box itself did. The box's
/// files on the card say so.
#[test]
fn b1_a_box_that_was_put_back_before_it_met_anybody_takes_nothing_from_others() {
    let ((a, daemon), (b, _other)) = (bare(), bare());
    let card = tempfile::tempdir().expect("a folder");
    let sync = |place: &Place| run(place, &["card", "sync"], card.path()).expect(0);
    a.run(["add", "One", "--tel", "1"]).expect(0);
    assert!(daemon.stop().success());
    let before = std::fs::read(a.image()).expect("the image");
    let daemon = a.serve_with(&["--backup", "off"]);
    for _ in 0..2 {
        sync(&a);
        sync(&b);
        b.run(["edit", "One", "--email", "of-b@example.org"]).expect(0);
    }
    sync(&a);
    a.run(["edit", "One", "--org", "Of A"]).expect(0);
    sync(&a);
    sync(&b);
    b.run(["edit", "One", "--note", "of b"]).expect(0);
    assert!(daemon.stop().success());
    std::fs::write(a.image(), before).expect("room for a file");
    let daemon = a.serve_with(&["--backup", "off"]);
    a.run(["edit", "One", "--title", "of a again"]).expect(0);
    for place in [&a, &b, &a, &b, &a] {
        sync(place);
    }
    for place in [&a, &b] {
        let shown = place.run(["show", "One"]).expect(0).stdout;
        for said in ["of-b@example.org", "Of A", "of b", "of a again"] {
            assert!(shown.contains(said), "{said} is gone: {shown}");
        }
    }
    assert_eq!(root(&a), root(&b));
    run(&a, &["card", "verify"], card.path()).expect(0);
    assert!(daemon.stop().success());
}
