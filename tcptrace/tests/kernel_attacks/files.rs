//! Outputs in a directory of somebody else, who puts other things in the place of a file, and then has it opened again.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::as_nobody;
use crate::harness::{
    actor::Actor,
    in_a_namespace, slowness,
    tracer::{Tracer, tcptrace},
    wait_for,
};

#[test]
fn a_file_is_not_led_elsewhere() {
    in_a_namespace(|| {
        let (own, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = own.path().join("secret");
        fs::write(&secret, "secret\n").unwrap();
        fs::set_permissions(theirs.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = theirs.path().join("x.jsonl");
        for take_place in ["ln -s \"$2\" \"$1\"", "mkfifo \"$1\"", "mkdir \"$1\""] {
            chown(theirs.path(), Some(0), Some(0)).unwrap();
            let mut command = tcptrace();
            command
                .args(["--netns", "self", "--out"])
                .arg(format!("json={}", path.display()))
                .args(["--out", "json=-"]);
            let tracer = Tracer::spawn(command, true).attached();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0, "more than 0640");
            chown(theirs.path(), Some(65534), Some(65534)).unwrap();
            let file = fs::File::open(&path).unwrap();
            let script = format!("mv \"$1\" \"$1.old\" && {take_place}");
            let words = ["sh", "-c", &script, "sh", path.to_str().unwrap(), secret.to_str().unwrap()];
            assert!(as_nobody(&words).status().unwrap().success());
            tracer.signal(Signal::HUP);
            // It goes on, in the file that it has.
            let server = Actor::new("server");
            let listener = server.tell("listen l 127.0.0.1:0");
            tracer.wait_for_step(&listener.cookie, "LISTEN");
            wait_for("the old file to grow", || {
                let text = fs::read_to_string(theirs.path().join("x.jsonl.old")).unwrap();
                text.contains(&listener.cookie).then_some(())
            });
            let begun = Instant::now();
            let trace = tracer.finish();
            assert!(begun.elapsed() < Duration::from_secs(5) * slowness(), "{take_place}");
            assert!(
                trace.err.contains("again: ") && trace.err.contains("writing to the old one"),
                "{}",
                trace.err
            );
            assert_eq!(fs::read_to_string(&secret).unwrap(), "secret\n", "{take_place}");
            drop(file);
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        }
    });
}
