//! Flags, written one by one.
//!
//! Gathered in a register, they would be a number that the verifier knows, another one on each path: ten conditions make
//! a thousand paths. Linux 6.1 gave up on these after a million instructions. Written here, it follows 8,495, and 6.12
//! some 2,000 in place of 17,000.

use tcptrace_ebpf::RawTransition;

/// Sets a flag in the record itself.
#[inline(always)]
pub fn mark(record: &mut RawTransition, flag: u32) {
    let flags = &raw mut record.flags;
    // SAFETY: the field is there and aligned; volatile keeps it out of a register.
    unsafe { flags.write_volatile(flags.read_volatile() | flag) }
}
