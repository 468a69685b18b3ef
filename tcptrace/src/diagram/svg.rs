//! The diagram as SVG: plain shapes and text, light or dark as the reader's screen is.

use std::fmt::Write as _;

use super::{
    Observed,
    plan::{Anchor, BOX, EDGES, Edge, NODES, Node, SIZE, has},
};
use crate::{
    render::short,
    tcp::TcpState::{self, Close},
};

const STYLE: &str = "\
text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}
.paper{fill:#fff}
.box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.5}
.name{font-weight:600;font-size:15px}
.count{font-weight:600;fill:#0550ae}
.edge{fill:none;stroke:#57606a;stroke-width:1.8}
.abrupt{fill:none;stroke:#cf222e;stroke-width:1.8}
.head{fill:#57606a}
.abrupt-head,.abrupt-count{fill:#cf222e}
.faint .box,.faint .edge{stroke:#d0d7de;stroke-width:1.2}
.faint text{fill:#9aa4ae}
.faint-head{fill:#d0d7de}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.paper{fill:#0d1117}
.box{fill:#161b22;stroke:#9198a1}
.count{fill:#79c0ff}
.edge{stroke:#9198a1}
.head{fill:#9198a1}
.abrupt{stroke:#ff7b72}
.abrupt-head,.abrupt-count{fill:#ff7b72}
.faint .box,.faint .edge{stroke:#30363d}
.faint text{fill:#6e7681}
.faint-head{fill:#30363d}
}";

/// Draws the diagram; with what was observed, if there is a recording.
#[must_use]
pub fn svg(observed: Option<&Observed>) -> String {
    let (width, height) = SIZE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>The states of TCP</title>\n<style>\n{STYLE}\n</style>\n<defs>\n"
    );
    for class in ["head", "faint-head", "abrupt-head"] {
        let _ = writeln!(
            out,
            "<marker id=\"{class}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" \
             markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
             <path class=\"{class}\" d=\"M0 0L10 5L0 10z\"/></marker>"
        );
    }
    let _ = writeln!(out, "</defs>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
    EDGES.iter().for_each(|edge| arrow(&mut out, edge, observed));
    NODES.iter().for_each(|node| state(&mut out, node, observed));
    if let Some(observed) = observed {
        legend(&mut out, observed);
    }
    out.push_str("</svg>\n");
    out
}

fn arrow(out: &mut String, edge: &Edge, observed: Option<&Observed>) {
    let count = observed.map(|observed| observed.count(edge.from, edge.to));
    let (group, head) = if count == Some(0) { (" class=\"faint\"", "faint-head") } else { ("", "head") };
    let corners: Vec<_> = edge.corners.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let _ = writeln!(
        out,
        "<g{group}><title>{} to {}</title>\n\
         <polyline class=\"edge\" points=\"{}\" marker-end=\"url(#{head})\"/>",
        edge.from,
        edge.to,
        corners.join(" ")
    );
    let (x, mut y) = edge.label;
    for line in edge.lines {
        text(out, "", (x, y), edge.anchor, line);
        y += 17;
    }
    if let Some(count) = count.filter(|count| *count > 0) {
        // Below a line that the label stands on.
        let below = if matches!(edge.anchor, Anchor::Middle) { 8 } else { 0 };
        text(out, "count", (x, y + below), edge.anchor, &count.to_string());
    }
    out.push_str("</g>\n");
}

fn state(out: &mut String, node: &Node, observed: Option<&Observed>) {
    let Node { state, x, y, stub, is_end } = *node;
    let (width, height) = BOX;
    let at_beginning = state == Close && !is_end;
    let visits = observed.filter(|_| !at_beginning).map(|observed| observed.visits(state));
    let is_faint = observed.is_some_and(|observed| !is_touched(observed, state));
    let _ = writeln!(
        out,
        "<g{}><rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>",
        if is_faint { " class=\"faint\"" } else { "" },
        x - width / 2,
        y - height / 2
    );
    let lasted = observed.and_then(|observed| observed.lasted(state)).filter(|_| state != Close);
    let mut lines = vec![("name", state.name().to_owned())];
    lines.extend(visits.filter(|visits| *visits > 0).map(|visits| ("count", describe_visits(visits))));
    lines.extend(
        lasted.map(|lasted| ("", format!("median {} · p99 {}", short(lasted.median), short(lasted.p99)))),
    );
    let top = y + 5 - (lines.len() as i32 - 1) * 10;
    for (i, (class, line)) in lines.iter().enumerate() {
        text(out, class, (x, top + i as i32 * 20), Anchor::Middle, line);
    }
    let abrupt = observed.map_or(0, |observed| observed.count(state, Close));
    if stub != 0 && abrupt > 0 {
        let begin = x + stub * width / 2;
        let _ = writeln!(
            out,
            "<line class=\"abrupt\" x1=\"{begin}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" marker-end=\"url(#abrupt-head)\"/>",
            begin + stub * 70
        );
        text(out, "abrupt-count", (begin + stub * 35, y - 8), Anchor::Middle, &abrupt.to_string());
        text(out, "", (begin + stub * 35, y + 18), Anchor::Middle, "to CLOSE");
    }
    out.push_str("</g>\n");
}

/// Whether a recording says anything about a state.
fn is_touched(observed: &Observed, state: TcpState) -> bool {
    observed.visits(state) > 0 || observed.steps().any(|(from, to, _)| from == state || to == state)
}

fn describe_visits(visits: u64) -> String {
    if visits == 1 { "1 visit".to_owned() } else { format!("{visits} visits") }
}

fn legend(out: &mut String, observed: &Observed) {
    let total: u64 = observed.steps().map(|(.., count)| count).sum();
    let mut words = format!("{total} steps on {} kinds of edges", observed.steps().count());
    if observed.unseen > 0 {
        let _ = write!(words, ", {} not seen", observed.unseen);
    }
    words.push_str(". Faint: never observed. Red: straight to CLOSE by a reset, a timeout or an abort.");
    text(out, "", (24, 30), Anchor::Start, &words);
    let others: Vec<_> = observed
        .steps()
        .filter(|(from, to, _)| !has(*from, *to))
        .map(|(from, to, count)| format!("{from} → {to} {count}"))
        .collect();
    if !others.is_empty() {
        text(out, "", (24, SIZE.1 - 16), Anchor::Start, &format!("Also observed: {}", others.join(", ")));
    }
}

/// Writes a line of text. All words are ours: nothing in them needs to be escaped.
fn text(out: &mut String, class: &str, (x, y): (i32, i32), anchor: Anchor, words: &str) {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(out, "<text{class} x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>");
}
