//! The device's app on a host: its box, its diary, its card.

use contactbox_core::contact::{Draft, Kind, Property, Uid};
use contactbox_core::service::protocol::NewContact as PutCard;
use contactbox_core::service::{Reply, Request};
use contactbox_core::sim::RamCard;
use contactbox_core::store::diary::{Cause, Diary, DiaryEvent as Noted};
use contactbox_firmware::app::SlotState;
use contactbox_tests::desk_device::{Bench, ask, blank, layout, no_card, settle, start};
use embassy_futures::block_on;

fn add(bench: &mut Bench, name: &str) -> Uid {
    let mut memory = [0; 512];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, name)).expect("room for a name");
    let card = PutCard::Here(draft.finish());
    ask(bench, &Request::Put { uid: None, base: None, card }, |reply| match reply {
        Reply::Done(put) => put.uid,
        _ => panic!("a change is answered by what was done"),
    })
}

fn name_of(bench: &mut Bench, uid: Uid) -> String {
    ask(bench, &Request::Get { uid }, |reply| match reply {
        Reply::Contact { contact, .. } => {
            let name = contact.properties().find(|property| property.content.kind == Kind::FN);
            let name = name.and_then(|property| property.content.value.as_text());
            name.unwrap_or_default().to_owned()
        }
        _ => panic!("a contact is what was asked for"),
    })
}

#[test]
fn a_blank_device_makes_its_box_and_keeps_it() {
    let mut bench = start(blank(), no_card(), 7, Cause::Power);
    let uid = add(&mut bench, "Ada");
    let flash = bench.device.into_flash();
    // A restart gets another random number; the box keeps its identity.
    let mut bench = start(flash, no_card(), 8, Cause::Watchdog);
    assert_eq!(bench.device.book().id(), 7);
    assert_eq!(name_of(&mut bench, uid), "Ada");
    let mut causes = Vec::new();
    let mut flash = bench.device.into_flash();
    let mut diary = Diary::open(&mut flash, layout().diary).expect("the diary has its place");
    block_on(diary.read(|entry| {
        if let Noted::Started { cause } = entry.event {
            causes.push(cause);
        }
    }))
    .expect("a sound chip");
    assert_eq!(causes, [Cause::Power, Cause::Watchdog]);
}

#[test]
fn a_card_takes_a_contact_from_one_device_to_another() {
    let mut one = start(blank(), RamCard::new(), 1, Cause::Power);
    let uid = add(&mut one, "Ada");
    settle(&mut one);
    assert!(matches!(one.device.slot(), SlotState::Ready(_)));
    let later = add(&mut one, "Grace");
    settle(&mut one);
    let card = one.device.outside().1.clone();
    one.device.outside().1.pull();
    settle(&mut one);
    assert!(matches!(one.device.slot(), SlotState::Empty));

    let mut other = start(blank(), card, 2, Cause::Power);
    settle(&mut other);
    assert_eq!(name_of(&mut other, uid), "Ada");
    assert_eq!(name_of(&mut other, later), "Grace");
    let roots = [&mut one, &mut other].map(|bench| block_on(bench.device.book().root()));
    assert_eq!(roots[0], roots[1]);
}
