//! What concerns all namespaces: who changes it has the machine to himself for so long.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::harness::run;

static MACHINE: RwLock<()> = RwLock::new(());

/// Set where nobody but the tests is on the machine, as in an emulated one.
const IS_OURS: &str = "TCPTRACE_TEST_MACHINE_IS_OURS";

/// Beside others.
pub fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// As soon as nobody else is at it.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// A parameter below `/proc/sys/net/ipv4` that only the first namespace has; as it was before when this is dropped.
pub struct Parameter {
    file: String,
    before: String,
}

impl Parameter {
    /// `None` where it is not for tests to change.
    pub fn set(name: &str, value: &str) -> Option<Self> {
        std::env::var_os(IS_OURS)?;
        let file = format!("/proc/sys/net/ipv4/{name}");
        let before = in_the_first_namespace(&format!("cat {file}"));
        let parameter = Self { file, before };
        parameter.write(value);
        Some(parameter)
    }

    fn write(&self, value: &str) {
        in_the_first_namespace(&format!("echo {value} >{}", self.file));
    }
}

impl Drop for Parameter {
    fn drop(&mut self) {
        self.write(self.before.trim());
    }
}

/// Runs a command in the first thread's network namespace, which only the threads that tests run on leave. Where it is
/// not the machine's own, there is no such file.
fn in_the_first_namespace(command: &str) -> String {
    let net = format!("--net=/proc/{}/ns/net", std::process::id());
    run("nsenter", &[&net, "sh", "-c", command])
}
