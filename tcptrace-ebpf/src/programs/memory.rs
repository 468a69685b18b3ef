//! Two ways to read a field of a kernel structure: directly, and through a helper.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use tcptrace_ebpf::MISSING;

/// How to read kernel memory. The choice is made at compile time, by the kind of hook.
pub trait Memory {
    /// The value at `base + offset`; `None` if the kernel has no such field or the read failed.
    ///
    /// # Safety
    /// `base` is null, or points to the kernel structure that `offset` is for.
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T>;
}

/// Plain loads. The verifier allows them through pointers whose BTF type it knows, and a fault gives zero.
pub struct Direct;

impl Memory for Direct {
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
    #[inline(always)]
    unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
        if offset == MISSING || base.is_null() {
            return None;
        }
        // SAFETY: the helper copies or fails; it never faults.
        unsafe { bpf_probe_read_kernel(base.add(offset as usize).cast::<T>()) }.ok()
    }
}
