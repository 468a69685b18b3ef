//! Addresses of the kernel's functions, as `/proc/kallsyms` shows them.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use anyhow::{Context as _, Result, bail};
use tcptrace_ebpf::Handlers;

const SYMBOLS: &str = "/proc/kallsyms";

/// The functions that run when the timer of a minisocket or of a request socket does.
///
/// # Errors
/// When the addresses are hidden (without `CAP_SYSLOG` they read as 0), or this kernel has no such functions.
pub(super) fn handlers() -> Result<Handlers> {
    let file = File::open(SYMBOLS).with_context(|| format!("read {SYMBOLS}"))?;
    parse(BufReader::with_capacity(1 << 16, file)).with_context(|| format!("read {SYMBOLS}"))
}

fn parse(mut symbols: impl BufRead) -> Result<Handlers> {
    let mut handlers = Handlers::default();
    let mut found = 0;
    let mut line = Vec::new();
    while found < 2 {
        line.clear();
        if symbols.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        // Looked at as bytes first: of 120,000 lines two are of interest.
        let field = match line.strip_suffix(b"\n").unwrap_or(&line) {
            line if line.ends_with(b" tw_timer_handler") => &mut handlers.timewait,
            line if line.ends_with(b" reqsk_timer_handler") => &mut handlers.request,
            _ => continue,
        };
        let address = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        *field = std::str::from_utf8(address)
            .ok()
            .and_then(|address| u64::from_str_radix(address, 16).ok())
            .unwrap_or(0);
        found += 1;
    }
    match (found, handlers) {
        // With one of them alone half of what is not seen would look as if it had not been.
        (..2, _) => bail!("this kernel has no tw_timer_handler or no reqsk_timer_handler"),
        (_, Handlers { timewait: 0, .. } | Handlers { request: 0, .. }) => {
            bail!("addresses are hidden (needs CAP_SYSLOG; try sudo)")
        }
        (_, handlers) => Ok(handlers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_hidden_or_missing() {
        let shown = "ffffffff81000000 T _text\nffffffff82005d70 t tw_timer_handler\n\
                     ffffffff82005d71 t not_tw_timer_handler\nffffffff820082b0 t reqsk_timer_handler\n";
        assert_eq!(
            parse(shown.as_bytes()).unwrap(),
            Handlers { timewait: 0xffff_ffff_8200_5d70, request: 0xffff_ffff_8200_82b0 }
        );
        let hidden = "0000000000000000 t tw_timer_handler\n0000000000000000 t reqsk_timer_handler\n";
        assert!(format!("{:#}", parse(hidden.as_bytes()).unwrap_err()).contains("CAP_SYSLOG"));
        for none in ["ffffffff81000000 T _text\n", "ffffffff82005d70 t tw_timer_handler\n"] {
            assert!(format!("{:#}", parse(none.as_bytes()).unwrap_err()).contains("this kernel has no"));
        }
    }
}
