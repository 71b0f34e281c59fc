//! `history`: how a contact came to be what it is, newest version first.

use super::args::{HistoryArgs, ShelfArg};
use super::contact_view::brief;
use super::text::{time, visible};
use super::{Context, Exit, Failure, resolve};
use contactbox_api::contact::{ChangeOrigin, ContactVersion, History};

/// Most versions a request may ask for.
const VERSIONS_MAX: u32 = 200;

pub fn run(context: &mut Context, args: HistoryArgs) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::one(&mut client, &args.who.who, ShelfArg::All)?;
    let limit = u32::try_from(args.limit).unwrap_or(VERSIONS_MAX).clamp(1, VERSIONS_MAX);
    let versions = client.call(&History { uid: found.uid, limit: Some(limit) })?.versions;
    if context.out.json {
        for version in &versions {
            context.out.json(version)?;
        }
        return Ok(Exit::Ok);
    }
    let title = context.out.bold(&found.name);
    context.out.line(&title)?;
    for (index, version) in versions.iter().enumerate() {
        print(context, version, index + 1 == versions.len())?;
    }
    Ok(Exit::Ok)
}

fn print(context: &mut Context, version: &ContactVersion, is_oldest: bool) -> Result<(), Failure> {
    let done = match version.origin {
        Some(ChangeOrigin::Edit) => "edited by",
        Some(ChangeOrigin::Import) => "imported by",
        Some(ChangeOrigin::Merge) => "merged from",
        Some(ChangeOrigin::Trash) => "moved to the trash by",
        Some(ChangeOrigin::Restore) => "restored by",
        Some(ChangeOrigin::Purge) => "deleted for good by",
        None => "changed by",
    };
    let author = visible(version.author.as_deref().unwrap_or("?"));
    context.out.line(&format!("{}  {done} {author}", time(version.time)))?;
    for property in version.removed.iter().flatten() {
        context.out.line(&format!("  - {}", brief(property)))?;
    }
    // The oldest version held is not always the first there was: what it says is its state.
    let sign = if is_oldest { ' ' } else { '+' };
    for property in version.added.iter().flatten() {
        context.out.line(&format!("  {sign} {}", brief(property)))?;
    }
    Ok(())
}
