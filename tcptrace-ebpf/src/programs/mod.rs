//! The programs: one file per hook, and what the hooks share.
//!
//! Stateless on purpose. A program reports facts about one event; who owns a socket, how long a state lasted and who
//! closed first is worked out in user space. No map here can overflow with sockets, leak or expire.

mod accept;
mod accept_calls;
mod btf;
mod classic;
mod ends;
mod filter;
mod forks;
mod globals;
mod mark;
mod memory;
mod minisockets;
mod publish;
mod segments;
mod sock;
mod socket_events;
mod task;

/// The helpers that read kernel memory are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses any program in which this could be reached.
    loop {}
}
