//! Sets of ports, as people write them: `80,443,8000-8100`.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// A set of ports; the empty one stands for "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// Whether no port was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the port is in the set.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }

    /// The bits of the 64 ports from `index * 64` on.
    #[must_use]
    pub fn word(&self, index: u32) -> u64 {
        let first = index * 64;
        (0..64)
            .filter(|bit| u16::try_from(first + bit).is_ok_and(|port| self.contains(port)))
            .fold(0, |word, bit| word | 1 << bit)
    }

    /// The lowest and the highest port in the set.
    #[must_use]
    pub fn bounds(&self) -> Option<(u16, u16)> {
        let lowest = self.0.iter().map(RangeInclusive::start).min()?;
        let highest = self.0.iter().map(RangeInclusive::end).max()?;
        Some((*lowest, *highest))
    }

    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        self.0.push(port..=port);
    }

    /// Adds the ports of another set.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (start, end) if start == end => write!(f, "{comma}{start}")?,
                (start, end) => write!(f, "{comma}{start}-{end}")?,
            }
        }
        Ok(())
    }
}

/// Reason why a text is not a set of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsePortsError {
    /// Not a number from 1 to 65535.
    Port(String),
    /// A range whose end comes before its start.
    Range(u16, u16),
}

impl fmt::Display for ParsePortsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(text) => {
                write!(f, "{text:?} is not a port: give numbers from 1 to 65535, like 80,443,8000-8100")
            }
            Self::Range(start, end) => write!(f, "the range {start}-{end} is empty: write {end}-{start}"),
        }
    }
}

impl std::error::Error for ParsePortsError {}

impl FromStr for Ports {
    type Err = ParsePortsError;

    fn from_str(text: &str) -> Result<Self, ParsePortsError> {
        let port = |text: &str| match text.trim().parse() {
            Ok(port @ 1..) => Ok(port),
            _ => Err(ParsePortsError::Port(text.trim().to_owned())),
        };
        text.split(',')
            .map(|part| {
                let (start, end) = match part.split_once('-') {
                    Some((start, end)) => (port(start)?, port(end)?),
                    None => (port(part)?, port(part)?),
                };
                if start > end { Err(ParsePortsError::Range(start, end)) } else { Ok(start..=end) }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        let ports: Ports = "80, 443,8000-8100".parse().unwrap();
        assert_eq!(ports.to_string(), "80,443,8000-8100");
        assert_eq!((ports.bounds(), Ports::default().bounds()), (Some((80, 8100)), None));
        assert!(ports.contains(8050) && ports.contains(80) && !ports.contains(81));
        assert_eq!("65535".parse::<Ports>().unwrap().word(1023), 1 << 63);
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, message) in [
            ("0", "\"0\" is not a port: give numbers from 1 to 65535, like 80,443,8000-8100"),
            ("70000", "\"70000\" is not a port: give numbers from 1 to 65535, like 80,443,8000-8100"),
            ("80,", "\"\" is not a port: give numbers from 1 to 65535, like 80,443,8000-8100"),
            ("http", "\"http\" is not a port: give numbers from 1 to 65535, like 80,443,8000-8100"),
            ("90-80", "the range 90-80 is empty: write 80-90"),
        ] {
            assert_eq!(text.parse::<Ports>().unwrap_err().to_string(), message);
        }
    }
}
