//! The emulated machine: QEMU without any virtualization by the processor, so that it runs wherever CI does.

use super::{
    kernel::Kernel,
    summary::{Reader, Summary},
};
use crate::workspace;
use anyhow::{Context, Result};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// A guest that prints nothing for so long hangs. The longest test waits for the end of a TIME_WAIT.
const SILENCE: Duration = Duration::from_secs(600);

/// Boots, and shows what the guest prints, line by line, until it powers off.
pub fn run(kernel: &Kernel, initrd: &Path, directory: &Path, planned: Vec<String>) -> Result<Summary> {
    let log = directory.join("kernel.log");
    let begun = Instant::now();
    let mut machine = Machine(command(kernel, initrd, &log)?.spawn().context("start `qemu-system-x86_64`")?);
    let out = BufReader::new(machine.0.stdout.take().context("read the guest's serial line")?);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        // What a test prints need not be text.
        out.split(b'\n').map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let mut reader = Reader::new(planned);
    let mut hangs = false;
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches('\r');
                println!("{} | {}", kernel.version, printable(line));
                reader.line(line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                hangs = true;
                break;
            }
        }
    }
    drop(machine);
    let mut summary = reader.finish(begun.elapsed());
    if !summary.is_complete {
        if hangs {
            eprintln!("{} | the guest said nothing for {SILENCE:?} and was ended", kernel.version);
        }
        summary.kernel_log = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    }
    Ok(summary)
}

/// Tests print what they like, but not to this terminal.
fn printable(line: &str) -> String {
    line.replace(|letter: char| letter.is_control(), "\u{fffd}")
}

fn command(kernel: &Kernel, initrd: &Path, log: &Path) -> Result<Command> {
    let size = fs::metadata(initrd).with_context(|| format!("read {}", initrd.display()))?.len() >> 20;
    let mut qemu =
        Command::new(workspace::find_program("qemu-system-x86_64", None).context("install qemu-system-x86")?);
    // One thread for both processors: with one for each, a guest that patches its code, as ftrace and BPF do, can run
    // into a half-made instruction and die of it (multipath-tcp/mptcp_net-next#471).
    qemu.args(["-accel", "tcg,thread=single", "-smp", "2"]);
    // Not microvm: without HPET and PM timer Linux 6.1 hangs at the calibration of its clock on a busy host.
    qemu.args(["-machine", "pc", "-cpu", "max,la57=off"]);
    // The archive, what is unpacked from it (at most half of the memory is for files), and space to work.
    qemu.args(["-m", &(512 + 3 * size).to_string()]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initrd);
    // A panic ends it at once.
    qemu.args(["-append", "console=ttyS0 loglevel=5 panic=-1 cryptomgr.notests", "-no-reboot"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    qemu.arg("-serial").arg(format!("file:{}", log.display())).args(["-serial", "stdio"]);
    qemu.stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(qemu)
}

/// Ends with whoever waits for it.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
