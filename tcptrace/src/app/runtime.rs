//! The runtime that waits for what happens.

use std::{io, os::unix::net::UnixStream};

use tokio::runtime::{Builder, Runtime};

/// Makes one for the current thread.
///
/// tokio panics where it gets no descriptors for the pair of sockets through which it hears of signals (`OsExtraData::default`
/// in its `signal/unix.rs`), and for everything else that it opens it returns an error. So whether there is room is tried first: it
/// opens six.
///
/// # Errors
/// When there is no room for what it opens.
pub(super) fn runtime() -> io::Result<Runtime> {
    let room = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    drop(room);
    Builder::new_current_thread().enable_all().build()
}
