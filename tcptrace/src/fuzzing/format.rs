//! `format` files of tracefs: what was read is in the file, lies within a record, and is the same in any other order.

use tcptrace_ebpf::EventFormat;

use crate::probe::{LONGEST, parse_format};

/// Reads the bytes as a `format` file.
pub fn format(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(format) = parse_format(text) else { return };
    for (name, offset, size) in fields(&format) {
        assert!(
            offset.checked_add(size).is_some_and(|end| end <= LONGEST),
            "{name} lies outside of any record"
        );
        let has = |line: &str| {
            let numbers = [offset, size].map(|number| number.to_string());
            line.contains(name) && numbers.iter().all(|number| line.contains(number))
        };
        assert!(text.lines().any(has), "{name} is not in the file");
    }
    // What the kernel would have written of it reads the same, in any order.
    let mut lines: Vec<_> = fields(&format)
        .into_iter()
        .map(|(name, offset, size)| {
            format!("\tfield:__u8 {name}[{size}];\toffset:{offset};\tsize:{size};\tsigned:0;\n")
        })
        .collect();
    assert_eq!(parse_format(&lines.concat()).ok().as_ref(), Some(&format));
    lines.reverse();
    assert_eq!(parse_format(&lines.concat()).ok().as_ref(), Some(&format));
    for missing in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(missing);
        assert!(parse_format(&rest.concat()).is_err());
    }
}

fn fields(format: &EventFormat) -> [(&'static str, u32, u32); 9] {
    [
        ("skaddr", format.skaddr, size_of::<usize>() as u32),
        ("oldstate", format.oldstate, 4),
        ("newstate", format.newstate, 4),
        ("sport", format.sport, 2),
        ("dport", format.dport, 2),
        ("family", format.family, 2),
        ("protocol", format.protocol, format.protocol_size),
        ("saddr_v6", format.saddr_v6, 16),
        ("daddr_v6", format.daddr_v6, 16),
    ]
}
