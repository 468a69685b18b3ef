//! Draining the ring buffer, and the agreement with the kernel side about waking up.

use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result};
use aya::maps::{Array, MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

use super::pacing::BATCH;
use crate::event::{DecodeError, Observation};

/// The reading end of the ring buffer.
pub struct Reader {
    ring: AsyncFd<RingBuf<MapData>>,
    sleeping: Array<MapData, u32>,
}

impl Reader {
    pub(super) fn new(ring: RingBuf<MapData>, sleeping: Array<MapData, u32>) -> Result<Self> {
        // SAFETY: the ring buffer owns its descriptor and keeps it as long as it lives.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .map_err(std::io::Error::from)
            .context("watch the ring buffer")?;
        Ok(Self { ring, sleeping })
    }

    /// Hands on what is in the ring buffer, at most one batch of it; says how many records that were.
    pub fn drain(&mut self, mut each: impl FnMut(Result<Observation, DecodeError>)) -> usize {
        let ring = self.ring.get_mut();
        let mut count = 0;
        while count < BATCH
            && let Some(record) = ring.next()
        {
            each(Observation::decode(&record));
            count += 1;
        }
        count
    }

    /// Asks the kernel side to wake us at the next event.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn ask_to_be_woken(&mut self) -> Result<()> {
        self.sleeping.set(0, 1, 0).context("ask the kernel side for a wake-up")
    }

    /// Waits until the kernel side wakes us.
    ///
    /// # Errors
    /// When the runtime cannot watch the ring buffer.
    pub async fn woken(&self) -> Result<()> {
        let mut guard = self.ring.readable().await.context("wait for the ring buffer")?;
        guard.clear_ready();
        Ok(())
    }

    /// The ring buffer's descriptor, for messages.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.ring.get_ref().as_raw_fd()
    }
}
