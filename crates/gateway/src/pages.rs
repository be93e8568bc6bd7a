//! Huge pages: what a program that keeps many small things has no use for.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

/// Whether it was this process that asked for none.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Asks the kernel for no transparent huge pages in this process, whatever it gives to others.
///
/// Where every program gets them, each heap of a few pages is rounded up to 2 MB: 11 MB of a gateway
/// with two workers. An app that it starts gets what it would have got without a gateway. A kernel that
/// knows nothing of it is left alone.
pub fn refuse_huge_pages() {
    if matches!(transparent_huge_pages_are_disabled(), Ok(false)) {
        let refused = disable_transparent_huge_pages(true).is_ok();
        REFUSED.store(refused, Ordering::Release);
    }
}

/// Starts a program, which inherits the setting, as if nobody had changed it.
pub(crate) fn as_found<T>(start: impl FnOnce() -> T) -> T {
    if !REFUSED.load(Ordering::Acquire) {
        return start();
    }
    // Best left as it is where it cannot be set back.
    let _ = disable_transparent_huge_pages(false);
    let started = start();
    let _ = disable_transparent_huge_pages(true);
    started
}
