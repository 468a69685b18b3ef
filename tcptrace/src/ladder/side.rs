//! The two sides of a ladder, and what there is once for each of them.

use std::ops::{Index, IndexMut};

/// A side of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The opener's side, if it is known.
    Left,
    /// The peer's side.
    Right,
}

impl Side {
    /// Both sides, from left to right.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The side across the lane.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// A thing for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// Thing of the left side.
    pub left: T,
    /// Thing of the right side.
    pub right: T,
}

impl<T> Pair<T> {
    /// Makes each side's thing from the side.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self { left: make(Side::Left), right: make(Side::Right) }
    }

    /// Gives one thing to a side, and another one to the other side.
    pub fn with(side: Side, own: T, others: T) -> Self {
        match side {
            Side::Left => Self { left: own, right: others },
            Side::Right => Self { left: others, right: own },
        }
    }

    /// Makes another pair, side by side.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Pair<U> {
        Pair { left: change(self.left), right: change(self.right) }
    }

    /// The pair by reference.
    pub const fn as_ref(&self) -> Pair<&T> {
        Pair { left: &self.left, right: &self.right }
    }

    /// Both sides with what they have, from left to right.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &T)> {
        Side::BOTH.into_iter().map(|side| (side, &self[side]))
    }
}

impl<T> Index<Side> for Pair<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl<T> IndexMut<Side> for Pair<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}
