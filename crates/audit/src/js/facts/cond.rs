//! When something happens: in production, in development, or only if something unknown holds.

use std::rc::Rc;

/// `NODE_ENV` is `production`.
pub(crate) const PRODUCTION: u8 = 1;
/// `NODE_ENV` is `development`, or nothing.
pub(crate) const DEVELOPMENT: u8 = 2;
/// `NODE_ENV` is `test`.
pub(crate) const TEST: u8 = 4;
/// It does not matter what it is.
pub(crate) const EVERYWHERE: u8 = PRODUCTION | DEVELOPMENT | TEST;

/// More unknown tests around one place are not told apart.
const MAX_TESTS: usize = 6;

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cond {
    worlds: u8,
    /// Unknown tests, by number, and how they came out.
    tests: Option<Rc<[(u32, bool)]>>,
}

impl Cond {
    /// Always.
    pub(crate) const ALWAYS: Self = Self {
        worlds: EVERYWHERE,
        tests: None,
    };

    /// In these worlds.
    pub(crate) const fn worlds(worlds: u8) -> Self {
        Self {
            worlds,
            tests: None,
        }
    }

    /// In these worlds, if an unknown test comes out so.
    pub(crate) fn test(worlds: u8, test: u32, holds: bool) -> Self {
        Self {
            worlds,
            tests: Some(Rc::from([(test, holds)].as_slice())),
        }
    }

    /// In which worlds it can be.
    pub(crate) const fn mask(&self) -> u8 {
        self.worlds
    }

    /// Whether it can be in production.
    pub(crate) const fn in_production(&self) -> bool {
        self.worlds & PRODUCTION != 0
    }

    /// Whether it depends on nothing unknown.
    pub(crate) const fn is_certain(&self) -> bool {
        self.tests.is_none()
    }

    /// Whether it is always so.
    pub(crate) const fn is_always(&self) -> bool {
        self.worlds == EVERYWHERE && self.tests.is_none()
    }

    /// Whether tests may have been left out of it.
    pub(crate) fn is_full(&self) -> bool {
        self.tests().len() >= MAX_TESTS
    }

    /// Unknown tests, and how they came out.
    pub(crate) fn tests(&self) -> &[(u32, bool)] {
        self.tests.as_deref().unwrap_or_default()
    }

    /// Both, unless one excludes the other.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let worlds = self.worlds & other.worlds;
        if worlds == 0 || self.contradicts(other) {
            return None;
        }
        if other.tests.is_none() {
            let tests = self.tests.clone();
            return Some(Self { worlds, tests });
        }
        if self.tests.is_none() {
            let tests = other.tests.clone();
            return Some(Self { worlds, tests });
        }
        let mut tests = self.tests().to_vec();
        for test in other.tests() {
            if !tests.contains(test) && tests.len() < MAX_TESTS {
                tests.push(*test);
            }
        }
        let tests = Some(Rc::from(tests));
        Some(Self { worlds, tests })
    }

    /// Whether some test comes out one way here and the other way there.
    fn contradicts(&self, other: &Self) -> bool {
        self.tests().iter().any(|(test, holds)| {
            let opposite = (*test, !*holds);
            other.tests().contains(&opposite)
        })
    }

    /// Whether both can be.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.worlds & other.worlds != 0 && !self.contradicts(other)
    }

    /// Whether it holds wherever `other` does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.worlds & !self.worlds == 0
            && self.tests().iter().all(|test| other.tests().contains(test))
    }

    /// What of `self` is left without `part`, where that can be said; else all of it.
    pub(crate) fn without(&self, part: &Self) -> Option<Self> {
        if part.covers(self) {
            return None;
        }
        let more = part.tests().iter();
        let more: Vec<_> = more.filter(|test| !self.tests().contains(test)).collect();
        match more.as_slice() {
            [] => {
                let worlds = self.worlds & !part.worlds;
                let tests = self.tests.clone();
                Some(Self { worlds, tests })
            }
            [(test, holds)] if self.worlds & !part.worlds == 0 => {
                self.and(&Self::test(self.worlds, *test, !*holds))
            }
            _ => Some(self.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excludes_each_other_does_not_meet() {
        let (yes, no) = (
            Cond::test(EVERYWHERE, 1, true),
            Cond::test(EVERYWHERE, 1, false),
        );
        assert_eq!(yes.and(&no), None);
        assert!(!yes.meets(&no));
        assert!(yes.meets(&Cond::worlds(PRODUCTION)));
        assert!(!Cond::worlds(DEVELOPMENT).meets(&Cond::worlds(PRODUCTION)));
        assert!(Cond::ALWAYS.covers(&yes));
        assert!(!yes.covers(&Cond::ALWAYS));
    }

    #[test]
    fn the_rest_is_the_other_side() {
        let yes = Cond::test(EVERYWHERE, 1, true);
        let no = Cond::test(EVERYWHERE, 1, false);
        assert_eq!(Cond::ALWAYS.without(&yes), Some(no));
        let production = Cond::worlds(PRODUCTION);
        assert_eq!(
            Cond::ALWAYS.without(&production),
            Some(Cond::worlds(DEVELOPMENT | TEST))
        );
        assert_eq!(yes.without(&Cond::ALWAYS), None);
    }
}
