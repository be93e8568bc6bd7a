//! Whole apps, a few files each.
