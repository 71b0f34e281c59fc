//! One behaviour: the daemon and the device's app on a host answer one script alike.

use contactbox_engine::{BoxAtHand, Host, WriterThread};
use contactbox_system::config::{Config, Settings};
use contactbox_tests::behaviour::{meeting_transcript, transcript, transcripts_of_app};
use contactbox_tests::daemon::Place;

#[test]
fn a_daemon_and_a_device_answer_alike() {
    let place = Place::new();
    let daemon = place.serve();
    let from_daemon = transcript(&mut daemon.client());
    let [from_app, _] = transcripts_of_app();
    assert_eq!(from_app, from_daemon);
    assert!(from_app.iter().any(|line| line.starts_with("find \"ada\": Ada")), "{from_app:#?}");
    let photo = "get it: FN:With 50000 bytes | PHOTO:(binary)";
    assert!(from_app.iter().any(|line| line == photo), "{from_app:#?}");
}

/// The requests between boxes go to the daemon's writer thread, as from the daemon's driver of a
/// device.
#[test]
fn a_daemon_and_a_device_meet_another_box_alike() {
    let place = Place::new();
    let settings = Settings { data: Some(place.data()), ..Settings::default() };
    let config = Config::load(settings).expect("good settings");
    let keeper = WriterThread::start(Host::open(&config).expect("a new box")).expect("a thread");
    let from_daemon = meeting_transcript(&mut BoxAtHand::new(&keeper.handle()));
    keeper.stop();
    let [_, from_app] = transcripts_of_app();
    assert_eq!(from_app, from_daemon);
    let roots: Vec<&str> =
        from_app.iter().filter_map(|line| line.strip_prefix("root")?.split(": ").nth(1)).collect();
    assert!(
        matches!(roots[..], [empty, box_, other] if empty != box_ && box_ == other),
        "{roots:?}"
    );
}
