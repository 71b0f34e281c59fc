//! Invented people in any number, the same for the same seed.
//!
//! They have names of many languages, phone numbers in every spelling, and notes like those that
//! people write.
use crate::random::Random;

/// A country's names, streets and numbers.
struct Country {
    given: &'static [&'static str],
    family: &'static [&'static str],
    streets: &'static [&'static str],
    cities: &'static [&'static str],
    name: &'static str,
    dial: &'static str,
    /// The area or mobile codes, without the leading 0.
    codes: &'static [&'static str],
    /// The prefix of national numbers.
    trunk: &'static str,
    domain: &'static str,
}

const COUNTRIES: [Country; 10] = [
    Country {
        given: &[
            "James", "Mary", "Robert", "Patricia", "Ada", "Grace", "Oliver", "Amelia", "Owen",
            "Siân", "Zoë", "Callum",
        ],
        family: &[
            "Smith",
            "Jones",
            "Taylor",
            "Brown",
            "O'Connor",
            "Lovelace",
            "Hughes",
            "Whitfield",
            "Ashworth",
            "MacDonald",
            "Okafor",
            "Patel",
        ],
        streets: &["High Street", "Church Lane", "Station Road", "Mill Lane", "Victoria Road"],
        cities: &["London", "Leeds", "Bristol", "Glasgow", "Cardiff"],
        name: "United Kingdom",
        dial: "44",
        codes: &["20", "113", "117", "7700", "7911"],
        trunk: "0",
        domain: "example.co.uk",
    },
    Country {
        given: &[
            "Jürgen",
            "Käthe",
            "Björn",
            "Anneliese",
            "Günther",
            "Ursula",
            "Lukas",
            "Mia",
            "Fritz",
            "Sören",
            "Heike",
            "Jörg",
        ],
        family: &[
            "Müller",
            "Schmidt",
            "Groß",
            "Weiß",
            "Schäfer",
            "Köhler",
            "Böhm",
            "Fischer",
            "Krüger",
            "Straßburger",
            "Vogel",
            "von der Heide",
        ],
        streets: &["Hauptstraße", "Bahnhofstraße", "Goethestraße", "Am Mühlbach", "Lindenallee"],
        cities: &["Berlin", "Köln", "München", "Düsseldorf", "Görlitz"],
        name: "Deutschland",
        dial: "49",
        codes: &["30", "221", "171", "160", "89"],
        trunk: "0",
        domain: "example.de",
    },
    Country {
        given: &[
            "François",
            "Chloé",
            "Zoé",
            "Émile",
            "Benoît",
            "Hélène",
            "Noël",
            "Maëlys",
            "Jérôme",
            "Inès",
        ],
        family: &[
            "Lefèvre",
            "Dupont",
            "Gérard",
            "Béranger",
            "Moreau",
            "Château",
            "D'Aubigné",
            "Müntz",
            "Rousseau",
            "Garçon",
        ],
        streets: &[
            "rue de la République",
            "avenue Foch",
            "boulevard Voltaire",
            "place de l'Église",
        ],
        cities: &["Paris", "Orléans", "Besançon", "Nîmes", "Angoulême"],
        name: "France",
        dial: "33",
        codes: &["1", "6", "7", "4", "3"],
        trunk: "0",
        domain: "example.fr",
    },
    Country {
        given: &[
            "José", "María", "Íñigo", "Begoña", "Ángel", "Lucía", "Raúl", "Ximena", "Andrés",
            "Sofía",
        ],
        family: &[
            "García",
            "Muñoz",
            "Ibáñez",
            "Núñez",
            "Peña",
            "López",
            "Martínez",
            "Ordóñez",
            "Sánchez",
            "de la Cruz",
        ],
        streets: &["Calle Mayor", "Avenida de la Constitución", "Paseo del Prado", "Plaza España"],
        cities: &["Madrid", "Cádiz", "León", "A Coruña", "Málaga"],
        name: "España",
        dial: "34",
        codes: &["91", "956", "612", "687"],
        trunk: "",
        domain: "example.es",
    },
    Country {
        given: &[
            "Łukasz",
            "Małgorzata",
            "Świętosława",
            "Paweł",
            "Zbigniew",
            "Agnieszka",
            "Grażyna",
            "Jędrzej",
        ],
        family: &[
            "Wiśniewski",
            "Kowalczyk",
            "Wójcik",
            "Dąbrowska",
            "Zieliński",
            "Łuczak",
            "Szczęsny",
            "Żak",
        ],
        streets: &["ulica Długa", "ulica Świętej Anny", "aleja Róż", "plac Wolności"],
        cities: &["Warszawa", "Kraków", "Łódź", "Gdańsk", "Wrocław"],
        name: "Polska",
        dial: "48",
        codes: &["22", "12", "501", "602"],
        trunk: "",
        domain: "example.pl",
    },
    Country {
        given: &["Åsa", "Björn", "Søren", "Øyvind", "Gudrún", "Märta", "Håkan", "Ingeborg"],
        family: &[
            "Ångström",
            "Bjørnson",
            "Sjöberg",
            "Østergård",
            "Þórsdóttir",
            "Lindqvist",
            "Hansen",
            "Nyström",
        ],
        streets: &["Storgatan", "Kyrkogatan", "Skolvägen", "Östra Hamngatan"],
        cities: &["Göteborg", "Malmö", "Umeå", "Örebro"],
        name: "Sverige",
        dial: "46",
        codes: &["31", "40", "70", "73"],
        trunk: "0",
        domain: "example.se",
    },
    Country {
        given: &["Ayşe", "Çağla", "İbrahim", "Işıl", "Gökhan", "Şule", "Mehmet", "Özgür"],
        family: &["Yılmaz", "Çelik", "Öztürk", "Şahin", "Kılıç", "Güneş", "Aydın", "Doğan"],
        streets: &["İstiklal Caddesi", "Atatürk Bulvarı", "Çiçek Sokağı"],
        cities: &["İstanbul", "Ankara", "İzmir", "Eskişehir"],
        name: "Türkiye",
        dial: "90",
        codes: &["212", "312", "532", "555"],
        trunk: "0",
        domain: "example.com.tr",
    },
    Country {
        given: &["Елена", "Дмитрий", "Ольга", "Сергей", "Наталья", "Фёдор"],
        family: &["Иванова", "Кузнецов", "Смирнова", "Соловьёв", "Морозова", "Щербаков"],
        streets: &["улица Ленина", "Невский проспект", "Садовая улица"],
        cities: &["Москва", "Казань", "Псков"],
        name: "Россия",
        dial: "7",
        codes: &["495", "812", "916", "921"],
        trunk: "8",
        domain: "example.ru",
    },
    Country {
        given: &["太郎", "花子", "健一", "美咲", "陽子", "翔"],
        family: &["佐藤", "鈴木", "高橋", "田中", "渡辺", "山本"],
        streets: &["中央1丁目", "本町2丁目", "桜ヶ丘3丁目"],
        cities: &["東京都", "大阪市", "京都市"],
        name: "日本",
        dial: "81",
        codes: &["3", "6", "90", "80"],
        trunk: "0",
        domain: "example.jp",
    },
    Country {
        given: &["Nguyệt", "Đức", "Hương", "Tuấn", "Thảo", "Việt"],
        family: &["Nguyễn", "Trần", "Đặng", "Phạm", "Võ", "Hồ"],
        streets: &["đường Lê Lợi", "phố Huế", "đường Trần Phú"],
        cities: &["Hà Nội", "Đà Nẵng", "Huế"],
        name: "Việt Nam",
        dial: "84",
        codes: &["24", "28", "90", "98"],
        trunk: "0",
        domain: "example.vn",
    },
];

/// Endings that make one family name into several, as real names vary.
const VARIANTS: [&str; 6] = ["", "", "", "-Lang", "-Berg", " II"];
const SYLLABLES: [&str; 24] = [
    "bel", "cor", "dan", "el", "fen", "gar", "hol", "in", "jan", "kel", "lor", "mar", "nor", "os",
    "per", "quin", "ros", "sal", "tor", "ul", "ver", "wen", "yor", "zan",
];
const TRADES: [&str; 12] = [
    "Optik",
    "Bakery",
    "Logistics",
    "Architekten",
    "Garage",
    "Imprimerie",
    "Textiles",
    "Farmacia",
    "Consulting",
    "Roofing",
    "Bücher",
    "Ceramics",
];
const FORMS: [&str; 6] = ["GmbH", "Ltd", "SARL", "AB", "& Sons", "S.A."];
const TITLES: [&str; 10] = [
    "Buyer",
    "Managing director",
    "Prokuristin",
    "Site foreman",
    "Dr. med.",
    "Accounts",
    "Directeur commercial",
    "Reception",
    "Field service",
    "Owner",
];
const NOTES: [&str; 12] = [
    "met at the trade fair",
    "prefers email",
    "calls back after six",
    "key is with the neighbour",
    "invoice by post",
    "allergic to nuts, ask before lunch",
    "second floor; ring twice",
    "speaks some Polish",
    "owes us a sample",
    "recommended by the baker",
    "only mornings",
    "Kunde seit 2011",
];

/// An invented person.
#[derive(Clone)]
pub struct Person {
    /// The identity, as a vCard UID.
    pub uid: String,
    /// The first name.
    pub given: String,
    /// The last name.
    pub family: String,
    /// The company; empty for a quarter of them.
    pub org: String,
    /// The position there; may be empty.
    pub title: String,
    /// The street and number.
    pub street: String,
    /// The postal code.
    pub code: String,
    /// The town.
    pub city: String,
    /// The country, in its own language.
    pub country: String,
    /// One or two email addresses.
    pub emails: Vec<String>,
    /// Two phone numbers, in varying spellings.
    pub phones: [String; 2],
    /// A remark; may be empty.
    pub note: String,
}

/// Returns `count` people.
pub fn people(count: usize, seed: u64) -> impl Iterator<Item = Person> {
    let mut random = Random::new(seed);
    (0..count).map(move |_| person(&mut random))
}

fn person(random: &mut Random) -> Person {
    let country = random.pick(&COUNTRIES);
    let given = text(random, country.given);
    let mut family = text(random, country.family);
    let latin = family.is_ascii() || country.dial != "7" && country.dial != "81";
    if latin && random.chance(2, 3) {
        // There are more family names than a list holds.
        family = invented(random);
    }
    if latin {
        family += random.pick::<&str>(&VARIANTS);
    }
    let org = if random.chance(1, 4) {
        String::new()
    } else {
        format!("{} {} {}", invented(random), random.pick(&TRADES), random.pick(&FORMS))
    };
    let title = if random.chance(1, 2) { text(random, &TITLES) } else { String::new() };
    let note = match random.below(5) {
        0 | 1 => String::new(),
        2 | 3 => text(random, &NOTES),
        _ => format!("{}; {}", random.pick(&NOTES), random.pick(&NOTES)),
    };
    let number = random.bits();
    let local = if given.is_ascii() && family.is_ascii() {
        format!("{given}.{family}").to_lowercase().replace([' ', '\''], "-")
    } else {
        format!("{}{}", random.pick(&SYLLABLES), number % 100_000)
    };
    let mut emails = vec![format!("{local}@{}", country.domain)];
    if random.chance(1, 4) {
        emails.push(format!("{}{}@mail.example", random.pick(&SYLLABLES), number % 10_000));
    }
    Person {
        uid: uuid(random),
        street: format!("{} {}", random.pick(country.streets), 1 + random.below(180)),
        code: format!("{:05}", random.below(100_000)),
        city: text(random, country.cities),
        country: country.name.to_string(),
        phones: [phone(random, country), phone(random, country)],
        given,
        family,
        org,
        title,
        emails,
        note,
    }
}

fn text(random: &mut Random, choices: &[&str]) -> String {
    (*random.pick(choices)).to_string()
}

/// Returns a name of two or three syllables, with a capital.
fn invented(random: &mut Random) -> String {
    let syllables = 2 + random.below(2);
    let name: String = (0..syllables).map(|_| *random.pick::<&str>(&SYLLABLES)).collect();
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.bits(), random.bits());
    let group =
        |value: u64, digits: usize| format!("{:0digits$x}", value & ((1 << (4 * digits)) - 1));
    [
        group(a >> 32, 8),
        group(a >> 16, 4),
        group(a & 0xFFF | 0x4000, 4),
        group(b >> 48 & 0x3FFF | 0x8000, 4),
        group(b, 12),
    ]
    .join("-")
}

/// Returns a phone number in one of the spellings that people use.
fn phone(random: &mut Random, country: &Country) -> String {
    let code = random.pick(country.codes);
    let digits = 9_usize.saturating_sub(code.len()).max(5);
    let number: String = (0..digits).map(|_| char::from(b'0' + random.below(10) as u8)).collect();
    let (head, tail) = number.split_at(digits / 2);
    let (dial, trunk) = (country.dial, country.trunk);
    match random.below(8) {
        0 => format!("+{dial} {code} {head} {tail}"),
        1 => format!("+{dial} ({code}) {head}-{tail}"),
        2 => format!("00{dial} {code} {number}"),
        3 => format!("{trunk}{code} {number}"),
        4 => format!("{trunk}{code}/{head} {tail}"),
        5 => format!("({trunk}{code}) {head}.{tail}"),
        6 => format!("+{dial}{code}{number}"),
        _ => format!("+{dial} ({trunk}){code} {head} {tail}"),
    }
}

impl Person {
    /// Returns the displayed name.
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// Returns the person as a vCard 3.0, with lines ended by CR LF.
    pub fn vcard(&self) -> String {
        let mut card = String::with_capacity(512);
        let mut line = |text: &str| {
            fold(text, &mut card);
        };
        line("BEGIN:VCARD");
        line("VERSION:3.0");
        line(&format!("UID:{}", self.uid));
        line(&format!("FN:{}", escaped(&self.name())));
        line(&format!("N:{};{};;;", escaped(&self.family), escaped(&self.given)));
        if !self.org.is_empty() {
            line(&format!("ORG:{}", escaped(&self.org)));
        }
        if !self.title.is_empty() {
            line(&format!("TITLE:{}", escaped(&self.title)));
        }
        line(&format!("TEL;TYPE=CELL:{}", self.phones[0]));
        line(&format!("TEL;TYPE=WORK,VOICE:{}", self.phones[1]));
        for email in &self.emails {
            line(&format!("EMAIL;TYPE=INTERNET:{email}"));
        }
        let [street, city, country] =
            [&self.street, &self.city, &self.country].map(|text| escaped(text));
        line(&format!("ADR;TYPE=HOME:;;{street};{city};;{};{country}", self.code));
        if !self.note.is_empty() {
            line(&format!("NOTE:{}", escaped(&self.note)));
        }
        line("END:VCARD");
        card
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;").replace('\n', "\\n")
}

/// Adds a line, folded at 75 bytes between characters.
fn fold(text: &str, out: &mut String) {
    let mut room = 75;
    for character in text.chars() {
        if character.len_utf8() > room {
            out.push_str("\r\n ");
            room = 74;
        }
        room -= character.len_utf8();
        out.push(character);
    }
    out.push_str("\r\n");
}
