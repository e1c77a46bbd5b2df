//! Plots as SVG: bars of medians with a line from the least to the most, readable on light and dark pages.

use std::fmt::Write;

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// Drawn in the colour of this program rather than of a peer.
    pub(super) own: bool,
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 250.0;
/// Room for the figure behind the longest bar.
const FIGURES: f64 = 90.0;
const ROW: f64 = 28.0;
const TOP: f64 = 40.0;

/// Bars below each other, the shorter the better.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.most).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / longest;
    let height = TOP + ROW * bars.iter().map(|_| 1.0).sum::<f64>() + 10.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"10\" y=\"22\" font-weight=\"bold\" fill=\"#222\">{} ({})</text>\n",
        escaped(title),
        escaped(title),
        escaped(unit)
    );
    let mut top = TOP;
    for bar in bars {
        let colour = if bar.own { "#2a6fbb" } else { "#b0b4ba" };
        let (length, least, most) = (bar.median * scale, LABELS + bar.least * scale, LABELS + bar.most * scale);
        let middle = top + ROW / 2.0;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>\n<rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\n<line x1=\"{least:.1}\" x2=\"{most:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#222\"/>\n<text x=\"{:.1}\" y=\"{}\" fill=\"#222\">{}</text>",
            LABELS - 8.0,
            middle + 4.0,
            escaped(&bar.label),
            top + 4.0,
            ROW - 8.0,
            most.max(LABELS + length) + 6.0,
            middle + 4.0,
            figure(bar.median)
        );
        top += ROW;
    }
    out.push_str("</svg>\n");
    out
}

fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_ends_before_its_figure() {
        let bar = |label: &str, median| Bar { label: label.into(), median, least: median, most: median, own: false };
        let svg = bars("a < b", "ms", &[bar("one & two", 10.0), bar("three", 20.0)]);
        assert!(svg.contains("a &lt; b") && svg.contains("one &amp; two"), "{svg}");
        assert!(svg.contains(&format!("width=\"{:.1}\"", WIDTH - LABELS - FIGURES)), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 3);
    }
}
