//! Names the corpus in use.
use contactbox_tests::{corpus, report};

#[test]
fn the_corpus_in_use_is_named() {
    report::line("corpus", &corpus::describe());
}

#[test]
fn the_samples_hold_the_traps_they_are_named_for() {
    let has = |name: &str, bytes: &[u8]| {
        let sample = corpus::sample(name);
        let found = sample.windows(bytes.len()).any(|window| window == bytes);
        assert!(found, "{name}.vcf has lost {:?}", String::from_utf8_lossy(bytes));
    };
    has("fold-in-character", b"\xc3\r\n \xbc");
    has("lone-cr", b"FN:Ida Lone\rTEL");
    has("quoted-printable", b"=\r\n");
    has("shift-jis", b"\x8e\x52\x93\x63");
    has("utf-16", b"\xff\xfeB\0E\0G\0");
    has("utf-8-bom", b"\xef\xbb\xbfBEGIN:VCARD\r\n");
}
