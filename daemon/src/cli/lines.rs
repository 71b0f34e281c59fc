//! The lines of a vCard: folded for the wire, unfolded for a person.

/// Octets of a line on the wire (RFC 6350, 3.2).
const FOLD_BYTES: usize = 75;

/// The lines of a text with their continuations joined; empty ones are passed over.
pub fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => lines.push(line.to_string()),
        }
    }
    lines
}

/// A line for the wire: folded, never inside a character, and ended.
pub fn fold(line: &str, out: &mut String) {
    let mut room = FOLD_BYTES;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = FOLD_BYTES - 1;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_undone() {
        let line = format!("NOTE:{}", "äx".repeat(100));
        let mut folded = String::new();
        fold(&line, &mut folded);
        assert!(folded.split("\r\n").all(|part| part.len() <= FOLD_BYTES));
        assert_eq!(unfold(&folded), [line]);
    }
}
