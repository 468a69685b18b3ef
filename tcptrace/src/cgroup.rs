//! Cgroups by path, and the containers that some of them are.

use std::{collections::HashMap, sync::Arc};

/// A cgroup of the unified hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Its path from the root of the hierarchy: `/system.slice/ssh.service`.
    pub path: String,
    /// The id of the container that it is, or is in.
    pub container: Option<String>,
}

impl Cgroup {
    /// From its path.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        let container = path.split('/').rev().find_map(container).map(str::to_owned);
        Self { path, container }
    }

    /// The container's id as people know it: the first twelve digits of a long one.
    #[must_use]
    pub fn short_container(&self) -> Option<&str> {
        self.container.as_deref().map(|id| if is_hash(id) { &id[..12] } else { id })
    }
}

/// Cgroups by id, which the kernel never gives to another one.
#[derive(Debug, Default)]
pub struct Cgroups(HashMap<u64, Option<Arc<Cgroup>>>);

impl Cgroups {
    /// More than this are not remembered: containers come and go for as long as a trace may run.
    const MOST: usize = 4096;

    /// Whether nobody has looked for this one yet.
    #[must_use]
    pub fn lacks(&self, id: u64) -> bool {
        !self.0.contains_key(&id)
    }

    /// Takes in what was found; `None` is one that is gone or hidden.
    pub fn learn(&mut self, id: u64, cgroup: Option<Arc<Cgroup>>) {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(id, cgroup);
    }

    /// The cgroup with this id.
    #[must_use]
    pub fn named(&self, id: u64) -> Option<Arc<Cgroup>> {
        self.0.get(&id).cloned().flatten()
    }
}

/// The container that a directory stands for. Engines name it by its 64 hexadecimal digits: alone (`docker` and
/// `kubepods` with cgroupfs), or as a scope of systemd's with the engine before it (`docker-ID.scope`,
/// `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope`); `conmon` is podman's and cri-o's watcher, not the
/// container. systemd-nspawn and machined have names: `systemd-nspawn@NAME.service`, `machine-NAME.scope`.
fn container(directory: &str) -> Option<&str> {
    if is_hash(directory) {
        return Some(directory);
    }
    let (name, kind) = directory.rsplit_once('.')?;
    match kind {
        "service" => name.strip_prefix("systemd-nspawn@").filter(|name| !name.is_empty()),
        "scope" => match name.rsplit_once('-') {
            Some((engine, id)) if is_hash(id) && !engine.ends_with("conmon") => Some(id),
            _ => name.strip_prefix("machine-").filter(|name| !name.is_empty()),
        },
        _ => None,
    }
}

fn is_hash(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_every_engine() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/system.slice/docker-ID.scope/init",
            "/kubepods/burstable/pod1b2c/ID",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "/default/ID",
        ] {
            let cgroup = Cgroup::new(path.replace("ID", &id));
            assert_eq!(cgroup.container.as_deref(), Some(&*id), "{path}");
            assert_eq!(cgroup.short_container(), Some("0123456789ab"), "{path}");
        }
        for (path, name) in [
            ("/machine.slice/systemd-nspawn@web.service/payload", Some("web")),
            ("/machine.slice/machine-web.scope", Some("web")),
            ("/machine.slice/libpod-conmon-ID.scope", None),
            ("/system.slice/ssh.service", None),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            ("/docker/ID0", None),
            ("/", None),
        ] {
            let cgroup = Cgroup::new(path.replace("ID", &id));
            assert_eq!(cgroup.short_container(), name, "{path}");
        }
    }
}
