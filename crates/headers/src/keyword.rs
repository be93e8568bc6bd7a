//! Values that are one word out of a few.

/// Declares an enum of words with `ALL`, `as_str`, `Display`, `FromStr` and serde's reading, all
/// from one list. Words are read without regard to case, as browsers read them.
macro_rules! keywords {
    (
        $(#[$meta:meta])*
        pub enum $name:ident, $what:literal {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every one of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let words = Self::ALL.iter();
                let named = |word: &&Self| word.as_str().eq_ignore_ascii_case(text);
                words.clone().copied().find(|word| named(&word)).ok_or_else(|| {
                    $crate::Error::unknown($what, text, words.map(|word| word.as_str()))
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::text::from_str(from, $what)
            }
        }
    };
}

pub(crate) use keywords;
