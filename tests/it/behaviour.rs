//! One behaviour: the daemon, the device's app on a host and the emulated device answer one script alike.

use contactbox_core::service::FRAME_BYTES_MIN;
use contactbox_core::service::cable::Caller;
use contactbox_core::store::diary::Cause;
use contactbox_tests::behaviour::{Asked, transcript};
use contactbox_tests::daemon::Place;
use contactbox_tests::desk_device::{blank, no_card, start};

#[test]
fn a_daemon_and_a_device_answer_alike() {
    let place = Place::new();
    let daemon = place.serve();
    let from_daemon = transcript(&mut daemon.client());

    let mut bench = start(blank(), no_card(), 1, Cause::Power);
    let mut memory = [vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]];
    let [out, into] = &mut memory;
    let from_app = transcript(&mut Asked(Caller::new(&mut bench, out, into)));
    assert_eq!(from_app, from_daemon);
    assert!(from_app.iter().any(|line| line.starts_with("find \"ada\": Ada")), "{from_app:#?}");
}
