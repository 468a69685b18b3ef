//! Member offsets from BTF bytes: as much of the format as "where is this field" needs.
//!
//! Own code because it measurably has to be: on a 6.18 kernel (160,000 types) a general parser took 205 ms and left
//! 57 MiB resident, four times what the whole tracer may use. This takes about 5 ms and keeps nothing.
//! Format: <https://docs.kernel.org/bpf/btf.html>.

use std::fmt;

const MAGIC: u16 = 0xeb9f;

/// Reason why bytes are not BTF that this code can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BtfError {
    /// No BTF of this host's byte order.
    Magic,
    /// A section or type reaches beyond the end.
    Truncated,
    /// A kind of type that is newer than this code: what follows it cannot be found.
    Kind(u32),
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("not BTF of this host's byte order"),
            Self::Truncated => f.write_str("cut off"),
            Self::Kind(kind) => write!(f, "unknown kind of type {kind}"),
        }
    }
}

impl std::error::Error for BtfError {}

/// The kinds of types, as `include/uapi/linux/btf.h` numbers them.
mod kind {
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const TYPE_TAG: u32 = 18;
}

/// BTF with an index of its types.
pub(crate) struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Offset of each type; that of type `id` at `id - 1`.
    starts: Vec<u32>,
}

/// The fixed head of a type.
#[derive(Clone, Copy)]
struct Head {
    name: u32,
    kind: u32,
    members: u32,
    /// Whether bit fields are encoded in this structure's member offsets.
    bitfields: bool,
    /// The type referred to, or the size.
    referent: u32,
    /// Offset of what follows the head.
    body: usize,
}

impl<'a> Btf<'a> {
    /// Finds the sections and indexes the types.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let magic = bytes.get(..2).ok_or(BtfError::Truncated)?;
        if magic != MAGIC.to_ne_bytes() {
            return Err(BtfError::Magic);
        }
        let section = |at: usize| {
            let header = word(bytes, 4)? as usize;
            let offset = header.checked_add(word(bytes, at)? as usize)?;
            bytes.get(offset..offset.checked_add(word(bytes, at + 4)? as usize)?)
        };
        let types = section(8).ok_or(BtfError::Truncated)?;
        let strings = section(16).ok_or(BtfError::Truncated)?;
        let mut btf = Self { types, strings, starts: Vec::new() };
        let mut at = 0;
        while at < types.len() {
            let head = btf.head_at(at).ok_or(BtfError::Truncated)?;
            btf.starts.push(at as u32);
            at = head.body + body_size(&head).ok_or(BtfError::Kind(head.kind))?;
        }
        if at > types.len() {
            return Err(BtfError::Truncated);
        }
        Ok(btf)
    }

    /// The id of a structure. By kind and name: functions, typedefs and variables share the names.
    pub(crate) fn structure(&self, name: &str) -> Option<u32> {
        self.find(kind::STRUCT, name)
    }

    /// Byte offset of a member, through nested and anonymous structures: `sk_lock.owned`. `None` for bit fields.
    pub(crate) fn offset(&self, structure: u32, path: &str) -> Option<u32> {
        let (mut id, mut offset) = (structure, 0_u32);
        for name in path.split('.') {
            let (member, at) = self.member(id, name, &mut { Self::MOST })?;
            id = member;
            offset = offset.checked_add(at)?;
        }
        Some(offset)
    }

    /// Number of arguments of a function of the kernel.
    pub(crate) fn arguments(&self, function: &str) -> Option<u32> {
        let prototype = self.head(self.head(self.find(kind::FUNC, function)?)?.referent)?;
        (prototype.kind == kind::FUNC_PROTO).then_some(prototype.members)
    }

    /// Value of an enumerator of a named enumeration.
    pub(crate) fn enumerator(&self, enumeration: &str, name: &str) -> Option<u32> {
        let head = self.head(self.find(kind::ENUM, enumeration)?)?;
        (0..head.members as usize)
            .map(|i| head.body + i * 8)
            .find(|at| self.is_named(word(self.types, *at), name))
            .and_then(|at| word(self.types, at + 4))
    }

    /// All enumerators of a named enumeration; none if there is no such enumeration.
    pub(crate) fn enumerators(&self, enumeration: &str) -> Vec<(u32, String)> {
        let head = self.find(kind::ENUM, enumeration).and_then(|id| self.head(id));
        let Some(head) = head else { return Vec::new() };
        (0..head.members as usize)
            .filter_map(|i| {
                let at = head.body + i * 8;
                let name = self.strings.get(word(self.types, at)? as usize..)?;
                let end = name.iter().position(|byte| *byte == 0)?;
                Some((word(self.types, at + 4)?, String::from_utf8_lossy(&name[..end]).into_owned()))
            })
            .collect()
    }

    fn find(&self, kind: u32, name: &str) -> Option<u32> {
        let position = self.starts.iter().position(|start| {
            self.head_at(*start as usize)
                .is_some_and(|head| head.kind == kind && self.is_named(Some(head.name), name))
        })?;
        Some(position as u32 + 1)
    }

    /// Most structures to look into for one member; the largest of the kernel's have dozens of anonymous ones.
    /// Structures that name each other in a circle cannot be compiled, but bytes can be anything.
    const MOST: u32 = 1_000;

    /// Type and byte offset of one member; members of anonymous members count as the structure's own.
    fn member(&self, id: u32, name: &str, left: &mut u32) -> Option<(u32, u32)> {
        *left = left.checked_sub(1)?;
        let head = self.resolve(id)?;
        if head.kind != kind::STRUCT && head.kind != kind::UNION {
            return None;
        }
        (0..head.members as usize).find_map(|i| {
            let at = head.body + i * 12;
            let (member_name, member, bits) =
                (word(self.types, at)?, word(self.types, at + 4)?, word(self.types, at + 8)?);
            // With the flag set, the upper 8 bits are the size of a bit field, 0 for a whole member.
            let bits = match head.bitfields {
                true if bits >> 24 != 0 => return None,
                true => bits & 0xff_ffff,
                false => bits,
            };
            if bits % 8 != 0 {
                return None;
            }
            if self.is_named(Some(member_name), name) {
                return Some((member, bits / 8));
            }
            if member_name == 0 {
                let (inner, offset) = self.member(member, name, left)?;
                return Some((inner, (bits / 8).checked_add(offset)?));
            }
            None
        })
    }

    /// The type behind names and qualifiers.
    fn resolve(&self, mut id: u32) -> Option<Head> {
        for _ in 0..16 {
            let head = self.head(id)?;
            match head.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = head.referent;
                }
                _ => return Some(head),
            }
        }
        None
    }

    fn head(&self, id: u32) -> Option<Head> {
        self.head_at(*self.starts.get(id.checked_sub(1)? as usize)? as usize)
    }

    fn head_at(&self, at: usize) -> Option<Head> {
        let info = word(self.types, at + 4)?;
        Some(Head {
            name: word(self.types, at)?,
            kind: info >> 24 & 0x1f,
            members: info & 0xffff,
            bitfields: info >> 31 != 0,
            referent: word(self.types, at + 8)?,
            body: at + 12,
        })
    }

    fn is_named(&self, at: Option<u32>, name: &str) -> bool {
        at.and_then(|at| self.strings.get(at as usize..))
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// Bytes that follow the head; `None` for a kind that is not known.
fn body_size(head: &Head) -> Option<usize> {
    let members = head.members as usize;
    Some(match head.kind {
        1 | 14 | 17 => 4,  // INT, VAR, DECL_TAG
        kind::ARRAY => 12, //
        kind::STRUCT | kind::UNION => members * 12,
        kind::ENUM | kind::FUNC_PROTO => members * 8,
        15 | 19 => members * 12,      // DATASEC, ENUM64
        2 | 7 | kind::FUNC | 16 => 0, // PTR, FWD, FLOAT
        kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => 0,
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `struct lock { int owned; }; typedef struct lock lock_t; enum f { A, B = 3 };`
    /// `struct sock { int a; union { lock_t l; int u; }; int bit:1; }; int lock(int a, int u);`
    fn sample() -> Vec<u8> {
        let strings = b"\0lock\0owned\0lock_t\0f\0A\0B\0sock\0a\0l\0u\0bit\0int\0";
        let name = |wanted: &str| {
            let mut with_nul = vec![0];
            with_nul.extend(wanted.bytes());
            with_nul.push(0);
            strings.windows(with_nul.len()).position(|w| w == with_nul).unwrap() as u32 + 1
        };
        let head = |n: u32, kind: u32, members: u32, referent: u32| [n, kind << 24 | members, referent];
        let mut types: Vec<u32> = Vec::new();
        types.extend(head(name("int"), 1, 0, 4)); // 1
        types.push(32);
        types.extend(head(name("lock"), 4, 1, 4)); // 2
        types.extend([name("owned"), 1, 0]);
        types.extend(head(name("lock_t"), 8, 0, 2)); // 3
        types.extend(head(name("f"), 6, 2, 4)); // 4
        types.extend([name("A"), 0, name("B"), 3]);
        types.extend(head(0, 5, 2, 4)); // 5
        types.extend([name("l"), 3, 0, name("u"), 1, 0]);
        types.extend(head(name("sock"), 4 | 0x80, 3, 12)); // 6, with bit fields
        types.extend([name("a"), 1, 0, 0, 5, 32, name("bit"), 1, 1 << 24 | 64]);
        types.extend(head(0, 13, 2, 1)); // 7
        types.extend([name("a"), 1, name("u"), 1]);
        types.extend(head(name("lock"), 12, 1, 7)); // 8
        let size = types.len() as u32 * 4;
        let header = [u32::from(MAGIC) | 1 << 16, 24, 0, size, size, strings.len() as u32];
        let mut bytes: Vec<u8> = header.iter().chain(&types).flat_map(|w| w.to_ne_bytes()).collect();
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn members_are_found_through_typedefs_and_anonymous_unions() {
        let bytes = sample();
        let btf = Btf::new(&bytes).unwrap();
        let sock = btf.structure("sock").unwrap();
        assert_eq!(btf.offset(sock, "a"), Some(0));
        assert_eq!(btf.offset(sock, "l.owned"), Some(4));
        assert_eq!(btf.offset(sock, "u"), Some(4));
        assert_eq!(btf.offset(sock, "bit"), None, "a bit field has no byte offset");
        assert_eq!(btf.offset(sock, "nothing"), None);
        assert_eq!(btf.enumerator("f", "B"), Some(3));
        assert_eq!(btf.enumerator("f", "C"), None);
        assert_eq!(btf.enumerators("f"), [(0, "A".to_owned()), (3, "B".to_owned())]);
        assert_eq!(btf.structure("lock_t"), None, "a typedef is no structure");
        assert_eq!((btf.arguments("lock"), btf.arguments("sock")), (Some(2), None));
    }

    #[test]
    fn what_is_not_btf_is_refused() {
        assert_eq!(Btf::new(&[]).err(), Some(BtfError::Truncated));
        assert_eq!(Btf::new(&[0; 64]).err(), Some(BtfError::Magic));
        let bytes = sample();
        assert_eq!(Btf::new(&bytes[..40]).err(), Some(BtfError::Truncated));
    }

    #[test]
    fn structures_in_a_circle_end() {
        let members = (0..100).flat_map(|_| [0, 1, 0]);
        let types: Vec<u32> = [2, 4 << 24 | 100, 4].into_iter().chain(members).collect();
        let size = types.len() as u32 * 4;
        let header = [u32::from(MAGIC) | 1 << 16, 24, 0, size, size, 7];
        let mut bytes: Vec<u8> = header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend(b"\0\0sock\0");
        let btf = Btf::new(&bytes).unwrap();
        assert_eq!(btf.offset(btf.structure("sock").unwrap(), "a"), None);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(at in 0_usize..400, value: u8, cut in 0_usize..400) {
            let mut bytes = sample();
            let (at, cut) = (at % bytes.len(), cut % bytes.len());
            bytes[at] = value;
            for bytes in [&bytes[..], &bytes[..cut]] {
                if let Ok(btf) = Btf::new(bytes) {
                    for id in 0..8 {
                        let _ = btf.offset(id, "l.owned");
                    }
                    let _ = btf.enumerator("f", "B");
                    let _ = btf.arguments("lock");
                }
            }
        }
    }
}
