//! vCards as programs and phones write them: each peculiarity is read as it was meant, and not
//! lost.
use contactbox_core::vcard::{Reason, VcardRepair, VcardVersion};
use contactbox_tests::corpus;
use contactbox_tests::vcards::{self, OwnedProperty, Reading, card, read_back as read_bytes};

/// Returns the lines of a vCard of a version, after it has also survived both ways out.
fn read(version: &str, lines: &[&str]) -> Vec<String> {
    read_bytes(&card(version, lines)).lines()
}

fn repairs(reading: &Reading) -> Vec<(u32, VcardRepair)> {
    reading.warnings.iter().map(|warning| (warning.line, warning.repair)).collect()
}

fn sample(name: &str) -> Vec<Vec<String>> {
    let reading = read_bytes(&corpus::sample(name));
    reading.cards.iter().map(|card| card.iter().map(OwnedProperty::line).collect()).collect()
}

#[test]
fn quoted_printable_with_soft_line_breaks_and_charset() {
    let cards = sample("quoted-printable");
    assert_eq!(
        cards[0],
        [
            "N:Müller;Jörg;;;",
            "FN:Jörg Müller",
            "TEL;TYPE=cell:+43 660 5550123",
            "TEL;TYPE=work,voice,pref:+43 1 5550199",
            "ADR;TYPE=home:;;Straße der Erfindung 12;Wien;;1010;Österreich",
            "NOTE:Erste Zeile\\nZweite Zeile: 1+1=2\\nEND:VCARD steht nur im Text\\n",
            "EMAIL;TYPE=internet:joerg@werkstatt.example",
        ]
    );
    assert_eq!(cards[1][..2], ["N:Núñez;René;;;", "FN:René Núñez"]);
}

#[test]
fn quoted_printable_that_ends_in_a_soft_break() {
    let lines = ["ORG;ENCODING=QUOTED-PRINTABLE:Caf=E9=", "", "TEL:1"];
    assert_eq!(read("2.1", &lines), ["ORG:Café", "TEL:1"]);
    assert_eq!(read("2.1", &["NOTE;QUOTED-PRINTABLE:cut off ="]), ["NOTE:cut off "]);
}

#[test]
fn quoted_printable_separators_are_bare_or_everything_is_encoded() {
    let n = |value: &str| read("2.1", &[&format!("N;ENCODING=QUOTED-PRINTABLE:{value}")]);
    assert_eq!(n("Smith=3B Jones;Ann"), ["N:Smith\\; Jones;Ann"]);
    assert_eq!(n("Smith;C:=5Cann"), ["N:Smith;C:\\\\ann"]);
    assert_eq!(n("=44=6F=65=3B=4A=6F"), ["N:Doe;Jo"]);
    assert_eq!(n("Doe\\; Sons;Jo"), ["N:Doe\\; Sons;Jo"]);
}

#[test]
fn what_looks_encoded_and_is_not_stays() {
    let lines = ["NOTE;ENCODING=QUOTED-PRINTABLE:100 =% a=b =4 =C3=A4"];
    assert_eq!(read("2.1", &lines), ["NOTE:100 =% a=b =4 ä"]);
}

#[test]
fn folds_inside_a_character() {
    assert_eq!(
        sample("fold-in-character")[0],
        [
            "N:Grün;山;;;",
            "FN:山 Grün",
            "NOTE:Music 🎵 and a long line that goes on for longer than seventy-five bytes do and \
             then some more",
            "TEL;TYPE=cell:+81 90 5550 0123",
        ]
    );
}

#[test]
fn folds_of_2_1_stand_for_a_blank() {
    let lines = ["NOTE:This is a very long description", " that exists on a long line."];
    let text = "This is a very long description that exists on a long line.";
    assert_eq!(read("2.1", &lines), [format!("NOTE:{text}")]);
    assert_eq!(read("3.0", &lines), [format!("NOTE:{}", text.replace(" that", "that"))]);
    // A full line was folded because it was full.
    let full = "NOTE:".to_string() + &"word".repeat(17);
    assert_eq!(read("2.1", &[&full, " and"]), [format!("{full}and")]);
}

#[test]
fn types_without_a_name() {
    let lines =
        ["TEL;CELL:1", "TEL;HOME;FAX;PREF:2", "TEL;X-Boutique:3", "URL;HOME:http://x.example"];
    assert_eq!(
        read("2.1", &lines),
        [
            "TEL;TYPE=cell:1",
            "TEL;TYPE=home,pref,fax:2",
            "TEL;TYPE=X-Boutique:3",
            "URL;TYPE=home:http://x.example",
        ]
    );
    assert_eq!(
        read(
            "2.1",
            &["EMAIL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=C3=A9):a@b.example"]
        ),
        ["EMAIL;TYPE=\"X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=C3=A9)\":a@b.example"]
    );
}

#[test]
fn types_in_lists_and_in_quotes() {
    let lines = [
        "TEL;TYPE=\"cell,voice\";TYPE=PREF:1",
        "TEL;type=WORK,x-car phone,FAX;type=y:2",
        "TEL;TYPE=\"COMMA,SEPARATED:INSIDE.DQUOTE\",PREF:3",
    ];
    assert_eq!(
        read("3.0", &lines),
        [
            "TEL;TYPE=cell,voice,pref:1",
            "TEL;TYPE=work,fax;TYPE=x-car phone;TYPE=y:2",
            "TEL;TYPE=pref;TYPE=\"COMMA,SEPARATED:INSIDE.DQUOTE\":3",
        ]
    );
}

#[test]
fn preference_of_both_kinds_is_the_same() {
    let [old, new] = [read("3.0", &["TEL;TYPE=pref:1"]), read("4.0", &["TEL;PREF=1:1"])];
    assert_eq!(old, new);
    assert_eq!(read("4.0", &["LANG;PREF=2:en"]), ["LANG;PREF=2:en"]);
    let cards = vcards::read(&card("3.0", &["FN:A", "TEL;TYPE=pref,cell:1"])).cards;
    assert!(vcards::write(&cards, VcardVersion::V4).contains("\r\nTEL;TYPE=cell;PREF=1:1\r\n"));
    assert!(vcards::write(&cards, VcardVersion::V3).contains("\r\nTEL;TYPE=CELL,PREF:1\r\n"));
}

#[test]
fn shift_jis_whose_second_bytes_are_backslashes() {
    assert_eq!(
        sample("shift-jis")[0],
        [
            "N:山田;花子;;;",
            "FN:山田 花子",
            "SOUND;TYPE=X-IRMC-N:ﾔﾏﾀﾞ;ﾊﾅｺ;;;",
            "ADR;TYPE=home:;;高通り 1-2;東京;;100-0001;日本",
            "TEL;TYPE=cell:090-5550-0123",
            "NOTE:ソ連の表、能力",
        ]
    );
}

#[test]
fn code_pages_declared_and_not() {
    let cards = sample("code-pages");
    assert_eq!(cards[0][..2], ["N:Соколова;Вера;;;", "FN:Вера Соколова"]);
    assert_eq!(cards[1], ["N:Björk;Åsa;;;", "FN:Åsa Björk", "NOTE:Latin-1 bytes\\, undeclared"]);
    let reading = vcards::read(&corpus::sample("code-pages"));
    assert_eq!(repairs(&reading), [(9, VcardRepair::NotUtf8), (10, VcardRepair::NotUtf8)]);
}

#[test]
fn a_charset_nobody_knows_is_remembered() {
    let mut bytes = card("2.1", &["FN;CHARSET=X-KLINGON:caf_"]);
    let at = bytes.iter().position(|&byte| byte == b'_').expect("it is there");
    bytes[at] = 0xE9;
    let reading = read_bytes(&bytes);
    assert_eq!(reading.lines(), ["FN;X-CHARSET=X-KLINGON:café"]);
    assert_eq!(repairs(&reading), [(3, VcardRepair::UnknownCharset)]);
}

#[test]
fn utf_8_with_a_broken_byte_keeps_the_rest() {
    let mut bytes = card("3.0", &["NOTE:grün, süß und _"]);
    let at = bytes.iter().position(|&byte| byte == b'_').expect("it is there");
    bytes[at] = 0xFC;
    assert_eq!(read_bytes(&bytes).lines(), ["NOTE:grün\\, süß und ü"]);
}

#[test]
fn utf_16_of_both_kinds_and_byte_order_marks() {
    for name in ["utf-16", "utf-16-big"] {
        let card = &sample(name)[0];
        assert!(card[0].starts_with("N:Παπαδάκη;"), "{name}: {}", card[0]);
        assert_eq!(card[3], "NOTE:emoji outside the first plane: 🎻", "{name}");
    }
    assert_eq!(sample("utf-8-bom")[0][1], "FN:Inês Costa");
    let joined = [corpus::sample("utf-8-bom"), corpus::sample("utf-8-bom")].concat();
    let reading = vcards::read(&joined);
    assert_eq!((reading.cards.len(), reading.warnings.len()), (2, 0));
    // Without a byte order mark the first letter shows it.
    let bare: Vec<u8> = corpus::sample("utf-16")[2..].to_vec();
    assert_eq!(vcards::read(&bare).cards, vcards::read(&corpus::sample("utf-16")).cards);
}

#[test]
fn lone_carriage_returns_and_doubled_ones() {
    let cards = sample("lone-cr");
    assert_eq!(cards[0][3], "NOTE:old Mac line ends");
    assert_eq!(cards[1][1], "FN:Leon Feed");
    let plain = card("3.0", &["FN:A", "NOTE:folded", "  here", "PHOTO;ENCODING=b:", " /9j/"]);
    let text = String::from_utf8(plain.clone()).expect("it is text");
    for end in ["\n", "\r", "\r\r\n"] {
        let other = text.replace("\r\n", end);
        let reading = read_bytes(other.as_bytes());
        assert_eq!(reading.cards, read_bytes(&plain).cards, "{end:?}");
        assert_eq!(reading.spans[0].line_last, 8, "{end:?}");
    }
}

#[test]
fn missing_end_version_and_name_are_repaired() {
    let reading = vcards::read(&corpus::sample("broken"));
    let names: Vec<_> = reading.cards.iter().map(|card| card[0].text().to_string()).collect();
    assert_eq!(
        names,
        [
            "First;Fine;;;",
            "Without;Version;;;",
            "Without;Formatted;;;",
            "Colon Without",
            "Comment Within",
            "555 0104",
            "Lower;Case;;;",
            "Version Unheard",
            "Without;End;;;",
            "Last;Fine;;;",
        ]
    );
    assert_eq!(
        repairs(&reading),
        [
            (6, VcardRepair::MissingVersion),
            (19, VcardRepair::UnreadableLine),
            (24, VcardRepair::Comment),
            (40, VcardRepair::OutsideCard),
            (42, VcardRepair::UnknownVersion),
            (50, VcardRepair::MissingEnd),
        ]
    );
    assert_eq!(reading.rejections.len(), 1);
    let rejection = &reading.rejections[0];
    assert_eq!((rejection.line, rejection.at, rejection.reason), (55, 57, Reason::CutOff));
    // Its bytes can be cut out of the file.
    let bytes = corpus::sample("broken");
    let cut = &bytes[rejection.bytes.start as usize..rejection.bytes.end as usize];
    assert!(cut.starts_with(b"BEGIN:VCARD") && cut.ends_with(b"FN:Cut In Ha"));
}

#[test]
fn names_that_a_version_demands_are_made_up_and_not_read_back() {
    let out = |lines: &[&str], version| {
        let cards = vcards::read(&card("2.1", lines)).cards;
        let text = vcards::write(&cards, version);
        assert_eq!(vcards::read(text.as_bytes()).cards, cards, "{text}");
        text
    };
    let has = |lines: &[&str], version, name: &str, value: &str| {
        let text = out(lines, version).replace("\r\n ", "");
        let found = text.lines().any(|line| {
            line.starts_with(&format!("{name};X-CONTACTBOX-DERIVED=")) && line.ends_with(value)
        });
        assert!(found, "{name} {value} in {text}");
    };
    has(
        &["N:van der Berg;Anna;M.,K.;Dr.;PhD"],
        VcardVersion::V4,
        "FN",
        ":Dr. Anna M.\\,K. van der Berg PhD",
    );
    has(&["ORG:Acme, Inc.;Sales"], VcardVersion::V4, "FN", ":Acme\\, Inc.");
    has(&["EMAIL:a@b.example"], VcardVersion::V3, "FN", ":a@b.example");
    has(&["TEL:+1 555"], VcardVersion::V3, "FN", ":+1 555");
    has(&["NOTE:nobody"], VcardVersion::V3, "FN", ":No name");
    has(&["FN:Ann Lee"], VcardVersion::V3, "N", ":;Ann Lee;;;");
    has(&["FN:Acme", "ORG:Acme"], VcardVersion::V3, "N", ":;;;;");
    assert!(!out(&["FN:Ann Lee"], VcardVersion::V4).contains("\r\nN"));
}

#[test]
fn a_made_up_name_that_somebody_changed_counts() {
    let cards = vcards::read(&card("3.0", &["TEL:+1 555"])).cards;
    let text = vcards::write(&cards, VcardVersion::V4).replace(":+1 555\r\nTEL", ":Ann\r\nTEL");
    assert_eq!(vcards::read(text.as_bytes()).lines(), ["FN:Ann", "TEL:+1 555"]);
}

#[test]
fn a_line_without_a_colon_is_kept() {
    let lines = ["FN:A", "this line has no colon at all", "my note: has blanks, too", "TEL:1"];
    let reading = read_bytes(&card("3.0", &lines));
    assert_eq!(
        reading.lines(),
        [
            "FN:A",
            "X-UNREADABLE-LINE:this line has no colon at all",
            "X-UNREADABLE-LINE:my note: has blanks\\, too",
            "TEL:1",
        ]
    );
    assert_eq!(
        repairs(&reading),
        [(4, VcardRepair::UnreadableLine), (5, VcardRepair::UnreadableLine)]
    );
}

#[test]
fn a_line_without_a_colon_behind_prose_belongs_to_it() {
    let lines =
        ["NOTE:first", "second, and", "", "fourth; last", "ADR:;;Street", "Town;;;;", "FN:A"];
    let reading = read_bytes(&card("3.0", &lines));
    assert_eq!(
        reading.lines(),
        ["NOTE:first\\nsecond\\, and\\n\\nfourth\\; last", "ADR:;;Street\\nTown;;;;", "FN:A"]
    );
    let joined = VcardRepair::UnmarkedContinuation;
    assert_eq!(repairs(&reading), [(4, joined), (8, joined)]);
}

#[test]
fn a_fold_before_the_colon_does_not_hide_a_property() {
    let long = "x".repeat(80);
    let lines = ["NOTE:first", &format!("RELATED;X-A={long}"), " yz:Ann", "second", " half"];
    let reading = read_bytes(&card("3.0", &lines));
    assert_eq!(
        reading.lines(),
        ["NOTE:first", &format!("RELATED;X-A={long}yz:Ann"), "X-UNREADABLE-LINE:secondhalf",]
    );
    let reading = read_bytes(&card("3.0", &["NOTE:first\\", "X-B", " :1", "NOTE:a", "b", " c"]));
    assert_eq!(reading.lines(), ["NOTE:first\\\\", "X-B:1", "NOTE:a\\nbc"]);
}

#[test]
fn comments_are_left_out() {
    let reading = read_bytes(&card("2.1", &["# a comment", "FN:A", "#another: one", "TEL:1"]));
    assert_eq!(reading.lines(), ["FN:A", "TEL:1"]);
    assert_eq!(repairs(&reading), [(3, VcardRepair::Comment), (5, VcardRepair::Comment)]);
}

#[test]
fn nested_cards_stay_with_the_outer_one() {
    let cards = sample("nested");
    assert_eq!(
        cards[0][3..],
        [
            "AGENT:BEGIN:VCARD\\nVERSION:2.1\\nN:Clerk\\;Carl\\nFN:Carl Clerk\\nTEL\\;WORK:555 \
             0111\\nEND:VCARD\\n",
            "EMAIL:berta@office.example",
        ]
    );
    assert_eq!(
        cards[1][2],
        "AGENT:BEGIN:VCARD\\nVERSION:3.0\\nFN:Dora Deputy\\nTEL:555 0112\\nEND:VCARD\\n"
    );
    let inner = ["BEGIN:VCARD", "VERSION:2.1", "N:nest", "END:VCARD"];
    let lines = [&["N:parent"], &inner[..], &inner[..], &["TEL:1"]].concat();
    let nest = "AGENT:BEGIN:VCARD\\nVERSION:2.1\\nN:nest\\nEND:VCARD\\n";
    assert_eq!(read("2.1", &lines), ["N:parent", nest, nest, "TEL:1"]);
    assert_eq!(read("2.1", &["N:a", "AGENT:", "TEL:1"]), ["N:a", "AGENT:", "TEL:1"]);
    let deep =
        [&["AGENT;X-A=b:"], &inner[..2], &["N:a", "AGENT:"], &inner[..], &inner[3..]].concat();
    let reading = read("2.1", &[&deep[..], &["TEL:1"]].concat());
    assert_eq!(reading.len(), 2);
    assert!(reading[0].starts_with("AGENT;X-A=b:BEGIN:VCARD\\n"), "{}", reading[0]);
}

#[test]
fn cards_without_ends_are_cards_one_after_the_other() {
    let one = |name: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nTEL:{name}\r\n");
    let all: String = (0..20).map(|number| one(&number.to_string())).collect();
    let reading = vcards::read(all.as_bytes());
    let names: Vec<_> = reading.cards.iter().map(|card| card[0].text().to_string()).collect();
    assert_eq!(names, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(reading.cards.iter().all(|card| card.len() == 2));
    assert_eq!(reading.spans[19].line, 77);
    let repaired: Vec<_> = repairs(&reading);
    assert_eq!(repaired.len(), 20);
    assert_eq!(repaired[0], (5, VcardRepair::MissingEnd));
}

#[test]
fn groups_and_labels() {
    let labels = &sample("labels")[0];
    for line in [
        "item1.TEL;TYPE=pref:+33 6 55 50 12 34",
        "item1.X-ABLabel:Chalet",
        "item2.X-ABLabel:_$!<Other>!$_",
        "item3.ADR;TYPE=home:;;12 rue des Tests\\nBâtiment B;Annecy;;74000;France",
        "X-SOCIALPROFILE;TYPE=mastodon;x-user=elise:https://social.example/@elise",
    ] {
        assert!(labels.iter().any(|found| found == line), "{line}");
    }
}

#[test]
fn birthdays_without_a_year() {
    let birthdays: Vec<_> =
        sample("birthdays").iter().map(|card| card.last().cloned().unwrap_or_default()).collect();
    assert_eq!(
        birthdays,
        [
            "BDAY:--0412",
            "BDAY:--0412",
            "BDAY:--0412",
            "BDAY;VALUE=date:20000229",
            "BDAY:19800412",
            "BDAY;VALUE=text:circa 1800",
            "BDAY:19961022T140000Z",
        ]
    );
    let cards = vcards::read(&card("4.0", &["FN:A", "BDAY:--0229"])).cards;
    let text = vcards::write(&cards, VcardVersion::V3);
    assert!(text.contains("\r\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\r\n"), "{text}");
    assert!(vcards::write(&cards, VcardVersion::V4).contains("\r\nBDAY:--0229\r\n"));
    assert_eq!(
        read("3.0", &["item1.X-ABDATE;X-APPLE-OMIT-YEAR=1604:1604-09-10", "X-ABDATE:1604-09-10"]),
        ["item1.X-ABDATE:--0910", "X-ABDATE:1604-09-10"]
    );
    assert_eq!(
        read("3.0", &["BDAY;X-APPLE-OMIT-YEAR=1604:1970-09-10"]),
        ["BDAY;X-APPLE-OMIT-YEAR=1604:19700910"]
    );
}

#[test]
fn dates_of_both_spellings_are_the_same() {
    let dates = [
        ("1979-04-12", "19790412"),
        ("1996-10-22T14:00:00Z", "19961022T140000Z"),
        ("2009-08-08T14:30-05:00", "20090808T1430-0500"),
        ("2009-08-08T14:30:15+01", "20090808T143015+01"),
    ];
    for (extended, basic) in dates {
        let cards = vcards::read(&card("3.0", &["FN:A", &format!("BDAY:{extended}")])).cards;
        assert_eq!(cards[0][1].text(), basic);
        assert_eq!(vcards::read(&card("4.0", &["FN:A", &format!("BDAY:{basic}")])).cards, cards);
        assert!(
            vcards::write(&cards, VcardVersion::V3).contains(&format!("\r\nBDAY:{extended}\r\n"))
        );
        assert!(vcards::write(&cards, VcardVersion::V4).contains(&format!("\r\nBDAY:{basic}\r\n")));
    }
    for other in ["1985", "1985-04", "---12", "12 April", "1985-4-2", "1979-04-12T1", "T102200"] {
        assert_eq!(read("4.0", &[&format!("BDAY:{other}")]), [format!("BDAY:{other}")]);
    }
}

#[test]
fn notes_with_commas_and_semicolons() {
    let note = "NOTE:Sings\\; rows\\, cooks\\; all three\\, often.";
    assert_eq!(sample("groups")[2][4], note);
    assert_eq!(read("3.0", &["NOTE:Sings; rows, cooks\\; all three\\, often."]), [note]);
    assert_eq!(read("2.1", &["NOTE:Sings; rows, cooks; all three, often."]), [note]);
    assert_eq!(read("3.0", &["NOTE:\\\"as is\\\"\\: yes"]), ["NOTE:\"as is\": yes"]);
}

#[test]
fn backslashes_of_2_1_are_backslashes() {
    let lines = ["NOTE:\\\\server\\new", "TITLE:C:\\new", "ROLE:a\\b", "N:A\\;B\\\\;C\\, D;E,F"];
    assert_eq!(
        read("2.1", &lines),
        [
            "NOTE:\\\\\\\\server\\\\new",
            "TITLE:C:\\\\new",
            "ROLE:a\\\\b",
            "N:A\\;B\\\\;C\\, D;E\\,F",
        ]
    );
    // Half of the programs that write 2.1 escape as in 3.0.
    assert_eq!(read("2.1", &["NOTE:one\\ntwo\\, three"]), ["NOTE:one\\ntwo\\, three"]);
}

#[test]
fn android_custom_properties() {
    assert_eq!(
        sample("android")[0][2..7],
        [
            "X-ANDROID-CUSTOM:vnd.android.cursor.item/nickname;Awinha;1;;;;;;;;;;;;;",
            "X-ANDROID-CUSTOM:vnd.android.cursor.item/relation;Moïse;2;;;;;;;;;;;;;",
            "TEL;TYPE=cell,pref:+221 77 555 01 23",
            "TEL;TYPE=X-Boutique:+221 33 555 01 24",
            "EMAIL;TYPE=\"X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=C3=A9cole)\":\
             awa@ecole.example",
        ]
    );
}

#[test]
fn group_cards_and_categories() {
    let cards = sample("groups");
    assert_eq!(cards[0][1], "KIND:group");
    assert_eq!(cards[0][3], "MEMBER:urn:uuid:6f7c1d52-0c1e-4b1e-9a55-0d2f4a1b7c11");
    assert_eq!(
        cards[1][3..],
        [
            "X-ADDRESSBOOKSERVER-KIND:group",
            "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:6f7c1d52-0c1e-4b1e-9a55-0d2f4a1b7c11",
        ]
    );
    assert_eq!(cards[2][3], "CATEGORIES:Choir,Rowing\\, eights,Neighbours");
}

#[test]
fn what_is_not_known_comes_back_as_it_went_in() {
    let lines = [
        "a-b.X-Some_Thing;X-P=\"q;r:s,t\";LANGUAGE=de-CH;x=^n^^^':v\\,w\\;x,y;z\\n\\q\\:",
        "x-lower;p=a,b,\"c,d\":value",
        "ADR;LABEL=\"ul. Długa 5\\n00-238 Warszawa\";GEO=\"geo:52.24,21.00\":;;x",
        "TEL;VALUE=uri;TYPE=home;PID=1.1:tel:+1-418-656-9254;ext=102",
    ];
    for version in ["3.0", "4.0"] {
        assert_eq!(
            read(version, &lines),
            [
                "a-b.X-Some_Thing;X-P=\"q;r:s,t\";LANGUAGE=de-CH;x=^n^^^':v\\,w\\;x,y;z\\n\\q\\:",
                "x-lower;p=a,b,\"c,d\":value",
                "ADR;LABEL=\"ul. Długa 5\\n00-238 Warszawa\";GEO=\"geo:52.24,21.00\":;;x",
                "TEL;TYPE=home;PID=1.1;VALUE=uri:tel:+1-418-656-9254;ext=102",
            ]
        );
    }
    // A quote without a second one would swallow what follows.
    assert_eq!(read("3.0", &["X-A;B=\"c;D=e:f"]), ["X-A;B=^'c;D=e:f"]);
}

#[test]
fn addresses_of_pages_lose_escapes_that_do_not_belong() {
    let lines = ["URL:http\\://a.example/?b=1\\,2\\;3", "URL:https://b.example/c,d;e\\n"];
    assert_eq!(
        read("3.0", &lines),
        ["URL:http://a.example/?b=1,2;3", "URL:https://b.example/c,d;e\\n"]
    );
    assert_eq!(read("3.0", &["GEO:37.386013;-122.082932"]), ["GEO:geo:37.386013,-122.082932"]);
}

#[test]
fn lines_are_folded_between_characters() {
    let long = "ä".repeat(300) + "日本".repeat(100).as_str() + "🎵".repeat(50).as_str();
    let cards = vcards::read(&card("4.0", &["FN:A", &format!("NOTE:{long}")])).cards;
    let text = vcards::write(&cards, VcardVersion::V4);
    assert!(text.split("\r\n").all(|line| line.len() <= 75));
    assert_eq!(vcards::read(text.as_bytes()).cards, cards);
    // A name longer than a line stays whole, or its second half would pass for a line of the photo.
    let name = "X".repeat(200);
    let lines = ["PHOTO;ENCODING=b:AAEC", &format!("{name};TYPE=home:1")];
    assert_eq!(read("3.0", &lines), ["PHOTO:<3 bytes>", &format!("{name};TYPE=home:1")]);
}

#[test]
fn a_line_folded_before_its_colon_is_a_property_behind_prose() {
    let long = "x".repeat(80);
    for version in ["2.1", "3.0", "4.0"] {
        let social = format!("X-SOCIALPROFILE;X-USER={long};\r\n X-ID=1:https://example.com/ada");
        let said = read(version, &["NOTE:one", &social, "FN:Ada"]);
        assert_eq!(said.len(), 3, "{version}: {said:?}");
        assert_eq!(said[0], "NOTE:one", "{version}");
        // A folded continuation of a note is one as well.
        let said = read(version, &["NOTE:one", "two", " and a half", "", "three", "FN:Ada"]);
        assert_eq!(said.len(), 2, "{version}: {said:?}");
        assert!(said[0].ends_with(r"\n\nthree"), "{version}: {said:?}");
    }
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let value = |name: &str, params: &str, text: &str| OwnedProperty {
            name: name.into(),
            group: String::new(),
            types: 0,
            params: params.into(),
            value: vcards::Stored::Text(text.into()),
        };
        let card = vec![
            value("FN", "", "Ada"),
            value("NOTE", "", "one"),
            value("X-SOCIALPROFILE", &format!("X-USER={long}"), "https://example.com/ada"),
        ];
        let text = vcards::write(std::slice::from_ref(&card), version);
        assert_eq!(vcards::read(text.as_bytes()).cards, [card], "{text}");
    }
}
