//! Ranges of call numbers: who has which, and what becomes of calls in them.
//!
//! Filters of hypercalls and the owners of number spaces are both maps from numbers to something, given range by range. A
//! [`RangeMap`] answers for every number and is read back as the fewest ranges that say the same.

use std::collections::BTreeMap;

/// Numbers from `first` to `last`, both included. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
}

impl Span {
    /// The numbers from `first` to `last`; `None` if the end comes before the start.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// `count` numbers from `base` on, in a space that ends at `end`; `None` if there is none of them, or if they go beyond
    /// the space or wrap round.
    #[must_use]
    pub fn counted(base: u64, count: u64, end: u64) -> Option<Self> {
        let last = base.checked_add(count.checked_sub(1)?)?;
        (last <= end).then_some(Self { first: base, last })
    }

    /// Whether a number is one of them.
    #[must_use]
    pub const fn contains(self, number: u64) -> bool {
        self.first <= number && number <= self.last
    }

    /// The numbers that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Whether a number is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.intersection(other).is_some()
    }
}

/// A value for every number from 0 to the end of a number space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeMap<T> {
    end: u64,
    /// The values by the first number that has them, each up to the next entry. Neighbours differ; 0 is always there.
    starts: BTreeMap<u64, T>,
}

impl<T: Clone + PartialEq> RangeMap<T> {
    /// All numbers up to `end` with the same value.
    #[must_use]
    pub fn new(end: u64, value: T) -> Self {
        Self { end, starts: BTreeMap::from([(0, value)]) }
    }

    /// The value of a number; of the last one where the number is beyond the space.
    #[must_use]
    pub fn get(&self, number: u64) -> &T {
        let mut before = self.starts.range(..=number);
        before.next_back().map_or_else(|| unreachable!("0 always has a value"), |(_, value)| value)
    }

    /// Gives the numbers of `span` a value. What is beyond the space is left out.
    pub fn set(&mut self, span: Span, value: T) {
        let Some(span) = span.intersection(Span { first: 0, last: self.end }) else { return };
        let after = (span.last < self.end).then(|| (span.last + 1, self.get(span.last + 1).clone()));
        let inside: Vec<u64> = self.starts.range(span.first..=span.last).map(|(first, _)| *first).collect();
        for first in inside {
            self.starts.remove(&first);
        }
        let same = |map: &Self, value: &T| map.starts.range(..span.first).next_back().map(|(_, v)| v) == Some(value);
        let joins = same(self, &value);
        if let Some((first, next)) = after {
            if next == value {
                self.starts.remove(&first);
            } else {
                self.starts.insert(first, next);
            }
        }
        if !joins {
            self.starts.insert(span.first, value);
        }
    }

    /// All ranges in order, without gaps, neighbours different.
    pub fn iter(&self) -> impl Iterator<Item = (Span, &T)> {
        let ends = self.starts.keys().skip(1).map(|first| first - 1).chain([self.end]);
        self.starts.iter().zip(ends).map(|((first, value), last)| (Span { first: *first, last }, value))
    }

    /// The ranges that share a number with `span`, whole.
    pub fn touching(&self, span: Span) -> impl Iterator<Item = (Span, &T)> {
        self.iter().filter(move |(range, _)| range.overlaps(span))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: u64 = 63;

    fn span() -> impl Strategy<Value = Span> {
        (0..=END, 0..=END).prop_map(|(a, b)| Span { first: a.min(b), last: a.max(b) })
    }

    proptest! {
        #[test]
        fn every_number_has_the_value_that_was_set_last(sets in prop::collection::vec((span(), 0..4_u8), 0..24)) {
            let mut map = RangeMap::new(END, 0);
            let mut list = [0; END as usize + 1];
            for (span, value) in sets {
                map.set(span, value);
                list[span.first as usize..=span.last as usize].fill(value);
                for (number, value) in (0..).zip(list) {
                    prop_assert_eq!(*map.get(number), value, "number {}", number);
                }
            }
            // Read back: in order, without gaps, neighbours different.
            let read: Vec<_> = map.iter().collect();
            prop_assert_eq!((read[0].0.first, read[read.len() - 1].0.last), (0, END));
            for pair in read.windows(2) {
                prop_assert_eq!(pair[0].0.last + 1, pair[1].0.first);
                prop_assert_ne!(pair[0].1, pair[1].1);
            }
            // What is read back, set one by one in any order, gives the same map.
            let mut again = RangeMap::new(END, 9);
            for (span, value) in read.iter().rev() {
                again.set(*span, **value);
            }
            prop_assert_eq!(&again, &map);
        }

        #[test]
        fn setting_twice_is_setting_once(first in span(), second in span(), value in 1..4_u8) {
            let mut once = RangeMap::new(END, 0);
            once.set(first, 3);
            once.set(second, value);
            let mut twice = once.clone();
            twice.set(second, value);
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn spans_intersect_in_the_numbers_of_both(a in span(), b in span()) {
            let both: Vec<u64> = (0..=END).filter(|n| a.contains(*n) && b.contains(*n)).collect();
            prop_assert_eq!(a.overlaps(b), !both.is_empty());
            prop_assert_eq!(a.intersection(b), b.intersection(a));
            let ends = a.intersection(b).map(|span| (span.first, span.last));
            prop_assert_eq!(ends, both.first().zip(both.last()).map(|(first, last)| (*first, *last)));
        }

        #[test]
        fn a_count_neither_wraps_nor_leaves_the_space(base: u64, count: u64, end: u64) {
            let wide = u128::from(base) + u128::from(count);
            let fits = count > 0 && wide - 1 <= u128::from(end);
            prop_assert_eq!(Span::counted(base, count, end).is_some(), fits);
        }
    }

    #[test]
    fn the_ends_of_the_space_are_numbers_too() {
        let mut map = RangeMap::new(u64::from(u32::MAX), 'a');
        map.set(Span { first: 0xFFFF_FFFF, last: u64::MAX }, 'b');
        map.set(Span { first: 0, last: 0 }, 'c');
        let read: Vec<_> = map.iter().map(|(span, value)| (span.first, span.last, *value)).collect();
        assert_eq!(read, [(0, 0, 'c'), (1, 0xFFFF_FFFE, 'a'), (0xFFFF_FFFF, 0xFFFF_FFFF, 'b')]);
        assert_eq!(map.touching(Span { first: 0xFFFF_FFFE, last: 0xFFFF_FFFF }).count(), 2);
    }
}
