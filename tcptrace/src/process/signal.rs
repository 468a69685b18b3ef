//! Signals by their names.

/// Names of the signals from 1 on, without `SIG`: those of x86 and ARM (`asm-generic/signal.h`).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Name of a signal: `SIGINT`; `signal 40` for one without a name.
#[must_use]
pub fn signal_name(signal: u8) -> String {
    usize::from(signal)
        .checked_sub(1)
        .and_then(|index| NAMES.get(index))
        .map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

/// Number of the signal with this name, the inverse of [`signal_name`].
#[must_use]
pub fn signal_number(name: &str) -> Option<u8> {
    (0..=u8::MAX).find(|signal| signal_name(*signal) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_no_other_does() {
        for (number, name) in
            [(2, "SIGINT"), (9, "SIGKILL"), (31, "SIGSYS"), (0, "signal 0"), (40, "signal 40")]
        {
            assert_eq!(signal_name(number), name);
            assert_eq!(signal_number(name), Some(number));
        }
        assert!((0..=u8::MAX).all(|number| signal_number(&signal_name(number)) == Some(number)));
        for name in ["", "INT", "sigint", "signal 2", "signal 040", "signal 256"] {
            assert_eq!(signal_number(name), None, "{name}");
        }
    }
}
