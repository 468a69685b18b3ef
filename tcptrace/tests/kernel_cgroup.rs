//! Cgroups and containers: of the socket, also before anybody has accepted it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness::{
    actor::Actor,
    in_a_namespace, patiently, skip,
    tracer::{Tracer, ran, tcptrace},
};

/// A container, as far as its cgroup tells.
struct Container {
    directory: PathBuf,
    path: String,
    id: String,
}

impl Container {
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let root = roots.into_iter().find(|root| Path::new(root).join("cgroup.controllers").exists());
        let Some(root) = root else {
            skip("no unified cgroup hierarchy");
            return None;
        };
        let id = format!("{:08x}{}", std::process::id(), "0123456789abcdef".repeat(4)[8..].to_owned());
        let path = format!("/tcptrace-test-{}/docker-{id}.scope", std::process::id());
        let directory = PathBuf::from(format!("{root}{path}"));
        if let Err(error) = fs::create_dir_all(&directory) {
            skip(&format!("cgroups cannot be made: {error}"));
            return None;
        }
        Some(Self { directory, path, id })
    }

    fn take(&self, actor: &Actor) {
        fs::write(self.directory.join("cgroup.procs"), actor.pid().to_string()).unwrap();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It is busy until its processes have gone for good.
        patiently(|| fs::remove_dir(&self.directory).ok());
        let _ = self.directory.parent().map(fs::remove_dir);
    }
}

#[test]
fn a_container_by_its_cgroup() {
    in_a_namespace(|| {
        let Some(container) = Container::new() else { return };
        let (inside, outside) = (Actor::new("inside"), Actor::new("outside"));
        container.take(&inside);
        let before = inside.tell("listen before 127.0.0.1:0");
        let parent = Path::new(&container.path).parent().unwrap().to_str().unwrap().to_owned();
        let mounted = container.directory.to_str().unwrap().to_owned();
        let options: &[&[&str]] = &[
            &["--container", &container.id[..12]],
            &["--cgroup", &container.path],
            &["--cgroup", &parent],
            &["--cgroup", &mounted],
            &["--cgroup", "/tcptrace", "--port", "1-65535"],
        ];
        let all = Tracer::start(&[]);
        let text = Tracer::start_text(&["--color", "never"]);
        let tracers: Vec<_> = options.iter().map(|options| Tracer::start(options)).collect();
        let listener = inside.tell("listen l 127.0.0.1:0");
        let opened = outside.tell(&format!("connect c {}", listener.local));
        let accepted = inside.tell("accept l s");
        outside.order("close c");
        all.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
        inside.order("close s");
        all.wait_for_step(&accepted.cookie, "CLOSE");

        let listed = ran(tcptrace().args(["list", "--format", "json", "--container", &container.id]));
        for line in listed.out.lines() {
            let listed: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&listed["cgroup"], &listed["container"]),
                (&container.path.as_str().into(), &container.id.as_str().into()),
                "{listed}"
            );
        }
        assert_eq!(listed.out.lines().count(), 2, "{listed:?}", listed = listed.out);
        let (all, text) = (all.finish(), text.finish());
        let its = [&before, &listener, &accepted].map(|sock| all.of_socket(&sock.cookie)).concat();
        assert_eq!(its.len(), 1 + 1 + 5, "{:#?}", all.lines());
        for record in &its {
            assert_eq!(
                (&record["cgroup"], &record["container"]),
                (&container.path.as_str().into(), &container.id.as_str().into()),
                "{record}"
            );
        }
        let others = all.of_socket(&opened.cookie);
        assert!(others.iter().all(|record| record["container"].is_null()), "{others:#?}");
        let [shown @ .., none] = &tracers.into_iter().map(Tracer::finish).collect::<Vec<_>>()[..] else {
            panic!("no tracers")
        };
        for (options, trace) in options.iter().zip(shown) {
            // On a slow machine a segment is sent again when the connection is over, and the listener answers with a RST.
            let own = |record: &&serde_json::Value| record["socket"].is_string() && record["type"] != "reset";
            let own = trace.records.iter().filter(own).count();
            assert_eq!(own, its.len(), "{options:?}: {:#?}", trace.lines());
        }
        assert_eq!(none.total("shown"), 0, "{:#?}", none.lines());
        // Between the two there may be a thread.
        let [who, place] = [format!(" {}/inside", inside.pid()), format!("@{} ", &container.id[..12])];
        let shown = |line: &&str| line.contains(&who) && line.contains(&place) && !line.contains("RST sent");
        assert_eq!(text.text.lines().filter(shown).count(), its.len(), "{}", text.text);
        drop((inside, outside));
    });
}
