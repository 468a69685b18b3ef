//! Debian's cloud kernels: the newest of a series, downloaded by apt and unpacked, never installed.

use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Directory in which unpacked kernels are kept, if not below `target`.
const CACHE: &str = "TCPTRACE_VM_CACHE";

/// A kernel with its modules.
pub struct Kernel {
    /// Release of the kernel, as `uname -r` prints it.
    pub version: String,
    pub image: PathBuf,
    /// The directory with `lib/modules`.
    pub base: PathBuf,
}

/// The newest kernel whose version begins so; apt's lists are updated if none is known.
pub fn provide(series: &str) -> Result<Kernel> {
    let cache = env::var_os(CACHE)
        .map_or_else(|| workspace::target().join("vm/kernels"), |path| workspace::root().join(path));
    fs::create_dir_all(&cache).with_context(|| format!("make {}", cache.display()))?;
    let known = || -> Result<Option<String>> {
        let packages = child::output(Command::new("apt-cache").args(["pkgnames", "linux-image-"]))?;
        Ok(newest(series, packages.lines().filter_map(version)).map(str::to_owned))
    };
    let version = match known()? {
        Some(version) => version,
        None => {
            child::run(Command::new("apt-get").args(["--quiet", "update"]))?;
            known()?.with_context(|| {
                format!("find a kernel {series}: apt knows no package linux-image-{series}…-cloud-amd64")
            })?
        }
    };
    let home = cache.join(&version);
    if !home.exists() {
        download(&version, &cache, &home)?;
    }
    let (image, base) = (home.join(format!("boot/vmlinuz-{version}")), base(&home, &version)?);
    Ok(Kernel { version, image, base })
}

/// Unpacks beside the place where it will be, so that what is there is whole.
fn download(version: &str, cache: &Path, home: &Path) -> Result<()> {
    eprintln!("== downloading Linux {version}");
    let scratch = tempfile::tempdir_in(cache).with_context(|| format!("write to {}", cache.display()))?;
    // The sandbox user of apt could not write here.
    let mut get = Command::new("apt-get");
    get.args([
        "--quiet",
        "--option",
        "APT::Sandbox::User=root",
        "download",
        &format!("linux-image-{version}"),
    ]);
    child::run(get.current_dir(scratch.path()))?;
    let deb = fs::read_dir(scratch.path())
        .with_context(|| format!("list {}", scratch.path().display()))?
        .find_map(|entry| {
            Some(entry.ok()?.path()).filter(|path| path.extension().is_some_and(|e| e == "deb"))
        })
        .with_context(|| format!("find what apt-get downloaded for linux-image-{version}"))?;
    let root = scratch.path().join("root");
    child::run(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&root))?;
    let mut depmod = Command::new(workspace::find_program("depmod", Some(Path::new("/usr/sbin")))?);
    child::run(depmod.arg("--basedir").arg(base(&root, version)?).arg(version))?;
    fs::rename(&root, home).with_context(|| format!("move the kernel to {}", home.display()))
}

/// Newer packages have their modules in `usr/lib`.
fn base(root: &Path, version: &str) -> Result<PathBuf> {
    let places = [root.to_owned(), root.join("usr")];
    match places.into_iter().find(|base| base.join("lib/modules").join(version).exists()) {
        Some(base) => Ok(base),
        None => bail!("find the modules of Linux {version} in {}", root.display()),
    }
}

/// The kernel's version in the name of a package with one; those without are for the newest of a series.
fn version(package: &str) -> Option<&str> {
    let version = package.strip_prefix("linux-image-")?;
    let is_one = version.split(['.', '-', '+']).take(3).all(|part| part.parse::<u32>().is_ok());
    (is_one && version.ends_with("-cloud-amd64")).then_some(version)
}

/// Whether a version is of a series: `6.1` is no beginning of `6.12.9`.
fn newest<'a>(series: &str, versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let belongs = |version: &&str| {
        version.strip_prefix(series).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
    };
    versions.filter(belongs).max_by_key(|version| numbers(version))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: [&str; 8] = [
        "linux-image-6.1.0-9-cloud-amd64",
        "linux-image-6.1.0-56-cloud-amd64",
        "linux-image-6.1.0-57-amd64",
        "linux-image-6.1.0-58-cloud-amd64-unsigned",
        "linux-image-6.12-cloud-amd64",
        "linux-image-6.12.99+deb12-cloud-amd64",
        "linux-image-6.12.117+deb12-cloud-amd64",
        "linux-image-cloud-amd64",
    ];

    fn found(series: &str) -> Option<&str> {
        newest(series, PACKAGES.into_iter().filter_map(version))
    }

    #[test]
    fn the_newest_of_a_series_is_by_numbers() {
        assert_eq!(found("6.1"), Some("6.1.0-56-cloud-amd64"));
        assert_eq!(found("6.12"), Some("6.12.117+deb12-cloud-amd64"));
        assert_eq!(found("6.1.0-9"), Some("6.1.0-9-cloud-amd64"));
    }

    #[test]
    fn other_flavours_and_series_are_not_taken() {
        assert_eq!(found("6.1.0-57"), None);
        assert_eq!(found("5.10"), None);
        assert_eq!(version("linux-image-6.12-cloud-amd64"), None);
    }
}
