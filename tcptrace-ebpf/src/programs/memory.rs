//! Three ways to read a field of a kernel structure: directly, through a helper, and from a copy that a helper has made.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use tcptrace_ebpf::MISSING;

/// A way to read kernel memory. The choice is made at compile time, by the kind of hook.
pub trait Memory {
    /// The way to go on from a pointer that was read.
    type Beyond: Memory;

    /// The value at `base + offset`; `None` if the kernel has no such field or the read failed.
    ///
    /// # Safety
    /// `base` is null, or points to the kernel structure that `offset` is for.
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T>;
}

/// Plain loads. The verifier allows them through pointers whose BTF type it knows, and a fault gives zero.
pub struct Direct;

impl Memory for Direct {
    type Beyond = Self;

    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
        if offset == MISSING || base.is_null() {
            return None;
        }
        // SAFETY: as the trait says; volatile keeps one field one load, as the verifier wants it.
        Some(unsafe { base.add(offset as usize).cast::<T>().read_volatile() })
    }
}

/// `bpf_probe_read_kernel`: for pointers that the verifier knows nothing about.
pub struct Probed;

impl Memory for Probed {
    type Beyond = Self;

    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
        if offset == MISSING || base.is_null() {
            return None;
        }
        // SAFETY: the helper copies or fails; it never faults.
        unsafe { bpf_probe_read_kernel(base.add(offset as usize).cast::<T>()) }.ok()
    }
}

/// A copy of the first bytes of a structure, read at once: each call of a helper costs as much as twenty loads, above all
/// where the kernel guards its returns (`spec_rstack_overflow`).
pub struct Copied;

/// Bytes to copy: as many as Linux 6.18 has in `struct sock_common`, and the eight that follow: `tw_substate` is among them.
const COPIED: usize = 144;

impl Copied {
    /// Copies the beginning of what stands at `base`, in place: a copy that is returned is copied once more, and the stack has
    /// 512 bytes.
    ///
    /// # Safety
    /// `base` is null, or points to kernel memory.
    #[inline(always)]
    pub unsafe fn copy(base: *const u8, to: &mut MaybeUninit<[u64; COPIED / 8]>) -> Option<*const u8> {
        // SAFETY: the helper writes all of it or fails; it never faults.
        let result =
            unsafe { generated::bpf_probe_read_kernel(to.as_mut_ptr().cast(), COPIED as u32, base.cast()) };
        (result == 0).then_some(to.as_ptr().cast())
    }
}

impl Memory for Copied {
    type Beyond = Probed;

    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
        // SAFETY: passed on. Beyond the copy the verifier stops it.
        unsafe { Direct::read(base, offset) }
    }
}
