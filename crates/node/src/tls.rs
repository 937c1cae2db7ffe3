//! TLS: certificates to serve with, and a client for nodes that does not check theirs.
//!
//! Nobody verifies a node's certificate (service-nodes 1.3): secrecy comes from the layers inside the body, and between nodes
//! from [`crate::peer`]. So a self-signed one, kept for ever, will do; gateways and direct nodes are given files that browsers
//! accept. Files are read again when they change, so that whatever renews them needs no hook.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::keys::write_private;
use crate::limits;

/// How often certificate files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why TLS could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate file cannot be used: {0}")]
    File(#[from] io::Error),
    #[error("the certificate file holds no usable PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error("TLS refused the certificate: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("the HTTP client could not be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Which HTTP is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// As nodes of the public network do.
    Http1,
    /// For browsers.
    Http2AndHttp1,
}

/// What an authority offers that looks at us over TLS (RFC 8737). Such a connection ends after the handshake.
pub(crate) const ACME_ALPN: &[u8] = b"acme-tls/1";

/// A certificate and where it comes from.
#[derive(Debug)]
pub struct Certificate {
    current: RwLock<Current>,
    /// What an authority gets to see, by name.
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

#[derive(Debug)]
struct Current {
    certificate: PathBuf,
    key: PathBuf,
    loaded: Arc<CertifiedKey>,
    changed: Option<SystemTime>,
}

impl Current {
    fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let (loaded, changed) = (load(&certificate, &key)?, changed(&certificate));
        Ok(Self { certificate, key, loaded, changed })
    }
}

impl Certificate {
    /// The self-signed one of this directory, made at the first start.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn self_signed(directory: &Path) -> Result<Arc<Self>, TlsError> {
        let (key_file, certificate_file) = (directory.join("tls-key.pem"), directory.join("tls-cert.pem"));
        if !key_file.exists() || !certificate_file.exists() {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
            fs::write(&certificate_file, made.cert.pem())?;
            drop(fs::remove_file(&key_file));
            write_private(&key_file, made.signing_key.serialize_pem().as_bytes())?;
        }
        Self::files(certificate_file, key_file)
    }

    /// A chain and its key, PEM.
    ///
    /// # Errors
    /// If they cannot be read or do not belong together.
    pub fn files(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Current::load(certificate, key)?);
        Ok(Arc::new(Self { current, challenges: RwLock::default() }))
    }

    /// Serves with these files from now on.
    ///
    /// # Errors
    /// If they cannot be read or do not belong together; then nothing changes.
    pub fn use_files(&self, certificate: PathBuf, key: PathBuf) -> Result<(), TlsError> {
        let new = Current::load(certificate, key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Shows an authority that asks for this name what proves that we answer under it.
    ///
    /// # Errors
    /// If that cannot be made.
    pub(crate) fn show_challenge(&self, name: &str, digest: &[u8]) -> Result<(), TlsError> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
        let key = rcgen::KeyPair::generate()?;
        let chain = vec![params.self_signed(&key)?.der().clone()];
        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|reason| rustls::Error::General(reason.into()))?;
        // Not looked at by us first: what makes it a proof is an extension that nobody but authorities knows.
        let shown = Arc::new(CertifiedKey::new(chain, provider().key_provider.load_private_key(key)?));
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), shown);
        Ok(())
    }

    /// Shows no more of them.
    pub(crate) fn end_challenges(&self) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Serves with this certificate.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn acceptor(self: &Arc<Self>, protocols: Protocols) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = match protocols {
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        config.alpn_protocols.push(ACME_ALPN.to_vec());
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again if the certificate's has changed; true if a new one is in place.
    pub fn look(&self) -> bool {
        let (certificate, key, known) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.certificate.clone(), current.key.clone(), current.changed)
        };
        if changed(&certificate) == known {
            return false;
        }
        match self.use_files(certificate, key) {
            Ok(()) => true,
            // Half-written files are tried again at the next look.
            Err(error) => {
                tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
                false
            }
        }
    }

    /// Looks for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            every.tick().await;
            if self.look() {
                tracing::info!("a new certificate is in place");
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut offered| offered.any(|one| one == ACME_ALPN)) {
            let challenges = self.challenges.read().unwrap_or_else(PoisonError::into_inner);
            return challenges.get(hello.server_name()?).cloned();
        }
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).loaded))
    }
}

/// The acceptor with the self-signed certificate of this directory.
///
/// # Errors
/// If files or certificate cannot be used.
pub fn acceptor(directory: &Path) -> Result<TlsAcceptor, TlsError> {
    Certificate::self_signed(directory)?.acceptor(Protocols::Http1)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&fs::read(certificate)?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key)?)?;
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider())?))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// A pooled client for node addresses: no proxy, no redirects, no check of the certificate.
///
/// # Errors
/// If the client cannot be made.
pub fn client() -> Result<reqwest::Client, TlsError> {
    // Fails only if a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .build()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls-cert.pem"), folder.path().join("tls-key.pem"));
        let served = Certificate::self_signed(folder.path()).unwrap();
        let leaf = |served: &Certificate| served.current.read().unwrap().loaded.cert.first().unwrap().to_vec();
        let first = leaf(&served);
        assert!(!served.look());
        let at = |seconds| SystemTime::now() + Duration::from_secs(seconds);
        let write = |text: &[u8], time| {
            fs::write(&certificate, text).unwrap();
            fs::File::options().write(true).open(&certificate).unwrap().set_modified(time).unwrap();
        };
        write(b"half", at(10));
        assert!(!served.look());
        assert_eq!(leaf(&served), first);
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        write(made.cert.pem().as_bytes(), at(20));
        assert!(served.look());
        assert_ne!(leaf(&served), first);
    }
}
