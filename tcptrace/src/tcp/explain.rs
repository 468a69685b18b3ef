//! A page on one state for a terminal: what it means, how to get in and out, and what to do when it stays.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Step, TcpState, enters, leaves, meaning};

const COLUMNS: usize = 79;

/// Styles of the parts of a page. The default is plain.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageStyles {
    /// Style of the state's name and of the headings.
    pub heading: Style,
    /// Style of commands to run.
    pub command: Style,
}

impl PageStyles {
    /// Styles with bold headings and commands in cyan; whoever owns the terminal strips it where it does not belong.
    #[must_use]
    pub const fn coloured() -> Self {
        Self { heading: Style::new().bold(), command: anstyle::AnsiColor::Cyan.on_default() }
    }
}

/// Writes the page of one state, wrapped at 79 columns.
///
/// # Errors
///
/// Errors of `out`.
pub fn explain(out: &mut impl Write, state: TcpState, styles: PageStyles) -> io::Result<()> {
    // A request socket is SYN_RECV to everybody outside the kernel, and its page tells both.
    let state = if state == TcpState::NewSynRecv { TcpState::SynRecv } else { state };
    let PageStyles { heading, command } = styles;
    let meaning = meaning(state);

    writeln!(out, "{heading}{state}{heading:#}: {}", meaning.short)?;
    writeln!(out, "Found on {}.", meaning.side)?;

    writeln!(out, "\n{heading}Means{heading:#}")?;
    paragraph(out, 2, meaning.means)?;

    writeln!(out, "\n{heading}Gets in{heading:#}")?;
    for (from, step) in enters(state) {
        way(out, "from", from, step)?;
    }
    writeln!(out, "\n{heading}Gets out{heading:#}")?;
    for (to, step) in leaves(state) {
        way(out, "to", to, step)?;
    }

    writeln!(out, "\n{heading}Lasts{heading:#}")?;
    paragraph(out, 2, meaning.lasts)?;

    if !meaning.bounds.is_empty() {
        writeln!(out, "\n{heading}Bounded by{heading:#}")?;
        for (name, what, default) in meaning.bounds {
            writeln!(out, "  {name}, default {default}")?;
            paragraph(out, 6, what)?;
        }
    }

    writeln!(out, "\n{heading}When it stays{heading:#}")?;
    for (run, tells) in meaning.check {
        writeln!(out, "  {command}{run}{command:#}")?;
        paragraph(out, 6, tells)?;
    }
    Ok(())
}

/// Writes one way in or out: `from SYN_SENT     SYN+ACK received, ACK sent`.
fn way(out: &mut impl Write, word: &str, state: TcpState, step: Step) -> io::Result<()> {
    let first = format!("{word:4} {state:12}");
    match step {
        Step::Normal(event) => wrapped(out, &first, 20, event),
        Step::Unusual(event) => wrapped(out, &first, 20, &format!("unusual: {event}")),
        Step::Impossible => Ok(()),
    }
}

/// Writes text in lines, indented.
fn paragraph(out: &mut impl Write, indent: usize, text: &str) -> io::Result<()> {
    wrapped(out, "", indent, text)
}

/// Writes text in lines, with a label in the first line's indent, two columns from the left.
fn wrapped(out: &mut impl Write, label: &str, indent: usize, text: &str) -> io::Result<()> {
    let mut before = format!("{:indent$}", format!("  {label}"));
    let mut line = String::new();
    for word in text.split_ascii_whitespace() {
        if !line.is_empty() && indent + line.width() + 1 + word.width() > COLUMNS {
            writeln!(out, "{before}{line}")?;
            before = " ".repeat(indent);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{before}{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(state: TcpState, styles: PageStyles) -> String {
        let mut out = Vec::new();
        explain(&mut out, state, styles).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_state_has_its_page() {
        for state in TcpState::ALL.into_iter().filter(|state| *state != TcpState::NewSynRecv) {
            let page = page(state, PageStyles::default());
            for line in page.lines() {
                assert!(line.width() <= COLUMNS, "{state}, {} columns: {line}", line.width());
            }
            insta::assert_snapshot!(format!("explain_{state}"), page);
        }
    }

    #[test]
    fn a_request_socket_is_explained_as_syn_recv() {
        let plain = PageStyles::default();
        assert_eq!(page(TcpState::NewSynRecv, plain), page(TcpState::SynRecv, plain));
    }

    #[test]
    fn colours_change_nothing_but_the_looks() {
        let coloured = page(TcpState::CloseWait, PageStyles::coloured());
        assert!(coloured.starts_with("\u{1b}[1mCLOSE_WAIT\u{1b}[0m: "), "{coloured}");
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, page(TcpState::CloseWait, PageStyles::default()));
    }
}
