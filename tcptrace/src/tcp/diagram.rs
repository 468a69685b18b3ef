//! The whole state diagram as a picture for the terminal.

/// State diagram with the events between the states, and which side walks where: UTF-8, at most 79 columns, ends with a
/// newline.
#[must_use]
pub const fn diagram() -> &'static str {
    include_str!("diagram.txt")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::tcp::{
        Step,
        TcpState::{self, *},
        step,
    };

    /// Direction of a line from a cell: rows and columns to add.
    type Direction = (isize, isize);
    const UP: Direction = (-1, 0);
    const DOWN: Direction = (1, 0);
    const LEFT: Direction = (0, -1);
    const RIGHT: Direction = (0, 1);

    /// The picture as cells, and for each cell the state whose box covers it.
    struct Picture {
        cells: Vec<Vec<char>>,
        boxes: Vec<(TcpState, usize, usize, usize)>,
    }

    impl Picture {
        fn new(text: &str) -> Self {
            let cells: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
            let is_wall = |c: &char| "│║├┤╞╡╟╢".contains(*c);
            let mut boxes = Vec::new();
            for (row, line) in cells.iter().enumerate() {
                let walls: Vec<usize> = (0..line.len()).filter(|&column| is_wall(&line[column])).collect();
                for wall in walls.windows(2) {
                    let inside: String = line[wall[0] + 1..wall[1]].iter().collect();
                    if let Ok(state) = inside.trim().parse() {
                        boxes.push((state, row, wall[0], wall[1]));
                    }
                }
            }
            Self { cells, boxes }
        }

        fn state_at(&self, row: usize, column: usize) -> Option<TcpState> {
            let covers = |&&(_, middle, left, right): &&(TcpState, usize, usize, usize)| {
                row.abs_diff(middle) <= 1 && (left..=right).contains(&column)
            };
            self.boxes.iter().find(covers).map(|found| found.0)
        }

        /// Follows every line that leaves a box to the box that its arrow points at.
        fn arrows(&self) -> BTreeSet<(TcpState, TcpState)> {
            let mut arrows = BTreeSet::new();
            for (row, line) in self.cells.iter().enumerate() {
                for (column, cell) in line.iter().enumerate() {
                    let Some(from) = self.state_at(row, column) else { continue };
                    let direction = match cell {
                        '┬' | '╤' | '╥' | '╦' => DOWN,
                        '├' | '╞' | '╟' | '╠' => RIGHT,
                        '┤' | '╡' | '╢' | '╣' => LEFT,
                        _ => continue,
                    };
                    arrows.insert((from, self.follow(from, row, column, direction)));
                }
            }
            arrows
        }

        fn follow(&self, from: TcpState, mut row: usize, mut column: usize, start: Direction) -> TcpState {
            let mut direction = start;
            loop {
                row = row.wrapping_add_signed(direction.0);
                column = column.wrapping_add_signed(direction.1);
                direction = match (self.cells[row][column], direction) {
                    ('─' | '═' | '┄', LEFT | RIGHT) | ('│' | '║' | '┆', UP | DOWN) => direction,
                    ('┌' | '╔', UP) | ('└' | '╚', DOWN) => RIGHT,
                    ('┐' | '╗', UP) | ('┘' | '╝', DOWN) => LEFT,
                    ('┌' | '╔', LEFT) | ('┐' | '╗', RIGHT) => DOWN,
                    ('└' | '╚', LEFT) | ('┘' | '╝', RIGHT) => UP,
                    ('▲', UP) | ('▼', DOWN) | ('◀', LEFT) | ('▶', RIGHT) => {
                        let row = row.wrapping_add_signed(direction.0);
                        let column = column.wrapping_add_signed(direction.1);
                        return self.state_at(row, column).expect("an arrow points at a box");
                    }
                    (cell, _) => {
                        panic!(
                            "the line from {from} breaks at {cell:?}, row {}, column {}",
                            row + 1,
                            column + 1
                        )
                    }
                };
            }
        }
    }

    #[test]
    fn the_arrows_are_the_steps() {
        let picture = Picture::new(diagram());
        let drawn = picture.arrows();

        let states = || TcpState::ALL.into_iter().filter(|state| *state != NewSynRecv);
        for state in states() {
            assert!(picture.boxes.iter().any(|found| found.0 == state), "{state} has no box");
        }
        let mut steps: BTreeSet<(TcpState, TcpState)> = states()
            .flat_map(|from| states().map(move |to| (from, to)))
            .filter(|(from, to)| matches!(step(*from, *to), Step::Normal(_)))
            .collect();
        // Both sides at once: rare, but without them there is no way to and from CLOSING.
        steps.extend([(SynSent, SynRecv), (FinWait1, Closing), (Closing, TimeWait)]);
        assert_eq!(drawn, steps);
    }

    #[test]
    fn it_fits_a_terminal() {
        for line in diagram().lines() {
            assert!(line.width() <= 79, "{} columns: {line}", line.width());
            assert_eq!(line, line.trim_end());
        }
    }
}
