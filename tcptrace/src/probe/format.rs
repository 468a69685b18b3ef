//! Field offsets of the classic tracepoint, from its `format` file in tracefs.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use tcptrace_ebpf::EventFormat;

/// Mount points of tracefs: by itself since 4.1, below debugfs before.
const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Longest event: `PERF_MAX_TRACE_SIZE`, up to which the verifier lets a program read (`tp_prog_is_valid_access`).
pub(crate) const LONGEST: u32 = 8_192;

/// Reads the format of `sock:inet_sock_set_state` on this host.
///
/// # Errors
/// When tracefs is not mounted, not readable, or has no such event.
pub(super) fn of_running_kernel() -> Result<EventFormat> {
    let events = MOUNTS
        .into_iter()
        .map(|mount| PathBuf::from(mount).join("events"))
        .find(|path| path.exists())
        .context(
            "find tracefs: not mounted, or not readable by this user \
             (try `mount -t tracefs tracefs /sys/kernel/tracing`; it takes root or CAP_DAC_READ_SEARCH)",
        )?;
    let path = events.join("sock/inet_sock_set_state/format");
    let text = fs::read_to_string(&path).with_context(|| {
        format!("read {} (root or CAP_DAC_READ_SEARCH, Linux 4.16 or newer)", path.display())
    })?;
    parse(&text).with_context(|| format!("understand {}", path.display()))
}

/// Reads lines like `\tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;`.
pub(crate) fn parse(text: &str) -> Result<EventFormat> {
    let field = |wanted: &str| -> Result<(u32, u32)> {
        for line in text.lines() {
            let mut parts = line.trim().split(';').map(str::trim);
            let Some(declaration) = parts.next().and_then(|part| part.strip_prefix("field:")) else {
                continue;
            };
            let name = declaration.rsplit(' ').next().unwrap_or_default();
            if name.split('[').next() != Some(wanted) {
                continue;
            }
            let mut number = |key: &str| -> Option<u32> { parts.next()?.strip_prefix(key)?.parse().ok() };
            if let (Some(offset), Some(size)) = (number("offset:"), number("size:")) {
                if offset.checked_add(size).is_none_or(|end| end > LONGEST) {
                    bail!("field {wanted} lies outside of any event in {line:?}");
                }
                return Ok((offset, size));
            }
            bail!("field {wanted}: no offset and size in {line:?}");
        }
        bail!("no field {wanted}")
    };
    let offset = |wanted, size| match field(wanted)? {
        (offset, found) if found == size => Ok(offset),
        (_, found) => bail!("field {wanted} has {found} bytes instead of {size}"),
    };
    let (protocol, protocol_size) = field("protocol")?;
    if !matches!(protocol_size, 1 | 2) {
        bail!("field protocol has {protocol_size} bytes instead of 1 or 2");
    }
    Ok(EventFormat {
        skaddr: offset("skaddr", size_of::<usize>() as u32)?,
        oldstate: offset("oldstate", 4)?,
        newstate: offset("newstate", 4)?,
        sport: offset("sport", 2)?,
        dport: offset("dport", 2)?,
        family: offset("family", 2)?,
        protocol,
        protocol_size,
        saddr_v6: offset("saddr_v6", 16)?,
        daddr_v6: offset("daddr_v6", 16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX_6_18: &str = "name: inet_sock_set_state
ID: 1423
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:int oldstate;\toffset:16;\tsize:4;\tsigned:1;
\tfield:int newstate;\toffset:20;\tsize:4;\tsigned:1;
\tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;
\tfield:__u16 dport;\toffset:26;\tsize:2;\tsigned:0;
\tfield:__u16 family;\toffset:28;\tsize:2;\tsigned:0;
\tfield:__u16 protocol;\toffset:30;\tsize:2;\tsigned:0;
\tfield:__u8 saddr[4];\toffset:32;\tsize:4;\tsigned:0;
\tfield:__u8 daddr[4];\toffset:36;\tsize:4;\tsigned:0;
\tfield:__u8 saddr_v6[16];\toffset:40;\tsize:16;\tsigned:0;
\tfield:__u8 daddr_v6[16];\toffset:56;\tsize:16;\tsigned:0;
";

    #[test]
    fn a_current_kernel() {
        let format = parse(LINUX_6_18).unwrap();
        assert_eq!((format.skaddr, format.sport, format.protocol, format.protocol_size), (8, 24, 30, 2));
        assert_eq!((format.saddr_v6, format.daddr_v6), (40, 56));
    }

    #[test]
    fn a_kernel_before_5_6_with_another_head() {
        let text = LINUX_6_18
            .replace("__u16 protocol;\toffset:30;\tsize:2", "__u8 protocol;\toffset:34;\tsize:1")
            .replace("skaddr;\toffset:8", "skaddr;\toffset:16");
        let format = parse(&text).unwrap();
        assert_eq!((format.skaddr, format.protocol, format.protocol_size), (16, 34, 1));
    }

    #[test]
    fn a_strange_format_is_refused_by_name() {
        for (from, to, message) in [
            ("sport", "sprt", "no field sport"),
            (
                "dport;\toffset:26;\tsize:2",
                "dport;\toffset:26;\tsize:4",
                "field dport has 4 bytes instead of 2",
            ),
            ("family;\toffset:28", "family;\toffset:x", "field family: no offset and size"),
            ("family;\toffset:28", "family;\toffset:8191", "field family lies outside of any event"),
            ("family;\toffset:28", "family;\toffset:4294967295", "field family lies outside of any event"),
        ] {
            let error = parse(&LINUX_6_18.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
