//! Writes text and shapes as SVG.

use std::fmt::Write;

/// The colours of a light and a dark page.
const STYLE: &str = "
:root { --ground: #ffffff; --text: #1f2328; --faint: #656d76; --ours: #1a7f37; --theirs: #cf222e }
@media (prefers-color-scheme: dark) {
:root { --ground: #0d1117; --text: #e6edf3; --faint: #8d96a0; --ours: #3fb950; --theirs: #f85149 } }
text { fill: var(--text); font: 13px ui-monospace, Menlo, Consolas, monospace; white-space: pre }
.faint { fill: var(--faint) } .strong { font-weight: 700 }
.ground { fill: var(--ground); stroke: var(--faint); stroke-opacity: .4 }
.ours { fill: var(--ours) } .theirs { fill: var(--theirs) }
";

/// A picture being drawn.
pub(super) struct Svg {
    shapes: String,
}

impl Svg {
    pub(super) fn new() -> Self {
        Self { shapes: String::new() }
    }

    /// Adds text whose baseline begins at a place.
    pub(super) fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.shape(format_args!(
            r#"<text x="{x}" y="{y}" class="{class}" xml:space="preserve">{text}</text>"#
        ));
    }

    /// Adds a rectangle.
    pub(super) fn bar(&mut self, at: (usize, usize), size: (usize, usize), class: &str) {
        let ((x, y), (width, height)) = (at, size);
        self.shape(format_args!(
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" class="{class}"/>"#
        ));
    }

    fn shape(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.shapes, "{shape}").expect("a string takes text");
    }

    /// Returns the whole picture on its ground; `title` is for those who cannot see it.
    pub(super) fn finish(self, title: &str, width: usize, height: usize) -> String {
        let shapes = self.shapes;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>{STYLE}</style>
<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" class="ground"/>
{shapes}</svg>
"#,
            width - 1,
            height - 1
        )
    }
}
