//! A binary that brings its capabilities along (`setcap`) is run by anybody: nothing that it loads may be that one's choice.

use std::process::Command;

use super::as_nobody;
use crate::harness::{
    in_a_namespace, run, skip,
    tracer::{BINARY, ran},
};

/// Another kernel side, named by the environment.
#[test]
fn it_loads_no_programs_of_the_callers() {
    in_a_namespace(|| {
        // Copies, because nobody may look into the directory of the original.
        let directory = tempfile::tempdir().unwrap();
        run("chmod", &["755", directory.path().to_str().unwrap()]);
        let [plain, privileged] = ["plain", "privileged"].map(|name| {
            let copy = directory.path().join(name).into_os_string().into_string().unwrap();
            run("cp", &[BINARY, &copy]);
            copy
        });
        let capabilities = "cap_bpf,cap_perfmon,cap_dac_read_search=ep";
        if !Command::new("setcap").args([capabilities, &privileged]).status().unwrap().success() {
            return skip("files cannot have capabilities here");
        }
        let other = "/no/such/object";
        // Where it has none, it takes the other one, as the tests of a new kernel side need it.
        let err = |binary: &str| {
            ran(as_nobody(&[binary, "--duration", "1ms"]).env("TCPTRACE_BPF_OBJECT", other)).err
        };
        assert!(err(&plain).contains(other), "{}", err(&plain));
        assert!(!err(&privileged).contains(other), "{}", err(&privileged));
    });
}
