//! TLS of a node: a self-signed certificate kept for ever (service-nodes 1.3), and a client that does not check it.
//!
//! Nobody verifies a node's certificate: secrecy comes from the layers inside the body, and between nodes from [`crate::peer`].

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::keys::write_private;
use crate::limits;

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

/// The acceptor with the certificate of this directory, made at the first start.
///
/// # Errors
/// If files or certificate cannot be used.
pub fn acceptor(directory: &Path) -> Result<TlsAcceptor, TlsError> {
    let (key_file, certificate_file) = (directory.join("tls-key.pem"), directory.join("tls-cert.pem"));
    if !key_file.exists() || !certificate_file.exists() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        fs::write(&certificate_file, made.cert.pem())?;
        drop(fs::remove_file(&key_file));
        write_private(&key_file, made.signing_key.serialize_pem().as_bytes())?;
    }
    let certificate = CertificateDer::from_pem_slice(&fs::read(&certificate_file)?)?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(&key_file)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
