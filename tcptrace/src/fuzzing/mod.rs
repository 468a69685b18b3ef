//! What must hold for any bytes from outside: one file per reader, called by the fuzz targets in `tcptrace/fuzz`, and by
//! a test with the inputs that are kept there.
//!
//! A property panics where it does not hold.

mod btf;
mod filter;
mod format;
mod record;
mod replay;
mod sock_diag;
mod story;

pub use btf::btf;
pub use filter::filter;
pub use format::format;
pub use record::record;
pub use replay::replay;
pub use sock_diag::sock_diag;
pub use story::story;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    type Property = fn(&[u8]);

    const ALL: [(&str, Property); 7] = [
        ("btf", super::btf),
        ("filter", super::filter),
        ("format", super::format),
        ("record", super::record),
        ("replay", super::replay),
        ("sock_diag", super::sock_diag),
        ("story", super::story),
    ];

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_inputs_that_are_kept_hold() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        assert_eq!(names(&fuzz.join("corpus")), ALL.map(|(name, _)| name));
        assert_eq!(names(&fuzz.join("fuzz_targets")), ALL.map(|(name, _)| format!("{name}.rs")));
        for (target, property) in ALL {
            let inputs = names(&fuzz.join("corpus").join(target));
            assert!(!inputs.is_empty(), "{target}");
            for input in inputs {
                // What a failure prints first: which input it was.
                println!("{target}/{input}");
                property(&fs::read(fuzz.join("corpus").join(target).join(&input)).unwrap());
            }
        }
    }
}
