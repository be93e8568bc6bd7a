//! The directives of a policy and what may stand in each.

use crate::keyword::keywords;

keywords! {
    /// A directive of Content Security Policy Level 3, or of a specification that adds to it.
    pub enum Directive, "a directive" {
        /// Where everything comes from that no other fetch directive speaks of.
        DefaultSrc = "default-src",
        /// Workers and frames (§6.1.1).
        ChildSrc = "child-src",
        /// What scripts may connect to: `fetch`, WebSocket, `EventSource` (§6.1.2).
        ConnectSrc = "connect-src",
        /// Fonts (§6.1.4).
        FontSrc = "font-src",
        /// What this page may hold in frames (§6.1.5).
        FrameSrc = "frame-src",
        /// Images (§6.1.6).
        ImgSrc = "img-src",
        /// Web app manifests (§6.1.7).
        ManifestSrc = "manifest-src",
        /// Sound and video (§6.1.8).
        MediaSrc = "media-src",
        /// Plug-ins (§6.1.9).
        ObjectSrc = "object-src",
        /// What may be prefetched; taken out of the standard, still read by some.
        PrefetchSrc = "prefetch-src",
        /// Scripts (§6.1.10).
        ScriptSrc = "script-src",
        /// `<script>` elements only (§6.1.11).
        ScriptSrcElem = "script-src-elem",
        /// Event handlers in attributes only (§6.1.12).
        ScriptSrcAttr = "script-src-attr",
        /// Style sheets (§6.1.13).
        StyleSrc = "style-src",
        /// `<style>` and `<link>` elements only (§6.1.14).
        StyleSrcElem = "style-src-elem",
        /// `style` attributes only (§6.1.15).
        StyleSrcAttr = "style-src-attr",
        /// Workers (§6.1.16).
        WorkerSrc = "worker-src",
        /// Fenced frames.
        FencedFrameSrc = "fenced-frame-src",
        /// What `<base>` may say (§6.3.1).
        BaseUri = "base-uri",
        /// Treats the page as in a sandboxed frame (§6.3.2).
        Sandbox = "sandbox",
        /// Where forms may be sent (§6.4.1).
        FormAction = "form-action",
        /// Who may hold this page in a frame (§6.4.2).
        FrameAncestors = "frame-ancestors",
        /// Where reports go, by URL (§6.5.1).
        ReportUri = "report-uri",
        /// Where reports go, by an endpoint's name (§6.5.2).
        ReportTo = "report-to",
        /// Whether WebRTC may connect (§6.2.1).
        Webrtc = "webrtc",
        /// Fetches over HTTPS what is named by HTTP (Upgrade Insecure Requests §3.1).
        UpgradeInsecureRequests = "upgrade-insecure-requests",
        /// Refuses what is named by HTTP; upgrading has replaced it (Mixed Content §4).
        BlockAllMixedContent = "block-all-mixed-content",
        /// Sinks of injection that take typed values only (Trusted Types §5.1).
        RequireTrustedTypesFor = "require-trusted-types-for",
        /// The policies that may make such values (Trusted Types §5.2).
        TrustedTypes = "trusted-types",
        /// Kinds of elements that must carry `integrity`; given up by browsers.
        RequireSriFor = "require-sri-for",
        /// Media types of plug-ins; given up by browsers.
        PluginTypes = "plugin-types",
    }
}

/// The grammar of a directive's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// A list of sources (§2.3.1).
    Sources,
    /// A list of hosts and schemes (§6.4.2).
    Ancestors,
    /// Nothing at all.
    Nothing,
    /// Words out of a list, or none of them.
    Words(&'static [&'static str]),
    /// One word out of a list.
    Word(&'static [&'static str]),
    /// Any tokens, at least one.
    Tokens,
    /// Names of Trusted Types policies.
    TypePolicies,
}

impl Directive {
    /// The words that stand between quotes in `trusted-types`.
    pub(super) const TYPE_WORDS: &'static [&'static str] = &["'none'", "'allow-duplicates'"];

    /// The directive that is asked when this one is not there (§6.8.3), for fetch directives.
    pub const fn fallback(self) -> Option<Self> {
        match self {
            Self::ScriptSrcElem | Self::ScriptSrcAttr => Some(Self::ScriptSrc),
            Self::StyleSrcElem | Self::StyleSrcAttr => Some(Self::StyleSrc),
            Self::WorkerSrc | Self::FrameSrc => Some(Self::ChildSrc),
            Self::FencedFrameSrc => Some(Self::FrameSrc),
            Self::ChildSrc
            | Self::ConnectSrc
            | Self::FontSrc
            | Self::ImgSrc
            | Self::ManifestSrc
            | Self::MediaSrc
            | Self::ObjectSrc
            | Self::PrefetchSrc
            | Self::ScriptSrc
            | Self::StyleSrc => Some(Self::DefaultSrc),
            _ => None,
        }
    }

    /// This directive and those that are asked in its place, in order (§6.8.3).
    pub(super) fn chain(self) -> impl Iterator<Item = Self> {
        // A worker is asked of `script-src` too, between `child-src` and `default-src`.
        let worker = self == Self::WorkerSrc;
        std::iter::successors(Some(self), move |one| match one {
            Self::ChildSrc if worker => Some(Self::ScriptSrc),
            one => one.fallback(),
        })
    }

    pub(super) const fn grammar(self) -> Grammar {
        match self {
            Self::FrameAncestors => Grammar::Ancestors,
            Self::UpgradeInsecureRequests | Self::BlockAllMixedContent => Grammar::Nothing,
            Self::Sandbox => Grammar::Words(SANDBOX),
            Self::ReportUri | Self::ReportTo | Self::PluginTypes => Grammar::Tokens,
            Self::Webrtc => Grammar::Word(&["'allow'", "'block'"]),
            Self::RequireTrustedTypesFor => Grammar::Word(&["'script'"]),
            Self::RequireSriFor => Grammar::Words(&["script", "style"]),
            Self::TrustedTypes => Grammar::TypePolicies,
            _ => Grammar::Sources,
        }
    }
}

/// The flags of a sandbox (HTML §7.1.5).
const SANDBOX: &[&str] = &[
    "allow-downloads",
    "allow-forms",
    "allow-modals",
    "allow-orientation-lock",
    "allow-pointer-lock",
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-presentation",
    "allow-same-origin",
    "allow-scripts",
    "allow-storage-access-by-user-activation",
    "allow-top-navigation",
    "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
];
