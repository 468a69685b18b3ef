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

    use serde_json::Value;

    use super::replay::FORGED;

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

    /// One record of every kind, with every word that can stand in it.
    fn records() -> Vec<Value> {
        let golden = "tests/schema/snapshots/schema__every_kind_of_record_is_as_described.snap";
        let golden = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden)).unwrap();
        golden.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
    }

    /// The strings and numbers of a value, to be changed.
    fn leaves(value: &mut Value) -> Vec<&mut Value> {
        match value {
            Value::Array(values) => values.iter_mut().flat_map(leaves).collect(),
            Value::Object(fields) => fields.values_mut().flat_map(leaves).collect(),
            Value::String(_) | Value::Number(_) => vec![value],
            _ => Vec::new(),
        }
    }

    /// Puts each of the values where a leaf is that is wanted, one at a time; says how often.
    fn hurt(is_wanted: impl Fn(&Value) -> bool, values: &[Value]) -> u64 {
        let mut tried = 0;
        for record in records() {
            for place in 0..leaves(&mut record.clone()).len() {
                for value in values {
                    let mut hurt = record.clone();
                    let mut leaves = leaves(&mut hurt);
                    if !is_wanted(leaves[place]) {
                        continue;
                    }
                    leaves[place].clone_from(value);
                    // In the company of the one as it was, and of itself: sums are of two.
                    super::replay(format!("{record}\n{hurt}\n{hurt}").as_bytes());
                    tried += 1;
                }
            }
        }
        tried
    }

    /// Escape codes, a line of its own, a turned direction, and what looks like nothing.
    #[test]
    fn any_string_of_a_recording_may_be_hostile() {
        let hostile = format!("\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{3164}\u{2028}\n{FORGED}");
        assert!(hurt(Value::is_string, &[hostile.into()]) > 500);
    }

    #[test]
    fn any_number_of_a_recording_may_be_at_an_edge() {
        let is_number = |value: &Value| match value {
            Value::String(text) => text.parse::<u64>().is_ok(),
            value => value.is_number(),
        };
        let edges =
            [u64::MAX.into(), i64::MAX.into(), i64::MIN.into(), 0.into(), u64::MAX.to_string().into()];
        assert!(hurt(is_number, &edges) > 2_000);
    }
}
