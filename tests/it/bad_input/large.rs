//! Large files and photos.
use super::{good, import, names, tally};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use contactbox_tests::daemon::{Place, Ran};
use contactbox_tests::people::people;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The memory limit of the importing program, whatever the size of the file: a few pieces of it.
const CLIENT_KIB_MAX: usize = 64 * 1024;

/// Returns a vCard with a photo, its lines folded as programs fold them.
fn with_photo(name: &str, photo: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(photo);
    let mut card =
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nPHOTO;ENCODING=b;TYPE=JPEG:");
    for line in text.as_bytes().chunks(74) {
        card.push_str("\r\n ");
        card.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
    }
    card + "\r\nEND:VCARD\r\n"
}

#[test]
fn a_photo_of_eight_mebibytes_comes_back_and_a_larger_one_is_refused() {
    let place = Place::new();
    let daemon = place.serve();
    let photo = Random::new(8).bytes(8 << 20);
    let large = Random::new(9).bytes(10 << 20);
    let text = good("Ann")
        + &with_photo("Large", &photo)
        + &with_photo("Too large", &large)
        + &good("Bob");
    let line = text.lines().count() - 5 - with_photo("Too large", &large).lines().count() + 1;
    let (ran, told) = import(&place, &[&place.file("photos.vcf", text)]);
    let place_told = format!("photos.vcf:{line}: ");
    ran.expect(4).says(&[&place_told, "the card is larger than", "(a photo, a note) shorter"]);
    assert_eq!(tally(&told[0]), [3, 0, 0, 1]);
    let mut client = daemon.client();
    assert_eq!(names(&mut client), ["Ann", "Bob", "Large"]);
    let uid = client.call("contact.find", json!({ "query": "large" }))["hits"][0]["uid"].clone();
    let card = client.call("contact.get", json!({ "uid": uid, "blobs": true }))["jcard"].clone();
    let uri = card[1]
        .as_array()
        .and_then(|properties| properties.iter().find(|one| one[0] == "photo"))
        .and_then(|photo| photo[3].as_str())
        .expect("a photo");
    let data = uri.split_once(";base64,").expect("a data URI").1;
    assert!(BASE64_STANDARD.decode(data).expect("base64") == photo, "byte for byte");
    for version in ["3.0", "4.0"] {
        let out = place.run(["export", "--version", version, "large"]).expect(0).stdout;
        let unfolded = out.replace("\r\n ", "");
        let line = unfolded.lines().find(|line| line.starts_with("PHOTO")).expect("a photo");
        let data = line.rsplit([':', ',']).next().expect("a value");
        assert!(BASE64_STANDARD.decode(data).expect("base64") == photo, "version {version}");
    }
    assert_eq!(client.call("box.verify", json!({}))["sound"], true);
}

#[test]
fn a_file_of_100_megabytes_is_streamed() {
    const BYTES: usize = 100_000_000;
    let place = Place::new();
    let daemon = place.serve();
    let path = place.path().join("large.vcf");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("room for a file"));
    let mut random = Random::new(100);
    let mut people = people(usize::MAX, 100);
    let (mut bytes, mut cards) = (0, 0);
    while bytes < BYTES {
        // Photos are what makes such files large.
        let photo = random.bytes(1_400_000);
        let mut text = with_photo(&format!("Photo {cards}"), &photo);
        let plain: String = people.by_ref().take(99).map(|person| person.vcard()).collect();
        text.push_str(&plain);
        file.write_all(text.as_bytes()).expect("room for 100 MB");
        bytes += text.len();
        cards += 100;
    }
    file.into_inner().expect("room for 100 MB");
    let begun = Instant::now();
    let mut child = place
        .command(["--json", "import"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut most = 0;
    while child.try_wait().expect("a child can be asked").is_none() {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = most.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let ran = Ran::of(child.wait_with_output().expect("it has ended")).expect(0);
    let seconds = begun.elapsed().as_secs_f64();
    let daemon_most = daemon.memory_kib("VmHWM");
    report::line(
        "bad input",
        &format!(
            "a file of {bytes} bytes, {cards} cards: {seconds:.1} s, {} MiB in the client, {} MiB in the daemon",
            most / 1024,
            daemon_most / 1024
        ),
    );
    assert_eq!(tally(&ran.json()[0]), [cards, 0, 0, 0]);
    assert!(most < CLIENT_KIB_MAX, "the client has taken {most} KiB");
    assert!(daemon_most < 2 * CLIENT_KIB_MAX, "the daemon has taken {daemon_most} KiB");
}
