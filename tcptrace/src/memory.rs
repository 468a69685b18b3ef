//! A trace lives long: what it needed for a moment, to read the kernel's BTF and to list the sockets, goes back to the system.

/// Blocks of this size and more are mapped one by one, and unmapped when they are freed: glibc's own first value.
const LARGE: i32 = 128 << 10;

/// Keeps glibc from raising that size with the first large block that is freed (`M_MMAP_THRESHOLD` in mallopt(3)): after
/// that it would keep tens of MB that nobody uses. And from making another heap for the thread that lists sockets.
pub fn limit_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: numbers, and the allocator's own locks.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what is free between what is not: small blocks leave holes, and glibc would keep them as long as we live.
pub fn trim_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no arguments but a number; it takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
