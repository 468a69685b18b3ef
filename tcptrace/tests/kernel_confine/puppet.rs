//! A thread of another process that is made to call the kernel: what somebody could do who has got code to run in there.

use std::{
    fs::{File, OpenOptions},
    io,
    mem::MaybeUninit,
    os::unix::fs::FileExt as _,
    ptr, thread,
    time::Duration,
};

/// Bytes below the stack that a function may use without moving the stack pointer (x86-64 psABI, "red zone"), and more.
const BELOW_STACK: u64 = 4096;

/// A thread that is stopped, and that does what it is told until this is dropped.
pub struct Puppet {
    thread: i32,
    memory: File,
    /// Registers that it had.
    own: libc::user_regs_struct,
    /// Address of the next bytes, below its stack.
    free: u64,
}

impl Puppet {
    /// Takes over a thread, once it waits in the kernel.
    pub fn seize(thread: u32) -> io::Result<Self> {
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{thread}/mem"))?;
        let thread = thread.cast_signed();
        ptrace(libc::PTRACE_SEIZE, thread, 0)?;
        loop {
            ptrace(libc::PTRACE_INTERRUPT, thread, 0)?;
            stopped(thread)?;
            let own = registers(thread)?;
            // In a system call: the instruction before the next one is `syscall`.
            if own.orig_rax.cast_signed() >= 0 {
                return Ok(Self { thread, memory, free: own.rsp - BELOW_STACK, own });
            }
            ptrace(libc::PTRACE_CONT, thread, 0)?;
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Puts bytes into its memory, with a zero behind them; says where they are.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        self.free = (self.free - bytes.len() as u64 - 1) & !15;
        self.memory.write_all_at(&[bytes, &[0]].concat(), self.free).unwrap();
        self.free
    }

    /// Makes it call the kernel; gives what the kernel answers, a negative number for an error.
    pub fn call(&mut self, number: i64, arguments: [u64; 6]) -> i64 {
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        let mut asked = self.own;
        let rip = self.own.rip - 2;
        // No call that the kernel would begin again.
        let orig_rax = u64::MAX;
        let rax = number.cast_unsigned();
        (asked.rip, asked.rax, asked.orig_rax) = (rip, rax, orig_rax);
        (asked.rdi, asked.rsi, asked.rdx, asked.r10, asked.r8, asked.r9) = (rdi, rsi, rdx, r10, r8, r9);
        set_registers(self.thread, &asked).unwrap();
        ptrace(libc::PTRACE_SINGLESTEP, self.thread, 0).unwrap();
        stopped(self.thread).unwrap();
        registers(self.thread).unwrap().rax.cast_signed()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // Whatever it waited for, it waits again. Both fail if it has ended.
        let _ = set_registers(self.thread, &self.own);
        let _ = ptrace(libc::PTRACE_DETACH, self.thread, 0);
    }
}

fn ptrace(request: libc::c_uint, thread: i32, data: usize) -> io::Result<()> {
    // SAFETY: none of the requests made here takes a pointer.
    let done = unsafe { libc::ptrace(request, thread, ptr::null_mut::<()>(), data) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn registers(thread: i32) -> io::Result<libc::user_regs_struct> {
    let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
    // SAFETY: there is room for what it writes, and zeroes are registers too.
    unsafe {
        match libc::ptrace(libc::PTRACE_GETREGS, thread, ptr::null_mut::<()>(), registers.as_mut_ptr()) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(registers.assume_init()),
        }
    }
}

fn set_registers(thread: i32, registers: &libc::user_regs_struct) -> io::Result<()> {
    // SAFETY: it only reads them.
    match unsafe {
        libc::ptrace(libc::PTRACE_SETREGS, thread, ptr::null_mut::<()>(), ptr::from_ref(registers))
    } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Waits until it is stopped; one that ends instead is no longer there.
fn stopped(thread: i32) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: there is room for the status.
    match unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) } {
        -1 => Err(io::Error::last_os_error()),
        _ if libc::WIFSTOPPED(status) => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}
