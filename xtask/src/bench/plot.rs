//! The rounds as a picture: a row per contender, a dot per round, a bar at the median.

use super::{entry::Entry, figures::Values};
use std::fmt::Write as _;

const ROW: f64 = 34.0;
/// Where the rows begin.
const TOP: f64 = 96.0;
const WIDTH: f64 = 1120.0;
const INK: &str = "#1f2933";
const FAINT: &str = "#d5dae1";

/// One scale beside the names.
struct Panel {
    title: &'static str,
    left: f64,
    width: f64,
    from: f64,
    to: f64,
    step: f64,
    colour: &'static str,
}

impl Panel {
    fn x(&self, value: f64) -> f64 {
        self.left + (value - self.from) / (self.to - self.from) * self.width
    }

    /// The title, and the grid over this number of rows.
    fn frame(&self, svg: &mut String, rows: usize) {
        let Self { title, left, .. } = self;
        let (top, bottom) = (TOP - 6.0, TOP + rows as f64 * ROW);
        text(svg, *left, TOP - 30.0, "start", 600, title);
        let ticks = ((self.to - self.from) / self.step).round() as u32;
        for tick in 0..=ticks {
            let value = f64::from(tick).mul_add(self.step, self.from);
            let x = self.x(value);
            put(svg, format_args!("<path d='M{x:.1} {top}V{bottom}' stroke='{FAINT}'/>"));
            let decimals = usize::from(self.step < 1.0) + usize::from(self.step < 0.1);
            text(svg, x, TOP - 12.0, "middle", 400, &format!("{value:.decimals$}"));
        }
    }

    fn row(&self, svg: &mut String, values: &Values, middle: f64) {
        let colour = self.colour;
        if let (Some(min), Some(median), Some(max)) = (values.min(), values.median(), values.max()) {
            let (from, to, bar) = (self.x(min), self.x(max), self.x(median));
            put(
                svg,
                format_args!(
                    "<path d='M{from:.1} {middle}H{to:.1}' stroke='{colour}' stroke-opacity='.4' stroke-width='3'/>"
                ),
            );
            put(
                svg,
                format_args!("<path d='M{bar:.1} {}v18' stroke='{colour}' stroke-width='3'/>", middle - 9.0),
            );
        }
        for value in values.sorted() {
            let x = self.x(*value);
            put(
                svg,
                format_args!(
                    "<circle cx='{x:.1}' cy='{middle}' r='3.5' fill='{colour}' fill-opacity='.55'/>"
                ),
            );
        }
    }
}

/// The picture; `changes` is how many state changes a run has.
pub(super) fn svg(entries: &[Entry], title: &str, changes: f64) -> String {
    let ratios: Vec<Values> = entries.iter().map(|entry| entry.values(|run| Some(run.ratio))).collect();
    let cpu: Vec<Values> = entries.iter().map(|entry| entry.cpu(changes)).collect();
    let lowest = ratios.iter().filter_map(Values::min).fold(0.9, f64::min);
    let highest = ratios.iter().filter_map(Values::max).fold(1.0, f64::max);
    let most = cpu.iter().filter_map(Values::max).fold(0.0, f64::max);
    let panels = [
        (&ratios, panel("connections/s, no tracer = 1", 220.0, 360.0, lowest, highest, "#2563a8")),
        (&cpu, panel("CPU seconds per million state changes", 620.0, 250.0, 0.0, most, "#b4532a")),
    ];

    let height = TOP + entries.len() as f64 * ROW + 34.0;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' font-family='sans-serif' \
         font-size='13' fill='{INK}'>\n<rect width='100%' height='100%' fill='white'/>\n"
    );
    put(
        &mut svg,
        format_args!(
            "<text x='20' y='32' font-size='18' font-weight='600'>What tracing costs: {title}</text>"
        ),
    );
    for (_, panel) in &panels {
        panel.frame(&mut svg, entries.len());
    }
    text(&mut svg, 1020.0, TOP - 30.0, "end", 600, "kernel ns");
    text(&mut svg, 1095.0, TOP - 30.0, "end", 600, "lost");
    for (place, entry) in entries.iter().enumerate() {
        let middle = (place as f64 + 0.5).mul_add(ROW, TOP);
        text(&mut svg, 20.0, middle + 4.5, "start", 400, entry.contender.name);
        for (values, panel) in &panels {
            panel.row(&mut svg, &values[place], middle);
        }
        let kernel = entry.kernel_ns.map_or_else(String::new, |ns| format!("{ns:.0}"));
        let lost = entry.lost().map_or_else(String::new, |lost| lost.to_string());
        text(&mut svg, 1020.0, middle + 4.5, "end", 400, &kernel);
        text(&mut svg, 1095.0, middle + 4.5, "end", 400, &lost);
    }
    text(
        &mut svg,
        20.0,
        height - 14.0,
        "start",
        400,
        "a dot per round, a bar at the median; kernel ns per state change; lost in all rounds",
    );
    svg.push_str("</svg>\n");
    svg
}

/// A scale with round numbers that has room for both values.
fn panel(title: &'static str, left: f64, width: f64, low: f64, high: f64, colour: &'static str) -> Panel {
    let span = (high - low).max(0.01);
    let power = 10_f64.powf((span / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| span / step <= 6.0);
    let step = step.unwrap_or(span);
    Panel {
        title,
        left,
        width,
        from: (low / step).floor() * step,
        to: (high / step).ceil() * step,
        step,
        colour,
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, weight: u32, words: &str) {
    put(
        svg,
        format_args!(
            "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' font-weight='{weight}'>{words}</text>"
        ),
    );
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    // A String collects what cannot fail.
    let _ = writeln!(svg, "{element}");
}

#[cfg(test)]
mod tests {
    use super::panel;

    #[test]
    fn a_scale_has_round_numbers_and_room() {
        for (low, high, expected) in
            [(0.62, 1.03, (0.6, 1.1, 0.1)), (0.0, 0.0, (0.0, 0.0, 0.002)), (0.0, 37.0, (0.0, 40.0, 10.0))]
        {
            let panel = panel("", 0.0, 1.0, low, high, "");
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(close(panel.from, expected.0) && panel.to >= high, "{low} {high} {}", panel.to);
            assert!(close(panel.step, expected.2), "{low} {high} {}", panel.step);
            assert!(expected.1 == 0.0 || close(panel.to, expected.1), "{low} {high} {}", panel.to);
        }
    }
}
