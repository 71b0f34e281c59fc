//! One behaviour: the daemon and the device's app on a host answer one script alike.

use contactbox_tests::behaviour::{transcript, transcript_of_app};
use contactbox_tests::daemon::Place;

#[test]
fn a_daemon_and_a_device_answer_alike() {
    let place = Place::new();
    let daemon = place.serve();
    let from_daemon = transcript(&mut daemon.client());
    let from_app = transcript_of_app();
    assert_eq!(from_app, from_daemon);
    assert!(from_app.iter().any(|line| line.starts_with("find \"ada\": Ada")), "{from_app:#?}");
}
