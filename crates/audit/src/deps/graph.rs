//! What a lock file holds, and who brings it in.

use std::collections::VecDeque;
use std::ops::Range;

/// Where packages come from, by OSV's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ecosystem {
    Npm,
    Cargo,
}

impl Ecosystem {
    /// Its name in OSV files.
    pub(crate) const fn osv(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Cargo => "crates.io",
        }
    }
}

/// One version of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its entry in the lock file.
    pub(crate) span: Range<usize>,
    /// What it needs, by number.
    pub(crate) needs: Vec<usize>,
    /// Whether the lock file itself says that it is for development alone.
    pub(crate) dev: bool,
    /// Whether the app asks for it itself.
    pub(crate) direct: bool,
    /// Who brings it in, on a shortest way.
    by: Option<usize>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str, span: Range<usize>) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            span,
            needs: Vec::new(),
            dev: false,
            direct: false,
            by: None,
        }
    }
}

/// All packages of a lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) packages: Vec<Package>,
    /// What the app asks for.
    pub(crate) production: Vec<usize>,
    /// What it asks for while it is worked on.
    pub(crate) development: Vec<usize>,
}

impl Graph {
    pub(crate) fn push(&mut self, package: Package) -> usize {
        self.packages.push(package);
        self.packages.len() - 1
    }

    pub(crate) fn need(&mut self, by: usize, what: usize) {
        if let Some(package) = self.packages.get_mut(by) {
            package.needs.push(what);
        }
    }

    /// Finds out what is for development alone, and who brings in what.
    ///
    /// What nothing leads to (peers, what an override put there) keeps what the lock file says of it.
    pub(crate) fn settle(&mut self) {
        let mut seen = vec![false; self.packages.len()];
        for (roots, dev) in [
            (self.production.clone(), false),
            (self.development.clone(), true),
        ] {
            let mut queue = VecDeque::new();
            for root in roots {
                self.visit(&mut seen, &mut queue, root, dev, None);
            }
            while let Some(by) = queue.pop_front() {
                let needs = self.packages.get_mut(by);
                let needs = needs.map(|package| std::mem::take(&mut package.needs));
                let needs = needs.unwrap_or_default();
                for what in &needs {
                    self.visit(&mut seen, &mut queue, *what, dev, Some(by));
                }
                if let Some(package) = self.packages.get_mut(by) {
                    package.needs = needs;
                }
            }
        }
    }

    fn visit(
        &mut self,
        seen: &mut [bool],
        queue: &mut VecDeque<usize>,
        at: usize,
        dev: bool,
        by: Option<usize>,
    ) {
        let (Some(package), Some(seen)) = (self.packages.get_mut(at), seen.get_mut(at)) else {
            return;
        };
        if by.is_none() {
            package.direct = true;
        }
        if !*seen {
            *seen = true;
            package.dev = dev;
            package.by = by;
            queue.push_back(at);
        }
    }

    /// Who brings it in, down to itself: `express > body-parser > qs`.
    pub(crate) fn chain(&self, at: usize) -> String {
        let mut names = Vec::new();
        let mut next = Some(at);
        // Parents lie on shortest ways, so that this ends by itself.
        while let Some(package) = next.and_then(|at| self.packages.get(at)) {
            names.push(package.name.as_str());
            next = package.by;
        }
        names.reverse();
        if let [first, second, .., before, last] = names[..]
            && names.len() > 6
        {
            return format!("{first} > {second} > … > {before} > {last}");
        }
        names.join(" > ")
    }
}
