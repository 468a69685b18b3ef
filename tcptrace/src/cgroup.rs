//! Cgroups by path, and the containers that some of them are.

use std::sync::Arc;

use foldhash::HashMap;

/// Cgroup by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Path from the root of the unified hierarchy: `/system.slice/ssh.service`.
    pub path: String,
    /// Whether the path is in an older hierarchy (cgroup v1), and the process's: sockets have none there.
    pub is_older: bool,
    /// Id of the container that it is, or is in.
    pub container: Option<String>,
}

impl Cgroup {
    /// Cgroup with this path.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        let container = path.split('/').rev().find_map(container).map(str::to_owned);
        Self { path, is_older: false, container }
    }

    /// Cgroup of a process, from its `/proc/PID/cgroup`, lines of `ID:CONTROLLERS:PATH`. The unified hierarchy is
    /// `0::PATH`. Where it is not used, or the process is at its root, the older ones may know more: the first path in
    /// which there is a container, else that of systemd, which puts each service somewhere.
    #[must_use]
    pub fn of_process(text: &str) -> Option<Self> {
        let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let unified =
            lines().find(|(controllers, _)| controllers.is_empty()).map(|(_, path)| Self::new(path));
        if let Some(unified) = unified.as_ref().filter(|cgroup| !cgroup.is_root()) {
            return Some(unified.clone());
        }
        let older = |(_, path)| Self { is_older: true, ..Self::new(path) };
        let of_systemd = |(controllers, path): &(&str, &str)| *controllers == "name=systemd" && *path != "/";
        lines()
            .filter(|(controllers, _)| !controllers.is_empty())
            .map(older)
            .find(|cgroup| cgroup.container.is_some())
            .or_else(|| lines().find(of_systemd).map(older))
            .or(unified)
    }

    /// Whether the cgroup is the one that all others are in.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.path == "/"
    }

    /// The container's id as people know it: the first twelve digits of a long one.
    #[must_use]
    pub fn short_container(&self) -> Option<&str> {
        self.container.as_deref().map(|id| if is_hash(id) { &id[..12] } else { id })
    }
}

/// Cgroups by id, which the kernel never gives to another one; and those of processes where ids are not enough.
#[derive(Debug, Default)]
pub struct Cgroups {
    by_id: HashMap<u64, Option<Arc<Cgroup>>>,
    by_pid: HashMap<u32, Arc<Cgroup>>,
}

impl Cgroups {
    /// Number of cgroups that are remembered: containers come and go for as long as a trace may run.
    const MOST: usize = 4096;

    /// Whether somebody has looked for this one.
    #[must_use]
    pub fn has(&self, id: u64) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Takes in what was found; `None` is one that is gone or hidden.
    pub fn learn(&mut self, id: u64, cgroup: Option<Arc<Cgroup>>) {
        if self.by_id.len() >= Self::MOST {
            self.by_id.clear();
        }
        self.by_id.insert(id, cgroup);
    }

    /// Takes in the cgroup of a process, as of now.
    pub fn learn_process(&mut self, pid: u32, cgroup: Option<Arc<Cgroup>>) {
        if self.by_pid.len() >= Self::MOST {
            self.by_pid.clear();
        }
        match cgroup {
            Some(cgroup) => self.by_pid.insert(pid, cgroup),
            None => self.by_pid.remove(&pid),
        };
    }

    /// Cgroup of a socket with this id and this holder; `None` if that is not known, or is no more than is known.
    pub(crate) fn of_socket(
        &self,
        id: Option<u64>,
        holder: Option<u32>,
        known: Option<&Cgroup>,
    ) -> Option<Arc<Cgroup>> {
        if !self.by_pid.is_empty()
            && let Some(cgroup) = holder.and_then(|pid| self.by_pid.get(&pid))
        {
            return Some(Arc::clone(cgroup));
        }
        self.get(id?).filter(|cgroup| known.is_none() || !cgroup.is_root())
    }

    /// Cgroup with this id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Cgroup>> {
        self.by_id.get(&id).cloned().flatten()
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

    /// As hosts of each kind show it.
    #[test]
    fn processes_in_hierarchies_of_both_kinds() {
        let id = "0123456789abcdef".repeat(4);
        for (text, path, is_older, container) in [
            // Unified alone.
            ("0::/system.slice/ssh.service\n", "/system.slice/ssh.service", false, None),
            ("0::/system.slice/docker-ID.scope\n", "/system.slice/docker-ID.scope", false, Some(&*id)),
            ("0::/\n", "/", false, None),
            // Docker with cgroupfs, cgroup v1 alone: there is no line 0.
            (
                "12:pids:/docker/ID\n3:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n",
                "/docker/ID",
                true,
                Some(&*id),
            ),
            // Kubernetes on cgroup v1 with an unused unified hierarchy beside it.
            (
                "11:memory:/kubepods/burstable/pod1b2c/ID\n1:name=systemd:/kubepods/burstable/pod1b2c/ID\n0::/\n",
                "/kubepods/burstable/pod1b2c/ID",
                true,
                Some(&*id),
            ),
            // systemd's hybrid: both say where it is.
            (
                "5:devices:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/system.slice/cron.service\n",
                "/system.slice/cron.service",
                false,
                None,
            ),
            // A service on cgroup v1: systemd knows, whatever controllers are in use.
            (
                "4:memory:/\n2:cpu,cpuacct:/batch\n1:name=systemd:/system.slice/cron.service\n0::/\n",
                "/system.slice/cron.service",
                true,
                None,
            ),
            // Nothing that says more.
            ("9:name=systemd:/\n4:memory:/batch\n0::/\n", "/", false, None),
            // A path may have colons.
            ("0::/a:b/c:\n", "/a:b/c:", false, None),
        ] {
            let cgroup = Cgroup::of_process(&text.replace("ID", &id)).unwrap();
            let expected =
                Cgroup { path: path.replace("ID", &id), is_older, container: container.map(str::to_owned) };
            assert_eq!(cgroup, expected, "{text}");
        }
        for text in ["", "4:memory:/batch\n", "junk\n:\n"] {
            assert_eq!(Cgroup::of_process(text), None, "{text}");
        }
    }

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
