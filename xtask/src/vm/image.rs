//! The guest's memory disk: busybox, the tests, the programs that they run, and the shared libraries of all of these.

use super::{guest, kernel::Kernel, modules, selection::Suite};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Programs that the tests run; where busybox has one of the same name, it knows less.
const PROGRAMS: [&str; 14] = [
    "bash", "capsh", "ip", "mount", "nohup", "nsenter", "setcap", "setpriv", "sh", "sleep", "ss", "tc",
    "umount", "unshare",
];

/// Archive of what is the same under every kernel.
pub fn userland(suite: &Suite, root: &Path) -> Result<PathBuf> {
    for directory in ["busybox", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "var"] {
        make(&root.join(directory))?;
    }
    symlink("usr/bin", root.join("bin")).context("make /bin")?;
    let busybox = workspace::find_program("busybox", None).context("install busybox-static")?;
    copy(&busybox, &root.join("bin/busybox"))?;
    libraries(&busybox, root)?;
    for program in PROGRAMS {
        let path = workspace::find_program(program, Some(Path::new("/usr/sbin")))?;
        copy(&path, &root.join("usr/bin").join(program))?;
        libraries(&path, root)?;
    }
    // A path is built into each test: of the tracer, and of its package's directory.
    for path in suite.tests.iter().map(|binary| &binary.path).chain(&suite.programs) {
        copy(path, &root.join(path.strip_prefix("/").unwrap_or(path)))?;
        libraries(path, root)?;
    }
    let package = workspace::root().join("tcptrace");
    make(&root.join(package.strip_prefix("/").unwrap_or(&package)))?;
    write(&root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")?;
    write(&root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    let init = root.join("init");
    write(&init, guest::INIT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).context("make /init executable")?;
    let archive = root.with_extension("cpio");
    pack(root, &archive)?;
    Ok(archive)
}

/// Memory disk for one kernel: archives one after the other are one to the kernel.
pub fn initramfs(kernel: &Kernel, suite: &Suite, userland: &Path, directory: &Path) -> Result<PathBuf> {
    let root = directory.join("root");
    let modules = modules::stage(kernel, &root.join("modules"))?;
    write(&root.join("plan"), &guest::plan(&modules, suite, &workspace::root().join("tcptrace")))?;
    let initrd = directory.join("initrd");
    copy(userland, &initrd)?;
    pack(&root, &initrd)?;
    Ok(initrd)
}

/// Appends all that is below a directory to an archive, in the one format that the kernel reads.
fn pack(root: &Path, archive: &Path) -> Result<()> {
    let out = OpenOptions::new().create(true).append(true).open(archive);
    let out = out.with_context(|| format!("write {}", archive.display()))?;
    let mut find =
        Command::new("find").args([".", "-print0"]).current_dir(root).stdout(Stdio::piped()).spawn()?;
    let names = find.stdout.take().context("read what find says")?;
    let mut cpio = Command::new("cpio");
    cpio.args(["--create", "--null", "--format=newc", "--quiet", "--owner=0:0"]).current_dir(root);
    child::run(cpio.stdin(names).stdout(out))?;
    if !find.wait()?.success() {
        bail!("list what is below {}", root.display());
    }
    Ok(())
}

/// Copies the shared libraries of a program, under the paths at which it looks for them.
fn libraries(program: &Path, root: &Path) -> Result<()> {
    // It fails on a program that is statically linked.
    let said = Command::new("ldd").arg(program).output().context("start `ldd`")?;
    let said = String::from_utf8_lossy(&said.stdout);
    for library in parse_ldd(&said).with_context(|| format!("find the libraries of {}", program.display()))? {
        let place = root.join(library.trim_start_matches('/'));
        if !place.exists() {
            copy(Path::new(library), &place)?;
        }
    }
    Ok(())
}

/// The files that `ldd` names; the vDSO is none.
fn parse_ldd(said: &str) -> Result<Vec<&str>> {
    let mut files = Vec::new();
    for line in said.lines() {
        if line.ends_with("not found") {
            bail!("{}", line.trim());
        }
        files.extend(line.split_whitespace().find(|word| word.starts_with('/')));
    }
    Ok(files)
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Copies what a path leads to.
fn copy(from: &Path, to: &Path) -> Result<()> {
    make(to.parent().unwrap_or(to))?;
    fs::copy(from, to).map(|_| ()).with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_paths_that_ldd_found() {
        let said = "\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
";
        let files = ["/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(parse_ldd(said).unwrap(), files);
        assert!(parse_ldd("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn a_missing_library_is_an_error() {
        let error = parse_ldd("\tlibelf.so.1 => not found\n").unwrap_err().to_string();
        assert_eq!(error, "libelf.so.1 => not found");
    }
}
