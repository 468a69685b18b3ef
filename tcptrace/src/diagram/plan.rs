//! Places of boxes and arrows: the plan of RFC 9293's diagram, with the client's way right and the active close left.

use Anchor::{End, Middle, Start};

use crate::tcp::TcpState::{
    self, Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
    TimeWait,
};

/// Size of the picture.
pub(super) const SIZE: (i32, i32) = (1120, 1190);
/// Size of a state's box.
pub(super) const BOX: (i32, i32) = (220, 70);

/// A state's box, by its middle.
pub(super) struct Node {
    pub(super) state: TcpState,
    pub(super) x: i32,
    pub(super) y: i32,
    /// Side with room for a short arrow for the abrupt end: 1 to the right, -1 to the left; 0 where the way to `CLOSE` is
    /// an edge of its own.
    pub(super) stub: i32,
    /// Whether this is the second box of a state, where its lives end.
    pub(super) is_end: bool,
}

/// Side of its place on which a label goes on.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An arrow with its corners and its label.
pub(super) struct Edge {
    pub(super) from: TcpState,
    pub(super) to: TcpState,
    pub(super) corners: &'static [(i32, i32)],
    /// Place of the label's first line.
    pub(super) label: (i32, i32),
    pub(super) anchor: Anchor,
    /// Lines of the label: what happens, and what is sent in answer. The number comes below.
    pub(super) lines: &'static [&'static str],
}

const fn node(state: TcpState, x: i32, y: i32, stub: i32) -> Node {
    Node { state, x, y, stub, is_end: false }
}

pub(super) const NODES: [Node; 12] = [
    node(Close, 560, 90, 0),
    node(Listen, 230, 250, 0),
    node(SynSent, 890, 250, 0),
    node(SynRecv, 230, 430, -1),
    node(Established, 560, 540, -1),
    node(FinWait1, 230, 710, -1),
    node(CloseWait, 890, 710, 1),
    node(FinWait2, 230, 870, -1),
    node(Closing, 560, 870, 1),
    node(LastAck, 890, 870, 0),
    node(TimeWait, 230, 1030, 0),
    Node { is_end: true, ..node(Close, 560, 1110, 0) },
];

const fn edge(
    (from, to): (TcpState, TcpState),
    corners: &'static [(i32, i32)],
    label: (i32, i32),
    anchor: Anchor,
    lines: &'static [&'static str],
) -> Edge {
    Edge { from, to, corners, label, anchor, lines }
}

pub(super) const EDGES: [Edge; 18] = [
    edge((Close, Listen), &[(450, 90), (230, 90), (230, 215)], (242, 130), Start, &["listen()"]),
    edge((Close, SynSent), &[(670, 90), (890, 90), (890, 215)], (878, 130), End, &["connect()", "SYN sent"]),
    edge((Listen, Close), &[(340, 250), (510, 250), (510, 125)], (425, 242), Middle, &["close()"]),
    edge(
        (SynSent, Close),
        &[(780, 236), (610, 236), (610, 125)],
        (695, 228),
        Middle,
        &["RST, timeout, close()"],
    ),
    edge((Listen, SynRecv), &[(230, 285), (230, 395)], (242, 322), Start, &["SYN received", "SYN+ACK sent"]),
    edge(
        (SynSent, SynRecv),
        &[(780, 268), (640, 268), (640, 412), (340, 412)],
        (628, 322),
        End,
        &["SYN received", "SYN+ACK sent"],
    ),
    edge(
        (SynSent, Established),
        &[(890, 285), (890, 540), (670, 540)],
        (878, 380),
        End,
        &["SYN+ACK received", "ACK sent"],
    ),
    edge(
        (SynRecv, Established),
        &[(340, 444), (520, 444), (520, 505)],
        (430, 436),
        Middle,
        &["ACK received"],
    ),
    edge((SynRecv, FinWait1), &[(170, 465), (170, 675)], (182, 562), Start, &["close()", "FIN sent"]),
    edge(
        (Established, FinWait1),
        &[(500, 575), (500, 630), (290, 630), (290, 675)],
        (395, 622),
        Middle,
        &["close(), FIN sent"],
    ),
    edge(
        (Established, CloseWait),
        &[(620, 575), (620, 630), (890, 630), (890, 675)],
        (755, 622),
        Middle,
        &["FIN received, ACK sent"],
    ),
    edge((FinWait1, FinWait2), &[(230, 745), (230, 835)], (242, 786), Start, &["ACK received"]),
    edge(
        (FinWait1, Closing),
        &[(340, 710), (560, 710), (560, 835)],
        (450, 702),
        Middle,
        &["FIN received, ACK sent"],
    ),
    edge((FinWait2, TimeWait), &[(230, 905), (230, 995)], (242, 938), Start, &["FIN received", "ACK sent"]),
    edge(
        (Closing, TimeWait),
        &[(560, 905), (560, 1016), (340, 1016)],
        (450, 1008),
        Middle,
        &["ACK received"],
    ),
    edge((CloseWait, LastAck), &[(890, 745), (890, 835)], (878, 778), End, &["close()", "FIN sent"]),
    edge((LastAck, Close), &[(890, 905), (890, 1110), (670, 1110)], (878, 1000), End, &["ACK received"]),
    edge(
        (TimeWait, Close),
        &[(230, 1065), (230, 1110), (450, 1110)],
        (340, 1102),
        Middle,
        &["60 s are over"],
    ),
];

/// Whether a step has a place on the plan.
pub(super) fn has(from: TcpState, to: TcpState) -> bool {
    EDGES.iter().any(|edge| (edge.from, edge.to) == (from, to))
        || to == Close && NODES.iter().any(|node| node.state == from && node.stub != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Step, step};

    #[test]
    fn every_normal_step_is_drawn_and_no_impossible_one() {
        for from in TcpState::ALL {
            for to in TcpState::ALL {
                let asks = from == TcpState::NewSynRecv || to == TcpState::NewSynRecv;
                match step(from, to) {
                    Step::Normal(_) if !asks => assert!(has(from, to), "{from} -> {to}"),
                    Step::Impossible => assert!(!has(from, to), "{from} -> {to}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn arrows_begin_and_end_at_their_boxes() {
        let touches = |state, (x, y): (i32, i32)| {
            NODES.iter().filter(|node| node.state == state).any(|node| {
                let (dx, dy) = ((x - node.x).abs() * 2, (y - node.y).abs() * 2);
                (dx == BOX.0 && dy <= BOX.1) || (dy == BOX.1 && dx <= BOX.0)
            })
        };
        for edge in &EDGES {
            let (first, last) = (edge.corners[0], edge.corners[edge.corners.len() - 1]);
            assert!(touches(edge.from, first) && touches(edge.to, last), "{} -> {}", edge.from, edge.to);
        }
    }
}
