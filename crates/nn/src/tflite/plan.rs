//! Where each activation lies in the arena: those that are never alive together share bytes.

use crate::arena::aligned;
use std::ops::Range;

/// An activation's size and the first and last step that need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) bytes: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Life {
    fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Places the largest first, each in the lowest gap among those alive with it. Answers the ranges and the total.
pub(super) fn place(lives: &[Life]) -> (Vec<Range<usize>>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(lives[*index].bytes));
    let mut ranges = vec![0..0; lives.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(lives.len());
    let mut total = 0usize;
    for index in order {
        let life = &lives[index];
        let mut start = 0usize;
        // `placed` is sorted by place, so that one pass finds the first gap.
        for other in placed.iter().filter(|other| lives[**other].overlaps(life)) {
            let taken: &Range<usize> = &ranges[*other];
            if taken.start >= start.saturating_add(aligned(life.bytes)) {
                break;
            }
            start = start.max(aligned(taken.end));
        }
        ranges[index] = start..start.saturating_add(life.bytes);
        total = total.max(ranges[index].end);
        let at = placed.partition_point(|other| ranges[*other].start <= start);
        placed.insert(at, index);
    }
    (ranges, aligned(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(bytes: usize, first: usize, last: usize) -> Life {
        Life { bytes, first, last }
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours_only() {
        let chain = [life(100, 0, 1), life(200, 1, 2), life(100, 2, 3), life(50, 3, 4)];
        assert_eq!(place(&chain).1, aligned(200) + aligned(100));
    }

    #[test]
    fn those_alive_together_are_apart() {
        let mut lives = Vec::new();
        for index in 0..60usize {
            lives.push(life(1 + index * 37 % 500, index % 17, index % 17 + index % 5));
        }
        let (ranges, total) = place(&lives);
        for a in 0..lives.len() {
            assert_eq!((ranges[a].len(), ranges[a].start % 64), (lives[a].bytes, 0));
            assert!(ranges[a].end <= total);
            for b in 0..a {
                let apart = ranges[a].end <= ranges[b].start || ranges[b].end <= ranges[a].start;
                assert!(apart || !lives[a].overlaps(&lives[b]), "{a} and {b}");
            }
        }
    }
}
