//! Draws how many runs with two power cuts lost an acknowledged contact, in this box and in other
//! engines.

use super::svg::Svg;

const BAR_PIXELS: usize = 22;
const LABEL_PIXELS: usize = 210;
const WIDTH_PIXELS: usize = 720;
const MARGIN_PIXELS: usize = 16;

/// An engine and what became of its runs with two cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossRow {
    /// The engine.
    pub engine: String,
    /// All runs.
    pub runs: u64,
    /// Those in which an acknowledged contact was gone, unreadable, wrong or an older version.
    pub lost: u64,
    /// Those in which the store did not open, took no more edits or panicked.
    pub stuck: u64,
}

/// Returns the rows in what `crash-bench` prints, or in a paper that holds that.
pub fn losses_in(text: &str) -> Vec<LossRow> {
    let mut rows = Vec::new();
    let mut engine = None;
    for line in text.lines() {
        if let Some((name, _)) =
            line.split_once(": ").filter(|(_, rest)| rest.contains(" pages of "))
        {
            engine = Some(name.to_owned());
        }
        let mut words = line.split_whitespace();
        if words.next() != Some("all") {
            continue;
        }
        let numbers: Vec<u64> =
            words.filter_map(|word| word.replace(',', "").parse().ok()).collect();
        if let (&[_, _, _, _, runs, lost, stale, stuck], Some(engine)) = (&*numbers, engine.take())
        {
            rows.push(LossRow { engine, runs, lost: lost + stale, stuck });
        }
    }
    rows
}

/// Draws the rows as bars.
pub fn losses(rows: &[LossRow]) -> String {
    let most = rows.iter().map(|row| row.lost + row.stuck).max().unwrap_or(0).max(1);
    let room = WIDTH_PIXELS - LABEL_PIXELS - 2 * MARGIN_PIXELS - 150;
    let runs = rows.first().map_or(0, |row| row.runs);
    let mut picture = Svg::new();
    let mut y = MARGIN_PIXELS + 12;
    let head = format!("{runs} runs with two power cuts: contacts lost, or the store stuck");
    picture.text(MARGIN_PIXELS, y, "strong", &head);
    y += 14;
    for row in rows {
        let bad = row.lost + row.stuck;
        let is_ours = row.engine == "contactbox";
        let width = usize::try_from(bad).unwrap_or(usize::MAX).saturating_mul(room)
            / usize::try_from(most).unwrap_or(1);
        let class = if is_ours { "ours" } else { "theirs" };
        picture.text(MARGIN_PIXELS, y + 16, if is_ours { "strong" } else { "" }, &row.engine);
        picture.bar((MARGIN_PIXELS + LABEL_PIXELS, y), (width.max(2), BAR_PIXELS), class);
        let label = match row.stuck {
            0 => format!("{} lost", row.lost),
            stuck => format!("{} lost, {stuck} stuck", row.lost),
        };
        picture.text(MARGIN_PIXELS + LABEL_PIXELS + width + 10, y + 16, "", &label);
        y += BAR_PIXELS + 10;
    }
    picture.finish("Power cuts in contactbox and in other engines", WIDTH_PIXELS, y + 6)
}
