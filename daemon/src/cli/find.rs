//! `find`: people as a table, best match first.

use super::args::{FindArgs, ShelfArg};
use super::contact_view::bare_number;
use super::out::{Column, shorten};
use super::resolve::short;
use super::text::{count, visible};
use super::{Context, Exit, Failure};
use crate::client::Client;
use contactbox_api::PageCursor;
use contactbox_api::contact::{Find, FoundContact, Unlisted};
use std::borrow::Cow;

/// Most hits a request may ask for.
const PAGE_MAX: u32 = 200;

/// A table's columns are measured over this many rows, so that a long list begins at once.
const ROWS_AT_ONCE: usize = 2000;

pub fn run(context: &mut Context, args: FindArgs) -> Result<Exit, Failure> {
    let query = args.query.join(" ");
    let limit = if args.all { u64::MAX } else { args.limit };
    let mut client = context.client()?;
    let mut pages = Pages::new(&query, args.shelf);
    let found = print(context, &mut client, &mut pages, limit)?;
    let has_more = found > 0 && pages.has_more(&mut client)?;
    let exit = pages.lacks.tell(context);
    if found == 0 {
        // The person looked for may be among the missing contacts.
        let exit = if exit == Exit::Ok { Exit::NothingFound } else { exit };
        return Err(Failure::new(exit, nothing(&query, args.shelf)));
    }
    if has_more {
        context.out.note(&format!(
            "the first {}; --limit COUNT or --all shows more",
            count(found, "contact")
        ));
    }
    Ok(exit)
}

/// The contacts that a list, an export or a backup lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Contacts that are not in it because they cannot be read.
    pub left_out: u64,
    /// True when the box itself has lost something.
    pub is_lossy: bool,
}

impl Lacks {
    /// Notes what an answer says of all there is.
    pub fn note(&mut self, unlisted: &Unlisted) {
        self.left_out = self.left_out.max(unlisted.left_out_count.unwrap_or(0));
        self.is_lossy |= unlisted.lacks;
    }

    /// Says it, if there is something to say, and how the command ends.
    pub(super) fn tell(self, context: &mut Context) -> Exit {
        if self.left_out > 0 {
            context.out.note(&format!(
                "left out: {} that cannot be read; `contactbox verify` tells more",
                count(self.left_out, "contact")
            ));
        }
        if self.is_lossy {
            context.out.note(
                "this box has lost something: contacts may be missing, or older than they were; `contactbox verify` tells more",
            );
        }
        if self == Self::default() { Exit::Ok } else { Exit::Partly }
    }
}

pub fn nothing(query: &str, shelf: ShelfArg) -> String {
    match (query.is_empty(), shelf) {
        (true, ShelfArg::Trash) => "the trash is empty".to_string(),
        (true, _) => "the box is empty; `contactbox import FILE` or `contactbox add NAME` fills it"
            .to_string(),
        (false, ShelfArg::Trash) => format!("nobody in the trash fits \"{}\"", visible(query)),
        (false, _) => format!("nobody fits \"{}\"", visible(query)),
    }
}

/// Prints up to `limit` hits and says how many there were.
pub fn print(
    context: &mut Context,
    client: &mut Client,
    pages: &mut Pages,
    limit: u64,
) -> Result<u64, Failure> {
    let mut printed = 0;
    let mut rows = Vec::new();
    while printed < limit
        && let Some(hit) = pages.next(client, limit - printed)?
    {
        printed += 1;
        if context.out.json {
            context.out.json(&hit)?;
        } else {
            rows.push(row(&hit, pages.shelf));
        }
        if rows.len() == ROWS_AT_ONCE {
            context.out.table(&COLUMNS, std::mem::take(&mut rows))?;
        }
    }
    if !rows.is_empty() {
        context.out.table(&COLUMNS, rows)?;
    }
    Ok(printed)
}

/// Widest phone number, in columns: 15 digits, in groups, with an extension, and room for more.
/// With the narrowest of the others it fits on 80 columns.
const NUMBER_WIDTH_MAX: usize = 28;

/// Numbers and ids are of use only as a whole.
const COLUMNS: [Column; 5] = [
    Column { head: "NAME", width_min: Some(12) },
    Column { head: "PHONE", width_min: None },
    Column { head: "EMAIL", width_min: Some(12) },
    Column { head: "ORGANISATION", width_min: Some(12) },
    Column { head: "ID", width_min: None },
];

fn row(hit: &FoundContact<'_>, shelf: ShelfArg) -> Vec<String> {
    let text = |text: &Option<Cow<'_, str>>| visible(text.as_deref().unwrap_or("")).into_owned();
    let mut name = visible(&hit.name).into_owned();
    if hit.trashed && shelf == ShelfArg::All {
        name.push_str(" (trash)");
    }
    if hit.stale {
        name.push_str(" (older version: the newest was damaged)");
    }
    let uid = visible(&hit.uid);
    let mut number = bare_number(&text(&hit.tel)).to_string();
    shorten(&mut number, NUMBER_WIDTH_MAX);
    vec![name, number, text(&hit.email), text(&hit.org), short(&uid).to_string()]
}

/// The hits of a query, fetched a page at a time.
pub struct Pages {
    query: String,
    shelf: ShelfArg,
    page: std::vec::IntoIter<FoundContact<'static>>,
    cursor: Option<PageCursor>,
    begun: bool,
    /// The contacts that are in no list.
    pub lacks: Lacks,
}

impl Pages {
    pub fn new(query: &str, shelf: ShelfArg) -> Self {
        Self {
            query: query.to_string(),
            shelf,
            page: Vec::new().into_iter(),
            cursor: None,
            begun: false,
            lacks: Lacks::default(),
        }
    }

    /// The next hit; `wanted` is how many the caller still has use for.
    pub fn next(
        &mut self,
        client: &mut Client,
        wanted: u64,
    ) -> Result<Option<FoundContact<'static>>, Failure> {
        loop {
            if let Some(hit) = self.page.next() {
                return Ok(Some(hit));
            }
            if self.begun && self.cursor.is_none() {
                return Ok(None);
            }
            let limit = u32::try_from(wanted).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
            let answer = client.call(&Find {
                query: self.query.clone(),
                shelf: self.shelf.shelf(),
                limit: Some(limit),
                cursor: self.cursor.take(),
            })?;
            self.begun = true;
            self.lacks.note(&answer.unlisted);
            self.cursor = answer.cursor;
            self.page = answer.hits.into_iter();
        }
    }

    /// Returns whether there are hits beyond those given.
    fn has_more(&mut self, client: &mut Client) -> Result<bool, Failure> {
        Ok(self.next(client, 1)?.is_some())
    }
}
