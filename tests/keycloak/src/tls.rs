//! Certificates: the second Keycloak's, and those that clients show it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority made for one test, whose certificate only those trust who are told to.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// A new one, and with it the certificate for a server at `localhost`.
    #[must_use]
    pub fn new() -> Self {
        let mut own = CertificateParams::default();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.distinguished_name.push(DnType::CommonName, "Authority of a test");
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("authority.pem"), own.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Self { issuer: Issuer::new(own, key), folder };
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let server = server.signed_by(&key, &authority.issuer).unwrap();
        fs::write(authority.folder().join("server.pem"), server.pem()).unwrap();
        fs::write(authority.folder().join("server.key"), key.serialize_pem()).unwrap();
        authority
    }

    /// Where the server's files are, as `start.sh` wants them.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.folder().join("authority.pem")
    }

    /// A file with the certificate of a client whose subject is `CN=name`, and its key.
    #[must_use]
    pub fn client_file(&self, name: &str) -> PathBuf {
        let key = KeyPair::generate().unwrap();
        let mut client = CertificateParams::default();
        client.distinguished_name.remove(DnType::CommonName);
        client.distinguished_name.push(DnType::CommonName, name);
        let certificate = client.signed_by(&key, &self.issuer).unwrap();
        let file = self.folder().join(format!("{name}.pem"));
        fs::write(&file, format!("{}{}", certificate.pem(), key.serialize_pem())).unwrap();
        file
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}
