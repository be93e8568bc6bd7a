//! Pages in `docs`, each section of which is made by a command of its own.

use anyhow::Result;

use crate::root;

/// What is measured beside peers.
pub(crate) const BENCHMARKS: &str = "docs/benchmarks.md";

/// What was tried to bring the gateway down.
pub(crate) const HOSTILE: &str = "docs/hostile.md";

/// Puts a section of a page in the place of the one with its title, or at the end.
///
/// # Errors
///
/// When the page cannot be read or written.
pub(crate) fn replace_section(page: &str, title: &str, section: &str) -> Result<()> {
    let path = root().join(page);
    let page = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(&path, replaced(&page, title, section))?)
}

fn replaced(page: &str, title: &str, section: &str) -> String {
    let start = page.find(&format!("\n{title}\n")).map(|at| at + 1);
    let (before, rest) = page.split_at(start.unwrap_or(page.len()));
    // Behind its own title the next one begins another section.
    let behind = rest
        .get(title.len()..)
        .and_then(|rest| rest.split_once("\n## "));
    let behind = behind
        .map(|(_, next)| format!("\n## {next}"))
        .unwrap_or_default();
    format!("{}\n\n{}\n{behind}", before.trim_end(), section.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_its_own_place() {
        let page = "# T\n\nwords\n\n## One\n\nold\n\n## Two\n\nkept\n";
        let new = replaced(page, "## One", "## One\n\nnew\n");
        assert_eq!(new, "# T\n\nwords\n\n## One\n\nnew\n\n## Two\n\nkept\n");
        let more = replaced(&new, "## Three", "## Three\n\nlast\n");
        assert!(more.ends_with("kept\n\n## Three\n\nlast\n"), "{more}");
        assert_eq!(replaced(&more, "## Three", "## Three\n\nlast\n"), more);
    }
}
