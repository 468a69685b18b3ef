//! Records that the kernel side never wrote, put into a tracer's buffer by a program of our own.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// `enum bpf_cmd` (include/uapi/linux/bpf.h).
const PROG_LOAD: i32 = 5;
const PROG_TEST_RUN: i32 = 10;
const MAP_GET_FD_BY_ID: i32 = 14;
/// `BPF_PROG_TYPE_SYSCALL`, which runs when it is told to, and `BPF_F_SLEEPABLE`, without which it is refused.
const SYSCALL: u64 = 31;
const SLEEPABLE: u64 = 1 << 4;
/// `BPF_MAP_TYPE_RINGBUF`
const RINGBUF: &str = "27";
/// `bpf_ringbuf_output`, and its flag `BPF_RB_FORCE_WAKEUP`.
const OUTPUT: i32 = 130;
const FORCE_WAKEUP: i32 = 2;
/// A program's stack, from which it writes.
pub const LONGEST: usize = 512;

/// The buffer of a tracer.
pub struct Buffer(OwnedFd);

impl Buffer {
    /// The largest one that the process has open: the kernel side's messages have one too.
    pub fn of(pid: u32) -> Self {
        let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
        let ring = |file: fs::DirEntry| {
            let text = fs::read_to_string(file.path()).ok()?;
            let field = |name| Some(text.lines().find_map(|line| line.strip_prefix(name))?.trim());
            (field("map_type:")? == RINGBUF).then_some(())?;
            let number = |name| field(name)?.parse::<u64>().ok();
            Some((number("max_entries:")?, number("map_id:")?))
        };
        let (_, id) = files.filter_map(|file| ring(file.ok()?)).max().unwrap();
        Self(bpf(MAP_GET_FD_BY_ID, &mut [id]).map(descriptor).unwrap())
    }

    /// Writes a record of up to [`LONGEST`] bytes.
    pub fn put(&self, record: &[u8]) {
        let program = self.program(record);
        let license = c"GPL";
        let length = program.len() as u64;
        let words = [program.as_ptr() as u64, license.as_ptr() as u64];
        let mut load = [SYSCALL | length << 32, words[0], words[1], 0, 0, SLEEPABLE << 32];
        let loaded = descriptor(bpf(PROG_LOAD, &mut load).unwrap());
        let mut run = [loaded.as_raw_fd() as u64, 0, 0, 0, 0, 0, 0, 0];
        bpf(PROG_TEST_RUN, &mut run).unwrap();
        assert_eq!(run[0] >> 32, 0, "the buffer has no room");
    }

    /// Copies the record to the stack, and the stack to the buffer.
    fn program(&self, record: &[u8]) -> Vec<u64> {
        let start = -8 * record.len().div_ceil(8).max(1) as i32;
        let mut program = Vec::new();
        for (i, chunk) in record.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let value = u64::from_le_bytes(bytes);
            // r1 = value; *(u64 *)(r10 + …) = r1
            program.extend([
                instruction(0x18, 1, 0, 0, value as i32),
                instruction(0, 0, 0, 0, (value >> 32) as i32),
            ]);
            program.push(instruction(0x7b, 10, 1, start + 8 * i as i32, 0));
        }
        // r1 = the map; r2 = r10 + start; r3 = length; r4 = flags; call; exit
        program.extend([instruction(0x18, 1, 1, 0, self.0.as_raw_fd()), 0]);
        program.extend([instruction(0xbf, 2, 10, 0, 0), instruction(0x07, 2, 0, 0, start)]);
        program.push(instruction(0xb7, 3, 0, 0, record.len() as i32));
        program.push(instruction(0xb7, 4, 0, 0, FORCE_WAKEUP));
        program.extend([instruction(0x85, 0, 0, 0, OUTPUT), instruction(0x95, 0, 0, 0, 0)]);
        program
    }
}

/// `struct bpf_insn`
fn instruction(code: u8, to: u8, from: u8, offset: i32, value: i32) -> u64 {
    u64::from(code)
        | u64::from(to | from << 4) << 8
        | u64::from(offset as i16 as u16) << 16
        | u64::from(value as u32) << 32
}

/// The system call, with the first words of a `union bpf_attr`.
fn bpf(command: i32, attributes: &mut [u64]) -> io::Result<i32> {
    // SAFETY: the pointers in the attributes are those of buffers that outlive the call, with their own lengths.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), size_of_val(attributes)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn descriptor(number: i32) -> OwnedFd {
    // SAFETY: it is new and nobody else's.
    unsafe { OwnedFd::from_raw_fd(number) }
}
