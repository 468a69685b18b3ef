//! Outputs: the options that `tcptrace` and `tcptrace replay` share.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ColorChoice, ValueEnum};

use super::{STOP, values::count};

/// Formats and files of the outputs, and how much goes there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write this format [default: text]
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,
    /// Write to this file instead of standard output
    ///
    /// The file is opened once everything is attached: a trace that cannot start leaves it as it is. SIGHUP opens it
    /// again, for logrotate.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Add an output, like json=FILE or text=- (standard output); repeatable
    ///
    /// For example --out text=- --out json=trace.jsonl. -f and -o can be used too, and describe one more output. An output that fails (full disk, closed pipe) is reported
    /// and stops; the others go on, and the exit code is 1.
    #[arg(long, value_name = "FORMAT=FILE")]
    pub out: Vec<OutputSpec>,
    /// Stop after showing N state changes, orphans included
    #[arg(long, value_name = "N", value_parser = count, help_heading = STOP)]
    pub count: Option<u64>,
    /// Report the latest N connections at the end (text format)
    #[arg(long, value_name = "N|all|none", default_value = "20")]
    pub report: Report,
    /// Use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

impl OutputArgs {
    /// All outputs: that of `-f` and `-o`, unless only `--out` is given, then those of `--out`.
    ///
    /// # Errors
    /// When two outputs would write to the same place.
    pub fn outputs(&self) -> Result<Vec<OutputSpec>, String> {
        let is_main = self.format.is_some() || self.output.is_some() || self.out.is_empty();
        let main = is_main.then(|| OutputSpec::new(self.format.unwrap_or_default(), self.output.as_deref()));
        let outputs: Vec<_> = main.into_iter().chain(self.out.iter().cloned()).collect();
        for (index, output) in outputs.iter().enumerate() {
            if outputs.iter().take(index).any(|other| other.path == output.path) {
                return Err(format!("two outputs go to {}: give each its own file", output.name()));
            }
        }
        Ok(outputs)
    }
}

/// An output as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// Format.
    pub format: Format,
    /// File; `None` for standard output.
    pub path: Option<PathBuf>,
}

impl OutputSpec {
    /// An output in this format to this file; without one, or with `-`, to standard output.
    fn new(format: Format, path: Option<&Path>) -> Self {
        Self { format, path: path.filter(|path| *path != Path::new("-")).map(Path::to_owned) }
    }

    /// Name of the file or of standard output, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }
}

impl FromStr for OutputSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((format, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            return Err(format!("{text:?} is not FORMAT=FILE: write it like json=trace.jsonl or text=-"));
        };
        let format = Format::from_str(format, false).map_err(|_| {
            let known: Vec<_> = Format::value_variants()
                .iter()
                .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
                .collect();
            format!("{format:?} is not a format: choose one of {}", known.join(", "))
        })?;
        Ok(Self::new(format, Some(Path::new(path))))
    }
}

/// Output formats of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A timeline, with a report at the end
    #[default]
    Text,
    /// JSON lines, for pipelines and for `tcptrace replay`
    Json,
    /// A ladder of segments between the two ends of each connection, drawn when it is over
    Ladder,
    /// The same ladders as Mermaid sequence diagrams, in Markdown
    Mermaid,
}

/// Connections that the report at the end of a trace covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// No connection.
    None,
    /// The latest ones, this many.
    Latest(usize),
    /// Every connection.
    All,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" | "0" => Ok(Self::None),
            _ => text.parse().map(Self::Latest).map_err(|_| {
                format!("{text:?} is not a number of connections: write all, none, or a number like 20")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn outputs(line: &str) -> Result<Vec<(Format, Option<PathBuf>)>, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let outputs = cli.trace.output.outputs()?;
        Ok(outputs.into_iter().map(|output| (output.format, output.path)).collect())
    }

    #[test]
    fn pairs_of_formats_and_files() {
        let file = |name: &str| Some(PathBuf::from(name));
        for (line, wanted) in [
            ("tcptrace", vec![(Format::Text, None)]),
            ("tcptrace -f json", vec![(Format::Json, None)]),
            ("tcptrace -o x", vec![(Format::Text, file("x"))]),
            ("tcptrace -f json -o -", vec![(Format::Json, None)]),
            ("tcptrace --out json=x", vec![(Format::Json, file("x"))]),
            ("tcptrace --out text=- --out json=a=b", vec![(Format::Text, None), (Format::Json, file("a=b"))]),
            ("tcptrace -f text --out ladder=x", vec![(Format::Text, None), (Format::Ladder, file("x"))]),
        ] {
            assert_eq!(outputs(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (line, says) in [
            ("tcptrace --out json", "FORMAT=FILE"),
            ("tcptrace --out json=", "FORMAT=FILE"),
            ("tcptrace --out yaml=x", "choose one of text, json, ladder, mermaid"),
            ("tcptrace --out text=- --out json=-", "two outputs go to standard output"),
            ("tcptrace -o x --out json=x", "two outputs go to x"),
        ] {
            assert!(outputs(line).is_err_and(|error| error.contains(says)), "{line}");
        }
    }
}
