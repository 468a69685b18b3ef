//! What is written, and where: the options that tracing and replaying share.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ColorChoice, ValueEnum};

/// What is written, and where.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Output format [default: text]
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write this format to this file, `-` for standard output. Repeat it for several outputs at once:
    /// --out text=- --out json=trace.jsonl
    #[arg(long, value_name = "FORMAT=FILE")]
    pub out: Vec<OutputSpec>,
    /// End after this many changes were shown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Connections in the closing report of the text format: all, none, or the latest N
    #[arg(long, value_name = "all|N|none", default_value = "20")]
    pub report: Report,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

impl OutputArgs {
    /// The outputs: that of `-f` and `-o`, unless only `--out` is given, and those of `--out`.
    ///
    /// # Errors
    /// When two outputs would go to the same place.
    pub fn outputs(&self) -> Result<Vec<OutputSpec>, String> {
        let is_main = self.format.is_some() || self.output.is_some() || self.out.is_empty();
        let main = is_main.then(|| OutputSpec::new(self.format.unwrap_or_default(), self.output.as_deref()));
        let outputs: Vec<_> = main.into_iter().chain(self.out.iter().cloned()).collect();
        for (index, output) in outputs.iter().enumerate() {
            if outputs.iter().take(index).any(|other| other.path == output.path) {
                return Err(format!("two outputs go to {}: give each a file of its own", output.name()));
            }
        }
        Ok(outputs)
    }
}

/// An output as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// Its format.
    pub format: Format,
    /// Its file; none for standard output.
    pub path: Option<PathBuf>,
}

impl OutputSpec {
    /// An output in this format to this file, or to standard output where there is none or it is called `-`.
    fn new(format: Format, path: Option<&Path>) -> Self {
        Self { format, path: path.filter(|path| *path != Path::new("-")).map(Path::to_owned) }
    }

    /// Where it goes, for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }
}

impl FromStr for OutputSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((format, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            return Err("write it as FORMAT=FILE, like json=trace.jsonl or text=-".to_owned());
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

/// Formats of the records of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A timeline for people, with a report at the end
    #[default]
    Text,
    /// JSON lines for pipelines
    Json,
    /// Each connection as a ladder, its segments between its two ends, when it is over
    Ladder,
    /// The same as Mermaid sequence diagrams, in Markdown
    Mermaid,
}

/// Connections in the closing report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// None of them.
    None,
    /// The most recent ones.
    Latest(usize),
    /// All of them.
    All,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" | "0" => Ok(Self::None),
            _ => text
                .parse()
                .map(Self::Latest)
                .map_err(|_| format!("{text:?} is none of all, none, or a number")),
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
    fn what_makes_no_sense_is_said() {
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
