//! What users type to choose sockets: what is understood says what was typed, to people, to the filter stage, and to
//! the kernel.

use clap::Parser as _;
use tcptrace_ebpf::PORT_WORDS;

use crate::{
    cli::{Cli, Selection},
    filter::{Filter, Ports, is_match},
};

/// Takes lines: ports, a pattern, a name, then arguments, one a line.
pub fn filter(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (text, pattern, name) = (line(), line(), line());
    if let Ok(text) = str::from_utf8(text) {
        ports(text);
    }
    if pattern.len() * name.len() < 4_096 {
        assert_eq!(is_match(pattern, name), fits_slowly(pattern, name));
    }
    let arguments: Option<Vec<_>> = lines.take(20).map(|line| str::from_utf8(line).ok()).collect();
    if let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) {
        selection(&arguments);
    }
}

fn ports(text: &str) {
    let Ok(ports) = text.parse::<Ports>() else { return };
    assert!(!ports.is_empty() && !ports.contains(0));
    let again: Ports = ports.to_string().parse().expect("as it is written");
    assert_eq!(again, ports);
    // The kernel is told the same. The words of a long list take long to make.
    if text.len() < 100 {
        let filter = Filter { ports: ports.clone(), ..Filter::default() };
        words(&filter, |word| word.either, &ports);
    }
}

fn words(filter: &Filter, of: impl Fn(&tcptrace_ebpf::PortWord) -> u64, ports: &Ports) {
    let (_, words) = filter.for_kernel();
    let mut bits = vec![0; PORT_WORDS as usize];
    words.iter().for_each(|(index, word)| bits[*index as usize] = of(word));
    for port in 0..=u16::MAX {
        let is_set = bits[usize::from(port / 64)] >> (port % 64) & 1 == 1;
        assert_eq!(is_set, ports.contains(port), "{port}");
    }
}

/// The obvious way, for patterns that are short.
fn fits_slowly(pattern: &[u8], name: &[u8]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; name.len() + 1];
        match part {
            b'*' => {
                let first = reached.iter().position(|reached| *reached).unwrap_or(next.len());
                next[first..].fill(true);
            }
            part => {
                for (at, byte) in name.iter().enumerate() {
                    next[at + 1] = reached[at] && (*part == b'?' || part == byte);
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}

fn selection(arguments: &[&str]) {
    let typed = ["tcptrace"].into_iter().chain(arguments.iter().copied());
    let Ok(cli) = Cli::try_parse_from(typed) else { return };
    let filter = Selection::from(cli.trace.select).filter;
    let is_any = filter == Filter::default();
    assert_eq!(filter.describe().is_empty(), is_any, "{filter:?}");
    let (kernel, _) = filter.for_kernel();
    assert_eq!(kernel.either_port != 0, !filter.ports.is_empty());
    assert_eq!(kernel.local_port != 0, !filter.local_ports.is_empty());
    assert_eq!(kernel.remote_port != 0, !filter.remote_ports.is_empty());
    if arguments.iter().map(|argument| argument.len()).sum::<usize>() < 200 {
        words(&filter, |word| word.local, &filter.local_ports);
    }
}
