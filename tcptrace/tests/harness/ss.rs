//! `ss` as the independent witness: what the kernel lists, read by somebody else's program.

use super::{actor::Sock, once_more, patiently, run, wait_for};

/// One socket as `ss -tanpeo` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In our words: `FIN_WAIT2`, not `FIN-WAIT-2`.
    pub state: String,
    pub recv_q: u32,
    pub local: String,
    pub remote: String,
    /// The cookie, in decimal like ours.
    pub cookie: String,
    /// The processes that hold it.
    pub pids: Vec<u32>,
    /// 0 of a socket that no process has.
    pub inode: u64,
    /// Kind of the timer that runs: `keepalive`, `timewait`; empty if there is none.
    pub timer: String,
}

impl Line {
    /// Whether this is an orphan that the kernel keeps whole in FIN_WAIT2, for a minute: one whose FIN is acknowledged while
    /// its process is on the last steps of close() (`tcp_rcv_state_process`, `sock_owned_by_user`).
    pub fn is_whole_orphan(&self) -> bool {
        self.state == "FIN_WAIT2" && self.inode == 0 && self.timer == "keepalive"
    }

    /// The same, as an actor would describe it.
    pub fn sock(&self) -> Sock {
        // `*:80` is of a socket that takes both families, `0.0.0.0:*` has no port.
        let end = |text: &str| {
            let text = text.strip_prefix("*:").map_or(text.to_owned(), |port| format!("[::]:{port}"));
            text.replace('*', "0").parse().unwrap()
        };
        Sock { cookie: self.cookie.clone(), local: end(&self.local), remote: end(&self.remote), fd: -1 }
    }
}

/// Sockets that `ss` lists in this thread's network namespace.
pub fn all() -> Vec<Line> {
    run("ss", &["-tanpeoOH"]).lines().map(read).collect()
}

/// The line of `ss` about one socket.
pub fn of(sock: &Sock) -> Option<Line> {
    all().into_iter().find(|line| line.cookie == sock.cookie)
}

/// Waits until `ss` shows the socket in this state.
#[track_caller]
pub fn wait(sock: &Sock, state: &str) -> Line {
    let line = patiently(|| of(sock).filter(|line| line.state == state));
    line.unwrap_or_else(|| panic!("waited in vain for {sock:?} in {state}: {:#?}", all()))
}

/// Waits until the orphan is a minisocket in FIN_WAIT2.
#[track_caller]
pub fn wait_for_minisocket(sock: &Sock) -> Line {
    wait_for("the minisocket", || {
        let line = of(sock).filter(|line| line.state == "FIN_WAIT2")?;
        if line.is_whole_orphan() {
            once_more("the kernel keeps an orphan whole");
        }
        (line.timer == "timewait").then_some(line)
    })
}

/// Waits until every connection is over. The last packets may still be under way, and one in some thousand FINs arrives
/// while the kernel exchanges the socket for its minisocket: it is lost, and sent again after 200 ms.
#[track_caller]
pub fn wait_for_the_last_to_end() {
    wait_for("every connection to be over", || {
        all().iter().all(|line| ["LISTEN", "TIME_WAIT"].contains(&&*line.state)).then_some(())
    });
}

fn read(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [state, recv_q, _, local, remote] = words[..5] else { panic!("{line}") };
    let named = |prefix: &str| words.iter().find_map(|word| word.strip_prefix(prefix));
    let state = match state {
        "ESTAB" => "ESTABLISHED".to_owned(),
        "UNCONN" => "CLOSE".to_owned(),
        other => other.replace("WAIT-", "WAIT").replace('-', "_"),
    };
    // users:(("server",pid=7,fd=3),("server",pid=8,fd=3)): a name may hold anything, but `pid=` comes after it.
    let pids = line.split(",pid=").skip(1).filter_map(|rest| rest.split(',').next()?.parse().ok()).collect();
    Line {
        state,
        recv_q: recv_q.parse().unwrap(),
        local: local.to_owned(),
        remote: remote.to_owned(),
        cookie: u64::from_str_radix(named("sk:").unwrap(), 16).unwrap().to_string(),
        pids,
        inode: named("ino:").map_or(0, |inode| inode.parse().unwrap()),
        timer: named("timer:(").map_or("", |timer| timer.split(',').next().unwrap_or_default()).to_owned(),
    }
}
