//! Tests frames: every length comes through, everything else is rejected, and the reader finds its
//! place again.

use contactbox_core::service::frame::{
    FRAME_VERSION, FrameError, FrameKind, Frames, encode, overhead_bytes,
};
use proptest::prelude::*;

fn frame(number: u16, message: &[u8]) -> Vec<u8> {
    let mut out = vec![0; message.len() + 300];
    let len = encode(FrameKind::Request, number, &message, &mut out).expect("it fits");
    out.truncate(len);
    out
}

/// Reads frames from `bytes`, given in pieces. Returns number and message of each frame, or its
/// error.
fn taken(bytes: &[u8], piece: usize, memory: usize) -> Vec<Result<(u16, Vec<u8>), FrameError>> {
    let mut memory = vec![0; memory];
    let mut frames = Frames::new(&mut memory);
    let mut all = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while let Some(frame) = frames.take(&mut piece) {
            all.push(frame.map(|frame| {
                let (message, rest): (&[u8], _) =
                    postcard::take_from_bytes(frames.message()).expect("a message");
                assert!(rest.is_empty());
                (frame.number, message.to_vec())
            }));
        }
    }
    all
}

/// These bytes never change: `core/PROTOCOL.md` shows the same.
#[test]
fn a_frame_looks_as_it_is_written() {
    let mut out = [0; 64];
    let len = encode(FrameKind::Reply, 0x0102, &(7u8, 0u8, "ada"), &mut out).expect("it fits");
    let hex: Vec<_> = out[..len].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex.join(" "), "00 06 01 01 02 01 07 09 03 61 64 61 9c 43 7e 1c 00");
}

#[test]
fn every_length_comes_through() {
    for len in (0..600).chain([1016, 1017, 1270, 4000]) {
        for filler in [0x00, 0x01, 0xFF] {
            let message = vec![filler; len];
            let bytes = frame(len as u16, &message);
            assert_eq!(bytes.iter().filter(|&&byte| byte == 0).count(), 2);
            assert!(bytes.len() <= len + 2 + overhead_bytes(len + 2), "{len}");
            assert_eq!(taken(&bytes, 97, bytes.len() - 2), [Ok((len as u16, message))]);
        }
    }
}

#[test]
fn what_is_too_long_is_told_and_the_next_is_taken() {
    let long = frame(1, &[7; 100]);
    let bytes = [long.clone(), frame(2, b"short")].concat();
    for piece in [1, 10, 1000] {
        let all = taken(&bytes, piece, long.len() - 3);
        let bytes_max = long.len() as u32 - 1;
        assert_eq!(all, [Err(FrameError::TooLong { bytes_max }), Ok((2, b"short".to_vec()))]);
    }
}

#[test]
fn half_a_frame_costs_only_itself() {
    let first = frame(1, b"first");
    for cut in 0..first.len() {
        let bytes = [&first[..cut], &frame(2, b"second")].concat();
        let all = taken(&bytes, 5, 100);
        assert_eq!(all.last(), Some(&Ok((2, b"second".to_vec()))));
        // A frame that lacks only its last zero is complete.
        let was = if cut + 1 == first.len() {
            Ok((1, b"first".to_vec()))
        } else {
            Err(FrameError::Garbled)
        };
        assert!(all.len() == 1 || all.len() == 2 && all[0] == was);
    }
}

#[test]
fn other_versions_and_kinds_are_told() {
    for (at, value) in [(0, FRAME_VERSION + 1), (1, 3)] {
        let mut sealed = [FRAME_VERSION, 0, 1, 1, 5].to_vec();
        sealed[at] = value;
        let seal = contactbox_core::store::seal::Seal::new().over(&sealed).value();
        sealed.extend(seal.to_le_bytes());
        let mut bytes = vec![0; 32];
        let len = cobs::encode(&sealed, &mut bytes);
        bytes.truncate(len);
        bytes.push(0);
        let version = sealed[0];
        assert_eq!(taken(&bytes, 100, 100), [Err(FrameError::Version { version })]);
    }
}

proptest! {
    #[test]
    fn no_flip_passes(message in prop::collection::vec(any::<u8>(), 0..300), bit: prop::sample::Index) {
        let good = frame(3, &message);
        let mut bytes = good.clone();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes.extend(frame(4, b"next"));
        let whole: Vec<_> = taken(&bytes, 64, 1000).into_iter().flatten().collect();
        prop_assert!(whole.iter().all(|(number, came)| *number == 4 && came == b"next"));
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(0u8..4, 0..600), piece in 1usize..50) {
        let mut memory = [0; 64];
        let mut frames = Frames::new(&mut memory);
        let bytes = [bytes, frame(9, b"after")].concat();
        let mut last = None;
        for mut piece in bytes.chunks(piece) {
            while let Some(frame) = frames.take(&mut piece) {
                last = Some(frame);
            }
        }
        prop_assert_eq!(last.expect("a frame").expect("whole").number, 9);
    }
}
