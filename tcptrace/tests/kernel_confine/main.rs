//! What a trace has given up once it runs, tried out: a process that is confined as a trace is tries to break out, and a
//! trace that is confined still tells what it must.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use harness::{actor::Actor, in_a_namespace, skip, tracer::Tracer};
use rustix::{
    process::{Gid, Uid},
    thread::CapabilitySet,
};
use tcptrace::confine::{Confinement, KEPT, confine};

const PRISON: &str = "TCPTRACE_TEST_PRISON";

/// Not a test: what the prisoner tries. It says what succeeds.
#[test]
fn try_to_break_out() {
    let Some(directory) = std::env::var_os(PRISON) else { return };
    let directory = std::path::PathBuf::from(directory);
    let (file, port) = (directory.join("file"), fs::read_to_string(directory.join("port")).unwrap());
    let to = format!("127.0.0.1:{port}");
    // What is open stays so.
    let mut open = OpenOptions::new().append(true).open(&file).unwrap();
    confine(Confinement { user: None, reopens: false }).unwrap();
    let mut out = io::stdout().lock();
    let mut tries = |what: &str, outcome: io::Result<()>| {
        writeln!(out, "{what}: {}", outcome.map_or_else(|error| error.to_string(), |()| "done".to_owned()))
            .unwrap();
    };
    tries("read a file", File::open(&file).map(drop));
    tries("write to an open file", open.write_all(b"x"));
    tries("start a thread", std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap()));
    tries("open for writing", OpenOptions::new().append(true).open(&file).map(drop));
    tries("make a file", File::create(directory.join("other")).map(drop));
    tries("remove a file", fs::remove_file(&file));
    tries("rename a file", fs::rename(&file, directory.join("other")));
    tries("change a mode", fs::set_permissions(&file, fs::Permissions::from_mode(0o777)));
    tries("make a directory", fs::create_dir(directory.join("directory")));
    tries("connect", TcpStream::connect(to).map(drop));
    tries("listen", TcpListener::bind("127.0.0.1:0").map(drop));
    tries("make a datagram socket", UdpSocket::bind("127.0.0.1:0").map(drop));
    tries("run a program", Command::new("/bin/true").status().map(drop));
    // SAFETY: only numbers are passed.
    let made = unsafe { libc::syscall(libc::SYS_bpf, 0, 0, 0) };
    let error = io::Error::last_os_error();
    tries("make a map", if made == -1 { Err(error) } else { Ok(()) });
    // In the thread of another.
    let from_thread = std::thread::spawn(|| Command::new("/bin/true").status().map(drop));
    tries("run a program from a thread", from_thread.join().unwrap());
}

#[test]
fn nobody_breaks_out() {
    if !rustix::process::geteuid().is_root() {
        return skip("what root gives up only root can give up");
    }
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fs::write(directory.path().join("port"), listener.local_addr().unwrap().port().to_string()).unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "try_to_break_out", "--nocapture"])
        .env(PRISON, directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let outcomes = said.lines().filter_map(|line| line.split_once(": "));
    let outcomes: Vec<_> =
        outcomes.filter(|(_, outcome)| *outcome == "done" || outcome.contains("os error")).collect();
    assert_eq!(outcomes.len(), 15, "{said}{}", String::from_utf8_lossy(&output.stderr));
    for (what, outcome) in &outcomes[..3] {
        assert_eq!(*outcome, "done", "{what}");
    }
    for (what, outcome) in &outcomes[3..] {
        assert!(outcome.contains("Operation not permitted"), "{what}: {outcome}");
    }
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"x");
}

/// Reads a field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field}")).trim().to_owned()
}

fn assert_confined(pid: u32) {
    assert_eq!((status(pid, "NoNewPrivs"), status(pid, "Seccomp")), ("1".to_owned(), "2".to_owned()));
    for set in ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"] {
        let set = CapabilitySet::from_bits_retain(u64::from_str_radix(&status(pid, set), 16).unwrap());
        assert!(KEPT.contains(set), "{set:?}");
    }
}

#[test]
fn a_trace_has_little_and_tells_all() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--stuck", "1s"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        // Read from /proc, when it is long over that there was all privilege.
        let stuck = tracer.wait_for("what is stuck", |record| {
            record["type"] == "stuck" && record["socket"] == *accepted.cookie
        });
        assert_eq!(stuck["fd"], accepted.fd);
        assert_confined(tracer.pid());
        server.order("close s");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        assert!(!trace.of_socket(&opened.cookie).is_empty());
        assert!(!trace.err.contains("not permitted"), "{}", trace.err);
    });
}

#[test]
fn it_goes_on_as_somebody_else() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--user", "nobody", "--stuck", "1s"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        let stuck = tracer.wait_for("what is stuck", |record| {
            record["type"] == "stuck" && record["socket"] == *accepted.cookie
        });
        // Root's, and yet nobody sees it.
        assert_eq!(stuck["fd"], accepted.fd);
        assert_confined(tracer.pid());
        let (user, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
        let four = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
        assert_eq!(status(tracer.pid(), "Uid"), four(user.as_raw()));
        assert_eq!(status(tracer.pid(), "Gid"), four(group.as_raw()));
        assert_eq!(status(tracer.pid(), "Groups"), "");
        drop(client);
        let trace = tracer.finish();
        assert!(!trace.err.contains("not permitted"), "{}", trace.err);
    });
}
