//! BTF: damaged bytes are refused or searched in bounded time, and of sound bytes every member is found where it is.

use crate::probe::{Btf, BtfError};

/// Takes the bytes as BTF; and as the description of a structure, of which BTF is made.
pub fn btf(bytes: &[u8]) {
    match bytes.split_first() {
        Some((0, description)) => members(description),
        Some((_, bytes)) => damaged(bytes),
        None => {}
    }
}

fn damaged(bytes: &[u8]) {
    let btf = match Btf::new(bytes) {
        Ok(btf) => btf,
        Err(BtfError::Magic) => return assert_ne!(bytes[..2], 0xeb9f_u16.to_ne_bytes()),
        Err(BtfError::Truncated | BtfError::Kind(_)) => return,
    };
    for name in ["", "sock", "f"] {
        let Some(id) = btf.structure(name) else { continue };
        assert!(contains(bytes, name));
        for path in ["a", "l", "l.owned", "a.a.a.a", ""] {
            if btf.offset(id, path).is_some() {
                assert!(path.split('.').all(|part| contains(bytes, part)), "{path}");
            }
        }
    }
    for id in 0..16 {
        let _ = btf.offset(id, "l.owned");
    }
    // The first of a name is the one that is found by it.
    let all = btf.enumerators("f");
    for (value, name) in &all {
        let first = all.iter().find(|(_, other)| other == name).map(|(value, _)| *value);
        if !name.contains(char::REPLACEMENT_CHARACTER) {
            assert_eq!(btf.enumerator("f", name), first, "{value} {name}");
        }
    }
    if btf.arguments("lock").is_some() {
        assert!(contains(bytes, "lock"));
    }
}

fn contains(bytes: &[u8], name: &str) -> bool {
    let name = [name.as_bytes(), b"\0"].concat();
    bytes.windows(name.len()).any(|window| window == name)
}

/// Three bytes describe a member of `struct s`: how wide it is, and whether it stands in an anonymous structure, behind
/// a typedef, or is a bit field.
fn members(description: &[u8]) {
    let mut strings = b"\0s\0int\0t\0".to_vec();
    let (int, typedef) = (1_u32, 2_u32);
    let head = |name: u32, kind: u32, members: u32, referent: u32| [name, kind << 24 | members, referent];
    let mut types: Vec<u32> = [&head(3, 1, 0, 4)[..], &[32], &head(7, 8, 0, int)].concat();
    let (mut body, mut expected) = (Vec::new(), Vec::new());
    let (mut next, mut at) = (typedef + 1, 0_u32);
    for (i, member) in description.chunks_exact(3).take(200).enumerate() {
        let [how, width, inside] = [member[0] % 4, member[1], member[2]];
        let name = strings.len() as u32;
        strings.extend(format!("m{i}\0").bytes());
        let (kind, inside) = if how == 2 { (typedef, 0) } else { (int, u32::from(inside)) };
        match how {
            // In an anonymous structure of its own, `inside` bytes behind its beginning.
            1 => {
                types.extend(head(0, 4, 1, 256));
                types.extend([name, int, inside * 8]);
                body.extend([0, next, at * 8]);
                next += 1;
                expected.push(Some(at + inside));
            }
            3 => {
                body.extend([name, int, ((inside % 32 + 1) << 24) | (at * 8)]);
                expected.push(None);
            }
            _ => {
                body.extend([name, kind, at * 8]);
                expected.push(Some(at));
            }
        }
        at += u32::from(width);
    }
    types.extend(head(1, 4 | 0x80, expected.len() as u32, at));
    types.extend(body);
    let size = types.len() as u32 * 4;
    let header = [0xeb9f_u32 | 1 << 16, 24, 0, size, size, strings.len() as u32];
    let mut bytes: Vec<u8> = header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()).collect();
    bytes.extend(strings);
    let btf = Btf::new(&bytes).expect("sound");
    let structure = btf.structure("s").expect("the last type");
    assert_eq!(structure, next);
    for (i, expected) in expected.into_iter().enumerate() {
        assert_eq!(btf.offset(structure, &format!("m{i}")), expected, "m{i}");
    }
    assert_eq!(btf.offset(structure, "m"), None);
}
