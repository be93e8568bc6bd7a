//! The suites of SSL 3 to TLS 1.2 that are asked for, with their numbers (IANA's TLS registry).

/// What is weak about a suite, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weakness {
    /// Nothing: old servers need it offered.
    None,
    /// The server's key opens everything that was recorded (no forward secrecy).
    StaticKey,
    /// Blocks of 64 bits (RFC 9325 §4.1, Sweet32).
    ShortBlocks,
    /// RC4 (RFC 7465).
    Rc4,
    /// Keys that were made to be broken: export and single DES.
    ShortKey,
    /// Nobody says who the server is.
    Anonymous,
    /// Nothing is encrypted.
    Plain,
}

/// A suite.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) number: u16,
    pub(crate) name: &'static str,
    pub(crate) weakness: Weakness,
}

const fn suite(number: u16, name: &'static str, weakness: Weakness) -> Suite {
    Suite {
        number,
        name,
        weakness,
    }
}

use Weakness::{Anonymous, None, Plain, Rc4, ShortBlocks, ShortKey, StaticKey};

/// What a server of old may speak with forward secrecy.
pub(crate) const ALL: [Suite; 8] = [
    suite(0xc014, "ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
    suite(0xc013, "ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
    suite(0xc00a, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
    suite(0xc009, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
    suite(0x0039, "DHE_RSA_WITH_AES_256_CBC_SHA", None),
    suite(0x0033, "DHE_RSA_WITH_AES_128_CBC_SHA", None),
    suite(0x0038, "DHE_DSS_WITH_AES_256_CBC_SHA", None),
    suite(0x0032, "DHE_DSS_WITH_AES_128_CBC_SHA", None),
];

/// What no server should speak.
pub(crate) const WEAK: [Suite; 56] = [
    suite(0x0001, "RSA_WITH_NULL_MD5", Plain),
    suite(0x0002, "RSA_WITH_NULL_SHA", Plain),
    suite(0x003b, "RSA_WITH_NULL_SHA256", Plain),
    suite(0xc010, "ECDHE_RSA_WITH_NULL_SHA", Plain),
    suite(0xc006, "ECDHE_ECDSA_WITH_NULL_SHA", Plain),
    suite(0xc015, "ECDH_anon_WITH_NULL_SHA", Plain),
    suite(0x0018, "DH_anon_WITH_RC4_128_MD5", Anonymous),
    suite(0x001b, "DH_anon_WITH_3DES_EDE_CBC_SHA", Anonymous),
    suite(0x0034, "DH_anon_WITH_AES_128_CBC_SHA", Anonymous),
    suite(0x003a, "DH_anon_WITH_AES_256_CBC_SHA", Anonymous),
    suite(0x006c, "DH_anon_WITH_AES_128_CBC_SHA256", Anonymous),
    suite(0x006d, "DH_anon_WITH_AES_256_CBC_SHA256", Anonymous),
    suite(0x00a6, "DH_anon_WITH_AES_128_GCM_SHA256", Anonymous),
    suite(0x00a7, "DH_anon_WITH_AES_256_GCM_SHA384", Anonymous),
    suite(0xc016, "ECDH_anon_WITH_RC4_128_SHA", Anonymous),
    suite(0xc017, "ECDH_anon_WITH_3DES_EDE_CBC_SHA", Anonymous),
    suite(0xc018, "ECDH_anon_WITH_AES_128_CBC_SHA", Anonymous),
    suite(0xc019, "ECDH_anon_WITH_AES_256_CBC_SHA", Anonymous),
    suite(0x0003, "RSA_EXPORT_WITH_RC4_40_MD5", ShortKey),
    suite(0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5", ShortKey),
    suite(0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA", ShortKey),
    suite(0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", ShortKey),
    suite(0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5", ShortKey),
    suite(0x0019, "DH_anon_EXPORT_WITH_DES40_CBC_SHA", ShortKey),
    suite(0x0009, "RSA_WITH_DES_CBC_SHA", ShortKey),
    suite(0x0015, "DHE_RSA_WITH_DES_CBC_SHA", ShortKey),
    suite(0x0004, "RSA_WITH_RC4_128_MD5", Rc4),
    suite(0x0005, "RSA_WITH_RC4_128_SHA", Rc4),
    suite(0xc011, "ECDHE_RSA_WITH_RC4_128_SHA", Rc4),
    suite(0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA", Rc4),
    suite(0x000a, "RSA_WITH_3DES_EDE_CBC_SHA", ShortBlocks),
    suite(0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA", ShortBlocks),
    suite(0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", ShortBlocks),
    suite(0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", ShortBlocks),
    suite(0x0007, "RSA_WITH_IDEA_CBC_SHA", ShortBlocks),
    suite(0x002f, "RSA_WITH_AES_128_CBC_SHA", StaticKey),
    suite(0x0035, "RSA_WITH_AES_256_CBC_SHA", StaticKey),
    suite(0x003c, "RSA_WITH_AES_128_CBC_SHA256", StaticKey),
    suite(0x003d, "RSA_WITH_AES_256_CBC_SHA256", StaticKey),
    suite(0x009c, "RSA_WITH_AES_128_GCM_SHA256", StaticKey),
    suite(0x009d, "RSA_WITH_AES_256_GCM_SHA384", StaticKey),
    suite(0xc09c, "RSA_WITH_AES_128_CCM", StaticKey),
    suite(0xc09d, "RSA_WITH_AES_256_CCM", StaticKey),
    suite(0xc0a0, "RSA_WITH_AES_128_CCM_8", StaticKey),
    suite(0xc0a1, "RSA_WITH_AES_256_CCM_8", StaticKey),
    suite(0x0041, "RSA_WITH_CAMELLIA_128_CBC_SHA", StaticKey),
    suite(0x0084, "RSA_WITH_CAMELLIA_256_CBC_SHA", StaticKey),
    suite(0x0096, "RSA_WITH_SEED_CBC_SHA", StaticKey),
    suite(0xc03c, "RSA_WITH_ARIA_128_CBC_SHA256", StaticKey),
    suite(0xc050, "RSA_WITH_ARIA_128_GCM_SHA256", StaticKey),
    suite(0xc051, "RSA_WITH_ARIA_256_GCM_SHA384", StaticKey),
    suite(0xc00e, "ECDH_RSA_WITH_AES_128_CBC_SHA", StaticKey),
    suite(0xc00f, "ECDH_RSA_WITH_AES_256_CBC_SHA", StaticKey),
    suite(0xc004, "ECDH_ECDSA_WITH_AES_128_CBC_SHA", StaticKey),
    suite(0xc005, "ECDH_ECDSA_WITH_AES_256_CBC_SHA", StaticKey),
    suite(0xc02d, "ECDH_ECDSA_WITH_AES_128_GCM_SHA256", StaticKey),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_is_there_once_and_is_what_its_name_says() {
        let all: Vec<&Suite> = ALL.iter().chain(&WEAK).collect();
        let numbers: HashSet<u16> = all.iter().map(|suite| suite.number).collect();
        assert_eq!(numbers.len(), all.len());
        for suite in all {
            let name = suite.name;
            let expected = if name.contains("NULL") {
                Plain
            } else if name.contains("EXPORT") || name.contains("_DES_") {
                ShortKey
            } else if name.contains("anon") {
                Anonymous
            } else if name.contains("RC4") {
                Rc4
            } else if name.contains("3DES") || name.contains("IDEA") {
                ShortBlocks
            } else if name.contains("DHE_") {
                None
            } else {
                StaticKey
            };
            assert_eq!(suite.weakness, expected, "{name}");
        }
    }
}
