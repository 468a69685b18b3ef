//! `cargo xtask instructions`: how many instructions user space takes for a state change, stage by stage, held to a table.
//!
//! Times depend on the machine and on what else it does; the instructions of one binary hardly do, so a small loss shows.
//! What it takes to start cancels out: each stage is run with a number of connections, and with twice as many.
//!
//! Only what the same compiler and C library made can be compared, and a new compiler comes every six weeks: where they are
//! not the table's the counts are printed, and nothing fails.

mod table;

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{child, workspace};
use table::{Table, Verdict};

/// Count the instructions that user space takes for a state change, and compare with the committed table; takes valgrind
#[derive(clap::Args)]
pub struct Options {
    /// Write the table instead
    #[arg(long)]
    renew: bool,
}

/// Arguments that make the example `flood` go so far and no farther.
type SoFar = &'static [&'static str];

const MADE: SoFar = &["make"];
const DECODED: SoFar = &["decode"];
const TRACKED: SoFar = &["tell", "--how=untold"];

/// A stage, what ends with it, and what ended before it.
const STAGES: [(&str, SoFar, SoFar); 6] = [
    ("decode", DECODED, MADE),
    ("track", TRACKED, DECODED),
    ("json", &["tell", "--how=json"], TRACKED),
    ("text", &["tell", "--how=text"], TRACKED),
    ("ladder", &["tell", "--how=ladder"], TRACKED),
    // Text and JSON at once.
    ("both", &["tell", "--how=both"], TRACKED),
];

/// Connections in the shorter run; 100 of them are open at a time, so that every table has its size long before the end.
const CONNECTIONS: u64 = 2_500;
/// State changes of each.
const CHANGES: u64 = 10;

/// Which `memcpy` it is must not depend on the processor: without these glibc takes one that every x86-64 has. Names that
/// it does not know do no harm.
const SAME_EVERYWHERE: &str =
    "glibc.cpu.hwcaps=-AVX512VL,-AVX512F,-AVX2,-AVX_Fast_Unaligned_Load,-SSSE3,-SSE4_1,-SSE4_2,-ERMS,-FSRM";

const RENEW: &str = "`cargo xtask instructions --renew` writes the table anew; commit it.";

/// Builds the example, counts, and compares or renews.
pub fn main(options: Options) -> Result<()> {
    let valgrind =
        workspace::find_program("valgrind", None).context("count instructions: install valgrind")?;
    let mut build = workspace::cargo("build");
    child::run(build.args(["--quiet", "--release", "--package", "tcptrace", "--example", "flood"]))?;
    let example = workspace::target().join("release").join("examples").join("flood");
    let counted = Table { of: makers()?, stages: count(&valgrind, &example)? };

    share(&counted)?;

    let path = workspace::root().join("tcptrace").join("benches").join("instructions.txt");
    if options.renew {
        print!("{counted}");
        return fs::write(&path, counted.to_string()).with_context(|| format!("write {}", path.display()));
    }
    let reading = || format!("read {}", path.display());
    let table: Table = fs::read_to_string(&path).with_context(reading)?.parse().with_context(reading)?;
    let changes = table.compare(&counted);
    changes.iter().for_each(|change| println!("{change}"));
    if table.of != counted.of {
        println!("Not held to the table: that is of {}, this of {}. {RENEW}", table.of, counted.of);
        return Ok(());
    }
    let is = |verdict| changes.iter().any(|change| change.verdict() == verdict);
    if is(Verdict::Less) || is(Verdict::New) {
        println!("The table does not say so yet. {RENEW}");
    }
    if is(Verdict::More) {
        bail!(
            "a state change takes clearly more instructions than in the table. If it is worth them: {RENEW}"
        );
    }
    Ok(())
}

/// Checks that two outputs at once take no more than both of them alone: they share filter and connection table.
fn share(counted: &Table) -> Result<()> {
    let stage = |name| counted.stages.iter().find(|(stage, _)| stage == name).map_or(0, |(_, count)| *count);
    let (both, alone) = (stage("both"), stage("text") + stage("json"));
    if both > alone {
        bail!("text and JSON at once take {both} instructions, more than the {alone} of both alone");
    }
    Ok(())
}

/// Compiler and C library whose work is counted.
fn makers() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let about = child::output(Command::new(rustc).arg("-vV"))?;
    let field = |name| about.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
    let libc = child::output(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or_default();
    Ok(format!("rustc {}, {}, {}", field("release: "), field("host: "), libc.trim()))
}

/// Instructions that each stage takes for a state change.
fn count(valgrind: &Path, example: &Path) -> Result<Vec<(String, u64)>> {
    let mut known = BTreeMap::new();
    let mut take = |so_far: SoFar| -> Result<u64> {
        if let Some(taken) = known.get(so_far) {
            return Ok(*taken);
        }
        let all = |connections: u64| {
            let mut command = Command::new(example);
            instructions(valgrind, command.args(so_far).arg(connections.to_string()))
        };
        let taken = all(2 * CONNECTIONS)?.saturating_sub(all(CONNECTIONS)?) / (CONNECTIONS * CHANGES);
        known.insert(so_far, taken);
        Ok(taken)
    };
    let own = |(stage, to, from): (&str, _, _)| Ok((stage.to_owned(), take(to)?.saturating_sub(take(from)?)));
    STAGES.into_iter().map(own).collect()
}

/// Number of instructions that a program executes, as callgrind counts them.
fn instructions(valgrind: &Path, program: &Command) -> Result<u64> {
    let account = tempfile::NamedTempFile::new().context("make a file for callgrind")?;
    let mut command = Command::new(valgrind);
    command.args(["--quiet", "--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", account.path().display()));
    command.arg(program.get_program()).args(program.get_args()).env("GLIBC_TUNABLES", SAME_EVERYWHERE);
    child::output(&mut command)?;
    let text = fs::read_to_string(account.path()).context("read callgrind's account")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind's account has no total")
}
