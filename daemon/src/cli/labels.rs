//! Names properties for a person: the words that `show` and `history` print, and that `--remove`
//! understands.

use contactbox_core::contact::Kind;

/// Every kind that a person is shown, in the order of the sheet, and its word.
const LABELS: &[(Kind, &str)] = &[
    (Kind::FN, "name"),
    (Kind::N, "full name"),
    (Kind::NICKNAME, "nickname"),
    (Kind::X_PHONETIC_FIRST_NAME, "phonetic first name"),
    (Kind::X_PHONETIC_MIDDLE_NAME, "phonetic middle name"),
    (Kind::X_PHONETIC_LAST_NAME, "phonetic last name"),
    (Kind::PRONOUNS, "pronouns"),
    (Kind::ORG, "organisation"),
    (Kind::X_PHONETIC_ORG, "phonetic organisation"),
    (Kind::X_DEPARTMENT, "department"),
    (Kind::X_KADDRESSBOOK_X_DEPARTMENT, "department"),
    (Kind::X_KADDRESSBOOK_X_OFFICE, "office"),
    (Kind::TITLE, "title"),
    (Kind::ROLE, "role"),
    (Kind::X_KADDRESSBOOK_X_PROFESSION, "profession"),
    (Kind::TEL, "phone"),
    (Kind::X_EVOLUTION_CALLBACK, "callback phone"),
    (Kind::X_EVOLUTION_RADIO, "radio"),
    (Kind::X_EVOLUTION_TELEX, "telex"),
    (Kind::X_EVOLUTION_TTYTDD, "text phone"),
    (Kind::EMAIL, "email"),
    (Kind::IMPP, "chat"),
    (Kind::X_AIM, "AIM"),
    (Kind::X_ICQ, "ICQ"),
    (Kind::X_JABBER, "Jabber"),
    (Kind::X_MSN, "MSN"),
    (Kind::X_YAHOO, "Yahoo"),
    (Kind::X_SKYPE, "Skype"),
    (Kind::X_SKYPE_USERNAME, "Skype"),
    (Kind::X_GOOGLE_TALK, "Google Talk"),
    (Kind::X_QQ, "QQ"),
    (Kind::X_GADUGADU, "Gadu-Gadu"),
    (Kind::X_GROUPWISE, "GroupWise"),
    (Kind::X_SIP, "SIP"),
    (Kind::X_TWITTER, "Twitter"),
    (Kind::X_MS_IMADDRESS, "chat"),
    (Kind::X_IMADDRESS, "chat"),
    (Kind::ADR, "address"),
    (Kind::LABEL, "address label"),
    (Kind::GEO, "position"),
    (Kind::TZ, "time zone"),
    (Kind::LANG, "language"),
    (Kind::URL, "web"),
    (Kind::X_EVOLUTION_BLOG_URL, "blog"),
    (Kind::X_KADDRESSBOOK_BLOGFEED, "blog"),
    (Kind::X_EVOLUTION_VIDEO_URL, "video chat"),
    (Kind::CONTACT_URI, "contact form"),
    (Kind::ORG_DIRECTORY, "directory"),
    (Kind::FBURL, "free and busy times"),
    (Kind::CALURI, "calendar"),
    (Kind::CALADRURI, "calendar address"),
    (Kind::SOCIALPROFILE, "profile"),
    (Kind::X_SOCIALPROFILE, "profile"),
    (Kind::BDAY, "birthday"),
    (Kind::BIRTHPLACE, "place of birth"),
    (Kind::ANNIVERSARY, "anniversary"),
    (Kind::X_ANNIVERSARY, "anniversary"),
    (Kind::X_EVOLUTION_ANNIVERSARY, "anniversary"),
    (Kind::X_KADDRESSBOOK_X_ANNIVERSARY, "anniversary"),
    (Kind::DEATHDATE, "date of death"),
    (Kind::DEATHPLACE, "place of death"),
    (Kind::X_ABDATE, "date"),
    (Kind::RELATED, "related"),
    (Kind::X_ABRELATEDNAMES, "related"),
    (Kind::X_SPOUSE, "spouse"),
    (Kind::X_EVOLUTION_SPOUSE, "spouse"),
    (Kind::X_KADDRESSBOOK_X_SPOUSENAME, "spouse"),
    (Kind::X_MANAGER, "manager"),
    (Kind::X_EVOLUTION_MANAGER, "manager"),
    (Kind::X_KADDRESSBOOK_X_MANAGERSNAME, "manager"),
    (Kind::X_ASSISTANT, "assistant"),
    (Kind::X_EVOLUTION_ASSISTANT, "assistant"),
    (Kind::X_KADDRESSBOOK_X_ASSISTANTSNAME, "assistant"),
    (Kind::AGENT, "agent"),
    (Kind::CATEGORIES, "categories"),
    (Kind::MEMBER, "member"),
    (Kind::X_ADDRESSBOOKSERVER_MEMBER, "member"),
    (Kind::EXPERTISE, "expertise"),
    (Kind::HOBBY, "hobby"),
    (Kind::INTEREST, "interest"),
    (Kind::NOTE, "note"),
    (Kind::PHOTO, "photo"),
    (Kind::X_MS_CARDPICTURE, "photo"),
    (Kind::LOGO, "logo"),
    (Kind::SOUND, "sound"),
    (Kind::KEY, "key"),
    (Kind::X_OPENPGP_FP, "key fingerprint"),
    (Kind::ATTACH, "attachment"),
    (Kind::GENDER, "gender"),
    (Kind::X_GENDER, "gender"),
    (Kind::X_WAB_GENDER, "gender"),
    (Kind::GRAMGENDER, "grammatical gender"),
    (Kind::KIND, "kind"),
    (Kind::X_ADDRESSBOOKSERVER_KIND, "kind"),
    (Kind::CLASS, "access"),
    (Kind::X_CLASS, "access"),
    (Kind::SORT_STRING, "sorted as"),
    (Kind::X_EVOLUTION_FILE_AS, "filed as"),
    (Kind::SOURCE, "source"),
    (Kind::NAME, "name of the source"),
    (Kind::LANGUAGE, "language of the card"),
    (Kind::CREATED, "created"),
    (Kind::MAILER, "mail program"),
    (Kind::XML, "XML"),
];

/// The kinds that say nothing to a person: the machinery of vCard.
const SILENT: &[Kind] = &[
    Kind::UID,
    Kind::PRODID,
    Kind::REV,
    Kind::CLIENTPIDMAP,
    Kind::PROFILE,
    Kind::X_ABLABEL,
    Kind::X_ABADR,
];

/// The place of a property on the sheet; those without a word come last.
pub fn rank(name: &str) -> usize {
    let kind = Kind::of(name);
    LABELS.iter().position(|(known, _)| *known == kind).unwrap_or(LABELS.len())
}

/// The word for a property, if there is one.
pub fn word(name: &str) -> Option<&'static str> {
    LABELS.get(rank(name)).map(|(_, word)| *word)
}

/// The vCard name, in lower case, of what a person calls a property: the first with this word.
pub fn name_of(word: &str) -> Option<String> {
    let found = LABELS.iter().find(|(_, known)| known.eq_ignore_ascii_case(word))?;
    Some(found.0.name().to_ascii_lowercase())
}

/// Returns whether a property says nothing to a person.
pub fn is_silent(name: &str) -> bool {
    name == "version" || SILENT.contains(&Kind::of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds of one vendor or one program for which there is no word: they are shown last, by
    /// their own name.
    const UNNAMED: &[Kind] = &[
        Kind::JSPROP,
        Kind::X_ABUID,
        Kind::X_ABSHOWAS,
        Kind::X_ABORDER,
        Kind::X_ANDROID_CUSTOM,
        Kind::X_MOZILLA_HTML,
        Kind::X_MOZILLA_PROPERTY,
        Kind::X_MS_OL_DEFAULT_POSTAL_ADDRESS,
        Kind::X_MS_OL_DESIGN,
        Kind::X_KADDRESSBOOK_CRYPTOPROTOPREF,
    ];

    #[test]
    fn every_kind_has_a_word_or_says_that_it_needs_none() {
        for kind in Kind::KNOWN {
            let places = LABELS.iter().filter(|(known, _)| known == kind).count()
                + UNNAMED.iter().chain(SILENT).filter(|known| *known == kind).count();
            assert_eq!(places, 1, "{kind:?}");
        }
    }
}
