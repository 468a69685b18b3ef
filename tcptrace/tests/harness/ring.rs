//! Accepting through `io_uring`: without a system call of that name.

use std::{
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    ptr,
};

use io_uring::{IoUring, opcode::Accept, squeue::Flags, types::Fd};
use rustix::io::Errno;

/// A ring, if this kernel gives us one.
pub fn new() -> Result<IoUring, Errno> {
    IoUring::new(1).map_err(errno)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Accepts one connection; `aside` in a thread that the kernel makes for it.
pub fn accept(listener: BorrowedFd<'_>, aside: bool) -> Result<OwnedFd, Errno> {
    let mut ring = new()?;
    let accept = Accept::new(Fd(listener.as_raw_fd()), ptr::null_mut(), ptr::null_mut()).build();
    let accept = accept.flags(if aside { Flags::ASYNC } else { Flags::empty() });
    // SAFETY: it has no buffers, and the listener is open until it is done.
    unsafe { ring.submission().push(&accept) }.unwrap();
    ring.submit_and_wait(1).map_err(errno)?;
    let result = ring.completion().next().unwrap().result();
    match u32::try_from(result) {
        // SAFETY: a descriptor that is new and nobody else's.
        Ok(_) => Ok(unsafe { OwnedFd::from_raw_fd(result) }),
        Err(_) => Err(Errno::from_raw_os_error(-result)),
    }
}
