//! Draining the ring buffer, and the agreement with the kernel side about waking up.

use std::{
    os::fd::AsRawFd as _,
    sync::atomic::{Ordering, fence},
};

use anyhow::{Context as _, Result};
use aya::maps::{Array, MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

use crate::event::{DecodeError, RawEvent};

/// The reading end of the ring buffer.
pub struct Reader {
    ring: AsyncFd<RingBuf<MapData>>,
    sleeping: Array<MapData, u32>,
    asked: bool,
}

impl Reader {
    pub(super) fn new(ring: RingBuf<MapData>, sleeping: Array<MapData, u32>) -> Result<Self> {
        // SAFETY: the ring buffer owns its descriptor and keeps it as long as it lives.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .map_err(std::io::Error::from)
            .context("watch the ring buffer")?;
        Ok(Self { ring, sleeping, asked: false })
    }

    /// Passes on at most `most` records of the ring buffer; returns their number.
    pub fn drain(&mut self, most: usize, mut each: impl FnMut(Result<RawEvent, DecodeError>)) -> usize {
        let ring = self.ring.get_mut();
        let mut count = 0;
        while count < most
            && let Some(record) = ring.next()
        {
            each(RawEvent::decode(&record));
            count += 1;
        }
        // The wake-up went with what is read now, or goes with what comes: nobody would see it.
        self.asked &= count == 0;
        count
    }

    /// Asks the kernel side to wake us at the next event. What is in the buffer already wakes nobody: drain once more.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn ask_to_be_woken(&mut self) -> Result<()> {
        self.sleeping.set(0, 1, 0).context("ask the kernel side for a wake-up")?;
        // The drain that follows must not look before this is written: see `submit` of the kernel side.
        fence(Ordering::SeqCst);
        self.asked = true;
        Ok(())
    }

    /// Waits until the kernel side wakes us.
    ///
    /// # Errors
    /// When the runtime cannot watch the ring buffer.
    pub async fn woken(&mut self) -> Result<()> {
        let mut guard = self.ring.readable().await.context("wait for the ring buffer")?;
        guard.clear_ready();
        self.asked = false;
        Ok(())
    }

    /// Whether a wake-up was asked for that has not come yet, and that only [`woken`](Self::woken) can use up: what the kernel
    /// side wakes us with may have been read by then, also a record that it has discarded.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked && self.sleeping.get(&0, 0).is_ok_and(|sleeping| sleeping == 1)
    }

    /// The ring buffer's descriptor, for messages.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.ring.get_ref().as_raw_fd()
    }
}
