//! Figures made of several measurements: median, range, percentiles.

/// Several values of one thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(Vec<f64>);

impl Values {
    pub(super) fn add(&mut self, value: f64) {
        let place = self.0.partition_point(|known| known.total_cmp(&value).is_lt());
        self.0.insert(place, value);
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in order.
    pub(super) fn sorted(&self) -> &[f64] {
        &self.0
    }

    pub(super) fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        let upper = *self.0.get(middle)?;
        let even = self.0.len().is_multiple_of(2);
        Some(if even { self.0[middle - 1].midpoint(upper) } else { upper })
    }

    pub(super) fn min(&self) -> Option<f64> {
        self.0.first().copied()
    }

    pub(super) fn max(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// Percentile of the values: the one that this number of a hundred do not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: usize) -> Option<f64> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }

    /// `0.95 (0.93–0.97)`; of one value just that.
    pub(super) fn words(&self, decimals: usize) -> String {
        match (self.median(), self.min(), self.max()) {
            (Some(median), Some(min), Some(max)) if self.0.len() > 1 => {
                format!("{median:.decimals$} ({min:.decimals$}–{max:.decimals$})")
            }
            (Some(median), ..) => format!("{median:.decimals$}"),
            _ => "-".to_owned(),
        }
    }
}

impl FromIterator<f64> for Values {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        let mut values = Values::from_iter([3.0, 1.0]);
        assert_eq!(values.median(), Some(2.0));
        values.add(2.5);
        assert_eq!((values.words(1), values.len()), ("2.5 (1.0–3.0)".to_owned(), 3));
        let hundred: Values = (1..=100).map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|percent| hundred.percentile(percent)), [50.0, 99.0, 100.0].map(Some));
        assert_eq!((Values::default().median(), Values::default().percentile(99)), (None, None));
        assert_eq!(Values::default().words(2), "-");
    }
}
