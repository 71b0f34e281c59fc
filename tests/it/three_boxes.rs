//! A daemon and two emulated devices, a cable and a card: in the end all four hold the same.

use calcard::vcard::VCardProperty;
use calcard::{Entry, Parser};
use contactbox_core::card::OwnFiles;
use contactbox_core::contact::{Kind, Uid};
use contactbox_core::service::{Reply, Request};
use contactbox_core::store::Root;
use contactbox_tests::cable::Cable;
use contactbox_tests::corpus;
use contactbox_tests::daemon::{Daemon, Place};
use contactbox_tests::disk::{Disk, card};
use contactbox_tests::emulator::{CardImage, Device};
use contactbox_tests::people::people;
use contactbox_tests::report;
use embassy_futures::block_on;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

/// The contacts in all: those of the corpus, and invented people to make up the number.
const CONTACTS: usize = 300;

/// The number in the long sweep.
const CONTACTS_LONG: usize = 500;

/// The longest time until a device is at rest.
const REST_TIME_MAX: Duration = Duration::from_secs(180);

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < REST_TIME_MAX, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn plug_in(device: &Device) -> (Cable, u64) {
    let (cable, welcome) =
        wait_for("the device to answer", || Cable::plug_in(&device.cable()).ok());
    (cable, welcome.id)
}

fn root_of(cable: &mut Cable) -> Root {
    let root = cable.ask(&Request::Root, |reply| match reply {
        Reply::Root { root, .. } => Some(*root),
        _ => None,
    });
    Root(root.ok().flatten().unwrap_or_else(|| panic!("a device tells its root")))
}

fn root_of_daemon(daemon: &Daemon) -> String {
    wait_for("the daemon's root", || {
        let info = daemon.client().call("box.info", json!({}));
        info["root"].as_str().map(str::to_owned)
    })
}

/// Waits until the card holds everything on the device, by the device's own files on it.
fn wait_for_card(image: &CardImage, id: u64, root: Root) {
    wait_for("the card to be up to date", || {
        let bytes = std::fs::read(image.path()).expect("the card is a file");
        let mut fat = card(Disk::new(bytes)).ok()?;
        let own = block_on(OwnFiles::find(&mut fat, id)).ok()?;
        (own.root() == Some(root)).then_some(())
    });
}

/// Lets the command line sync the daemon's box with the device.
fn sync(place: &Place, device: &Device) {
    let cable = device.cable();
    place.run(["device".as_ref(), "sync".as_ref(), cable.as_os_str()]).expect(0);
}

#[test]
fn a_cable_and_a_card_bring_three_boxes_to_one_root() {
    let place = Place::new();
    let daemon = place.serve();
    for file in corpus::files() {
        // Files of the corpus are rejected in part, and their good contacts are imported. The
        // rejected ones must not be saved beside them.
        let import = ["import", "--rejected", "rejected.vcf"].map(std::ffi::OsStr::new);
        place.run(import.into_iter().chain([file.as_os_str()]));
    }
    let real = daemon.client().call("box.info", json!({}))["contacts"].as_u64().unwrap_or(0);
    let wanted = if report::campaign() { CONTACTS_LONG } else { CONTACTS };
    let missing = wanted.saturating_sub(real as usize);
    let invented: String = people(missing, 7).map(|person| person.vcard()).collect();
    let file = place.file("people.vcf", invented);
    place.run(["import".as_ref(), file.as_os_str()]).expect(0);
    let contacts = daemon.client().call("box.info", json!({}))["contacts"].as_u64().unwrap_or(0);

    let folder = tempfile::tempdir().expect("room for temporary files");
    let image = CardImage::new(folder.path().join("card.img"));
    let (mut one, mut other) = (Device::new(), Device::new());

    // The daemon and the first device, over the cable.
    one.start(Some(&image));
    let (cable, id) = plug_in(&one);
    drop(cable);
    sync(&place, &one);
    let (mut cable, _) = plug_in(&one);
    let root = root_of(&mut cable);
    assert_eq!(root.to_string(), root_of_daemon(&daemon));
    wait_for_card(&image, id, root);
    drop(cable);
    one.cut();

    // The card goes to the second device, where somebody types a contact.
    other.start(Some(&image));
    let (mut cable, other_id) = plug_in(&other);
    wait_for("the second device to take the card in", || {
        (root_of(&mut cable) == root).then_some(())
    });
    let typed = Uid::from_text("typed on a device");
    cable
        .put(Some(typed), &[(Kind::FN, "Typed on a Device"), (Kind::TEL, "+49 171 5550199")])
        .unwrap_or_else(|error| panic!("{error}"));
    let root = root_of(&mut cable);
    wait_for_card(&image, other_id, root);
    drop(cable);
    wait_for("the file for phones", || {
        let told = root.to_string();
        let phones = image.try_read("CONTACTS.VCF")?;
        phones.windows(told.len()).any(|window| window == told.as_bytes()).then_some(())
    });
    other.cut();
    let phones = String::from_utf8(image.read("CONTACTS.VCF")).expect("vCards are UTF-8");
    let mut parser = Parser::new(&phones);
    let mut names = Vec::new();
    while let Entry::VCard(card) = parser.entry() {
        let name = card.property(&VCardProperty::Fn).and_then(|name| name.values.first());
        names.extend(name.and_then(|name| name.as_text()).map(str::to_owned));
    }
    assert!(names.iter().any(|name| name == "Typed on a Device"), "{} names", names.len());

    // The card goes back, and the typed contact goes on to the daemon.
    one.start(Some(&image));
    let (mut cable, _) = plug_in(&one);
    wait_for("the first device to take the card in", || {
        (root_of(&mut cable) == root).then_some(())
    });
    wait_for_card(&image, id, root);
    drop(cable);
    sync(&place, &one);
    assert_eq!(root_of_daemon(&daemon), root.to_string());
    let found = daemon.client().call("contact.find", json!({ "query": "0171 5550199" }));
    assert_eq!(found["hits"][0]["name"], "Typed on a Device");
    one.cut();
    assert_eq!(image.check(), Ok(()));
    report::line(
        "three_boxes",
        &format!(
            "{contacts} contacts ({real} of the corpus): one root on a daemon, two devices and a card"
        ),
    );
}
