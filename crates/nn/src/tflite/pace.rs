//! When to ask whether to stop: often enough to be prompt, seldom enough to cost nothing.

use crate::Error;

/// Units of work, about one multiplication each, between two questions: some hundred microseconds.
const INTERVAL: usize = 1 << 22;

/// Counts work and asks `stop` at intervals.
pub(super) struct Pace<'a> {
    stop: &'a dyn Fn() -> bool,
    left: usize,
}

impl<'a> Pace<'a> {
    pub(super) fn new(stop: &'a dyn Fn() -> bool) -> Self {
        Self { stop, left: INTERVAL }
    }

    /// Accounts for work that is about to be done.
    pub(super) fn work(&mut self, units: usize) -> Result<(), Error> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.ask(),
        }
    }

    /// Asks now.
    pub(super) fn ask(&mut self) -> Result<(), Error> {
        self.left = INTERVAL;
        if (self.stop)() { Err(Error::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn it_asks_once_an_interval() {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 1;
        let mut pace = Pace::new(&stop);
        assert_eq!(pace.work(INTERVAL), Ok(()));
        assert_eq!((pace.work(1), asked.get()), (Ok(()), 1));
        assert_eq!(pace.work(usize::MAX), Err(Error::Stopped));
    }
}
