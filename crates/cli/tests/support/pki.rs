//! Certificates as an operator would bring them: a CA of our own and leaves, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{require, text};

/// A CA in a folder.
#[derive(Debug)]
pub(crate) struct Pki {
    folder: PathBuf,
}

impl Pki {
    pub(crate) fn new(folder: &Path) -> Self {
        let pki = Self {
            folder: folder.join("pki"),
        };
        std::fs::create_dir_all(&pki.folder).unwrap();
        pki.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "100",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Test CA",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]);
        pki
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A leaf named `name` for `names` (`DNS:localhost,IP:127.0.0.1`): its chain and its key.
    pub(crate) fn leaf(&self, name: &str, names: &str) -> (PathBuf, PathBuf) {
        self.issue(
            name,
            &format!(
                "subjectAltName={names}\nextendedKeyUsage=serverAuth\n\
                 crlDistributionPoints=URI:http://127.0.0.1:1/ca.crl"
            ),
        )
    }

    /// A client's certificate and its key.
    pub(crate) fn client(&self, name: &str) -> (PathBuf, PathBuf) {
        self.issue(name, "extendedKeyUsage=clientAuth")
    }

    /// A list with the certificates of these names revoked.
    pub(crate) fn revoke(&self, names: &[&str]) -> PathBuf {
        let config = "[ca]\ndefault_ca=ours\n[ours]\ndatabase=index.txt\ndefault_md=sha256\n\
                      default_crl_days=30\ncrlnumber=number\ncrl_extensions=list\n\
                      [list]\nauthorityKeyIdentifier=keyid\n";
        std::fs::write(self.folder.join("ca.cnf"), config).unwrap();
        std::fs::write(self.folder.join("index.txt"), "").unwrap();
        std::fs::write(self.folder.join("number"), "01").unwrap();
        let ca = ["-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
        for name in names {
            let certificate = format!("{name}.pem");
            self.openssl(&[&["ca"], &ca[..], &["-revoke", &certificate]].concat());
        }
        let list = "revoked.crl";
        self.openssl(&[&["ca"], &ca[..], &["-gencrl", "-out", list]].concat());
        self.folder.join(list)
    }

    fn issue(&self, name: &str, more: &str) -> (PathBuf, PathBuf) {
        let [key, request, extensions, certificate] =
            ["key", "csr", "ext", "pem"].map(|ending| format!("{name}.{ending}"));
        std::fs::write(
            self.folder.join(&extensions),
            format!("{more}\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"),
        )
        .unwrap();
        self.openssl(&[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            &format!("/CN={name}"),
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "80",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ]);
        (self.folder.join(certificate), self.folder.join(key))
    }

    fn openssl(&self, arguments: &[&str]) {
        require("openssl");
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            text(&output.stderr)
        );
    }
}
