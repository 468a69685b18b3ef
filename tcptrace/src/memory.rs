//! Memory that goes back to the system: a trace lives long, and needs much only for a moment, to read the kernel's BTF and to
//! dump the sockets.

/// Size from which on blocks are mapped one by one, and unmapped when they are freed: glibc's own first value.
const LARGE: i32 = 128 << 10;

/// Keeps glibc from raising that size with the first large block that is freed (`M_MMAP_THRESHOLD` in mallopt(3)): after
/// that it would keep tens of MB that nobody uses. And from making another heap for the thread that dumps sockets.
pub fn limit_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: numbers, and the allocator's own locks.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Returns free blocks between those in use to the system: small ones leave holes, which glibc would keep.
pub fn trim_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no arguments but a number; it takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
