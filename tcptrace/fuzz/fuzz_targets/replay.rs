//! See `replay.rs` in `tcptrace/src/fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tcptrace::fuzzing::replay(bytes));
