//! `rm`, `trash`, `restore`: into the trash, what is in it, out of it, and gone for good.

use super::args::{Rm, ShelfArg, Trash};
use super::find::{self, Pages};
use super::resolve::{self, Resolved};
use super::text::count;
use super::{Context, Exit, Failure, kept};
use crate::client::Client;
use contactbox_api::Method;
use contactbox_api::contact::{ChangeReply, Purge, Remove, Restore};
use contactbox_api::trash::Forget;

pub fn rm(context: &mut Context, args: Rm) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let shelf = if args.purge { ShelfArg::All } else { ShelfArg::Active };
    let found = resolve::some(&mut client, &args.contacts.who, shelf)?;
    if !args.purge {
        return each(context, &mut client, |uid| Remove { uid }, &found, "moved to the trash");
    }
    if !args.yes {
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        context.confirm(&format!("Delete {} for good?", names.join(", ")))?;
    }
    each(context, &mut client, |uid| Purge { uid }, &found, "deleted for good")
}

pub fn restore(context: &mut Context, words: &[String]) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::some(&mut client, words, ShelfArg::Trash)?;
    each(context, &mut client, |uid| Restore { uid }, &found, "restored")
}

fn each<M: Method<Reply = ChangeReply>>(
    context: &mut Context,
    client: &mut Client,
    change: impl Fn(String) -> M,
    found: &[Resolved],
    done: &str,
) -> Result<Exit, Failure> {
    for contact in found {
        let answer = client.ask(&change(contact.uid.clone()))?;
        if context.out.json {
            context.out.json(&answer.raw)?;
        } else {
            context.out.say(&format!(
                "{} {done}  {}",
                contact.name,
                context.out.dim(resolve::short(&contact.uid))
            ))?;
        }
    }
    Ok(Exit::Ok)
}

pub fn trash(context: &mut Context, args: Trash) -> Result<Exit, Failure> {
    let query = args.query.join(" ");
    let mut client = context.client()?;
    if args.empty {
        return empty(context, &mut client, &query, args.yes);
    }
    let mut pages = Pages::new(&query, ShelfArg::Trash);
    let found = find::print(context, &mut client, &mut pages, u64::MAX)?;
    let gone = kept::find(&mut client, &query, u64::MAX)?;
    kept::print(context, &gone)?;
    let exit = pages.lacks.tell(context);
    match found + gone.len() as u64 {
        0 => Err(Failure::new(Exit::NothingFound, find::nothing(&query, ShelfArg::Trash))),
        _ => Ok(exit),
    }
}

fn empty(
    context: &mut Context,
    client: &mut Client,
    query: &str,
    yes: bool,
) -> Result<Exit, Failure> {
    // All are fetched before the first goes: a page must not move under its cursor.
    let mut pages = Pages::new(query, ShelfArg::Trash);
    let mut uids: Vec<String> = Vec::new();
    while let Some(hit) = pages.next(client, u64::MAX)? {
        uids.push(hit.uid);
    }
    // Forgetting is all or nothing: words are for contacts that are here.
    let mut gone = kept::find(client, query, u64::MAX)?.len() as u64;
    if !query.is_empty() && gone > 0 {
        context.out.note(&format!(
            "{} that another box removed stays in the trash until its time is over; `contactbox trash --empty` without words forgets all of these",
            count(gone, "contact")
        ));
        gone = 0;
    }
    if uids.is_empty() && gone == 0 {
        // The trash is as it was asked for already.
        context.out.say(&find::nothing(query, ShelfArg::Trash))?;
        return Ok(Exit::Ok);
    }
    let contacts = count(uids.len() as u64 + gone, "contact");
    if !yes {
        context.confirm(&format!("Delete {contacts} in the trash for good?"))?;
    }
    for uid in uids {
        client.call(&Purge { uid })?;
    }
    if gone > 0 {
        client.call(&Forget {})?;
    }
    context.out.say(&format!("{contacts} deleted for good"))?;
    Ok(Exit::Ok)
}
