//! What an application's own policy leaves open, as a second policy.

use super::{ContentSecurityPolicy, Directive, Name};

/// Kinds of requests that `default-src` speaks for.
const FETCHES: [Directive; 16] = [
    Directive::ChildSrc,
    Directive::ConnectSrc,
    Directive::FencedFrameSrc,
    Directive::FontSrc,
    Directive::FrameSrc,
    Directive::ImgSrc,
    Directive::ManifestSrc,
    Directive::MediaSrc,
    Directive::ObjectSrc,
    Directive::ScriptSrc,
    Directive::ScriptSrcAttr,
    Directive::ScriptSrcElem,
    Directive::StyleSrc,
    Directive::StyleSrcAttr,
    Directive::StyleSrcElem,
    Directive::WorkerSrc,
];

/// Those directives of `ours` on whose subject none of `app` says a word.
///
/// Browsers obey every policy at once. Our `default-src` would therefore also narrow what the
/// application has opened by a directive of its own; it is spelled out instead for each kind of
/// request on which the application is silent.
pub(crate) fn lacking(
    ours: &ContentSecurityPolicy,
    app: &[ContentSecurityPolicy],
) -> ContentSecurityPolicy {
    let says = |directive: Directive| app.iter().any(|one| one.effective(directive).is_some());
    let mut second = ContentSecurityPolicy::default();
    for directive in FETCHES.into_iter().filter(|directive| !says(*directive)) {
        // A kind that falls back to one spelled out already needs no word of its own.
        let own = ours.sources(directive);
        let parent = directive
            .chain()
            .skip(1)
            .find(|one| *one != Directive::DefaultSrc);
        let inherits = parent.is_some_and(|parent| !says(parent));
        if let Some(sources) = own.or_else(|| ours.effective(directive).filter(|_| !inherits)) {
            second.set(Name::Known(directive), sources.to_vec());
        }
    }
    // A worker is asked of `script-src` after `child-src`: where ours would speak by that detour, the
    // application's own words are repeated, which narrows nothing.
    for directive in FETCHES {
        let said = app.iter().find_map(|one| one.effective(directive));
        if let (Some(said), Some(_)) = (said, second.effective(directive)) {
            second.set(Name::Known(directive), said.to_vec());
        }
    }
    for (name, sources) in &ours.directives {
        let fetch = matches!(name, Name::Known(one)
            if *one == Directive::DefaultSrc || one.fallback().is_some());
        if !fetch && app.iter().all(|one| one.get(name).is_none()) {
            second.set(name.clone(), sources.clone());
        }
    }
    second
}
