//! Kernel modules that the tests need, in the order in which they can be inserted: the guest loads none by itself.

use super::kernel::Kernel;
use crate::{child, workspace};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// For `ss` and our own lists of sockets; for links to nowhere and slow ones.
const WANTED: [&str; 4] = ["tcp_diag", "mptcp_diag", "veth", "sch_netem"];

/// Puts the modules into a directory, unpacked; returns their file names in order.
pub fn stage(kernel: &Kernel, directory: &Path) -> Result<Vec<String>> {
    let mut modprobe = Command::new(workspace::find_program("modprobe", Some(Path::new("/usr/sbin")))?);
    // Not as this machine is configured.
    modprobe.args(["--config", "/dev/null", "--set-version", &kernel.version, "--dirname"]).arg(&kernel.base);
    let steps = child::output(modprobe.args(["--show-depends", "--all"]).args(WANTED))?;
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let mut names = Vec::new();
    for module in in_order(&steps) {
        let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let copy = directory.join(&name);
        fs::copy(&module, &copy).with_context(|| format!("copy {}", module.display()))?;
        if name.ends_with(".xz") {
            child::run(Command::new("xz").arg("--decompress").arg(copy))?;
        }
        names.push(name.trim_end_matches(".xz").to_owned());
    }
    Ok(names)
}

/// The files that `modprobe --show-depends` says to insert, each once. What is built in needs nothing.
fn in_order(steps: &str) -> Vec<PathBuf> {
    let mut order = Vec::new();
    for path in steps.lines().filter_map(|line| line.strip_prefix("insmod ")) {
        let path = PathBuf::from(path.trim());
        if !order.contains(&path) {
            order.push(path);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_need_comes_once_and_first() {
        let steps = "\
insmod /k/inet_diag.ko 
insmod /k/tcp_diag.ko 
builtin mptcp
insmod /k/inet_diag.ko 
insmod /k/mptcp_diag.ko.xz 
";
        let order = ["/k/inet_diag.ko", "/k/tcp_diag.ko", "/k/mptcp_diag.ko.xz"];
        assert_eq!(in_order(steps), order.map(PathBuf::from));
        assert!(in_order("builtin veth\n").is_empty());
    }
}
