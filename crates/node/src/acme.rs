//! Certificates that browsers accept, from an authority that speaks ACME (RFC 8555), and their renewal.
//!
//! The authority must see that we answer under the name: on our own TLS listener (TLS-ALPN-01, RFC 8737; it connects to port
//! 443), or over plain HTTP on port 80 (HTTP-01) if the configuration names an address for that. Account key, certificate and
//! its key lie in the data folder, readable by their owner only. Until there is a certificate the self-signed one is shown.

mod http;
mod validity;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use instant_acme::Account;
use instant_acme::AccountCredentials;
use instant_acme::AuthorizationStatus;
use instant_acme::ChallengeType;
use instant_acme::Identifier;
use instant_acme::NewAccount;
use instant_acme::NewOrder;
use instant_acme::Order;
use instant_acme::OrderStatus;
use instant_acme::RetryPolicy;
use thiserror::Error;
use zwiebel_crypto::hash::blake2b;

use crate::config::AcmeConfig;
use crate::config::ConfigError;
use crate::keys::write_private;
use crate::tls::Certificate;
use crate::tls::TlsError;

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// How often the age of the certificate is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3600);
/// After a failure; doubled each time. Authorities count failures: five an hour are many.
const RETRY: Duration = Duration::from_secs(15 * 60);
/// How long an order may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no certificate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcmeError {
    #[error("{step} failed: {source}")]
    Step { step: &'static str, source: instant_acme::Error },
    #[error("the authority offers no {how} for {name}")]
    NotOffered { name: String, how: &'static str },
    #[error("the authority did not see us under {name}: {why}")]
    NotSeen { name: String, why: String },
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("what was issued is no certificate")]
    Unreadable,
}

/// A certificate and the authority that it comes from.
#[derive(Debug)]
pub struct Acme {
    names: Vec<String>,
    contact: Option<String>,
    directory: String,
    how: How,
    folder: PathBuf,
    certificate: Arc<Certificate>,
    tokens: Arc<Tokens>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    TlsAlpn,
    Http,
}

impl How {
    const fn challenge(self) -> (ChallengeType, &'static str) {
        match self {
            Self::TlsAlpn => (ChallengeType::TlsAlpn01, "TLS-ALPN-01"),
            Self::Http => (ChallengeType::Http01, "HTTP-01"),
        }
    }
}

/// What is answered over HTTP, by token.
#[derive(Debug, Default)]
struct Tokens(RwLock<HashMap<String, String>>);

impl Acme {
    /// Serves with the certificate of last time, or with a self-signed one until [`Acme::round`] brings one.
    ///
    /// # Errors
    /// If the configuration makes no sense or the folder cannot be used.
    pub fn open(config: &AcmeConfig, folder: &Path) -> Result<Self, AcmeError> {
        let certificate = Certificate::self_signed(folder)?;
        let acme = Self {
            names: config.names.clone(),
            contact: config.contact.clone(),
            directory: config.directory.clone().unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
            how: if config.http.is_some() { How::Http } else { How::TlsAlpn },
            folder: folder.to_owned(),
            certificate,
            tokens: Arc::default(),
        };
        // Chain and key are two files: whoever dies between them leaves what does not fit together.
        if acme.chain_file().exists()
            && let Err(error) = acme.certificate.use_files(acme.chain_file(), acme.key_file())
        {
            tracing::error!(%error, "the last certificate cannot be used: another one is ordered");
            drop(fs::remove_file(acme.order_file()));
        }
        Ok(acme)
    }

    /// Whether a configuration makes sense.
    ///
    /// # Errors
    /// If not.
    pub fn check(config: &AcmeConfig) -> Result<(), ConfigError> {
        let bad = |name, reason| Err(ConfigError::Bad { name, reason });
        if !config.agree {
            return bad("acme.agree", "read the authority's terms of service, and say `true` if you agree to them");
        }
        let plain = |name: &String| {
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            name.contains('.') && name.chars().all(good) && name.parse::<std::net::IpAddr>().is_err()
        };
        if config.names.is_empty() || !config.names.iter().all(plain) {
            return bad("acme.names", "expected at least one host name");
        }
        if config.contact.as_ref().is_some_and(|contact| !contact.starts_with("mailto:")) {
            return bad("acme.contact", "expected mailto:…");
        }
        let local = |url: &str| url.starts_with("http://127.0.0.1:");
        if config.directory.as_ref().is_some_and(|url| !url.starts_with("https://") && !local(url)) {
            return bad("acme.directory", "expected https://…");
        }
        Ok(())
    }

    /// The certificate, which changes when a new one is there.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// What answers the authority on port 80.
    pub fn http_router(&self) -> Router {
        Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(Arc::clone(&self.tokens))
    }

    /// Keeps the certificate fresh for ever.
    pub async fn run(self) {
        let mut pause = RETRY;
        loop {
            match self.round().await {
                Ok(new) => {
                    if new {
                        tracing::info!("a new certificate is in place");
                    }
                    pause = RETRY;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => {
                    tracing::error!(%error, "no new certificate");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LOOK_EVERY);
                }
            }
        }
    }

    /// Gets a new certificate if the one at hand has less than a third of its life left, or is for other names or of another
    /// authority. True if so.
    ///
    /// # Errors
    /// [`AcmeError`]; the old certificate stays.
    pub async fn round(&self) -> Result<bool, AcmeError> {
        if !self.is_due(crate::clock::Clock::system().now() / 1000) {
            return Ok(false);
        }
        let done = self.order().await;
        self.certificate.end_challenges();
        self.tokens.0.write().unwrap_or_else(PoisonError::into_inner).clear();
        let (chain, key) = done?;
        validity::of_pem(&chain).ok_or(AcmeError::Unreadable)?;
        // Key first: a certificate without its key is worse than a key without its certificate.
        self.write(&self.key_file(), &key)?;
        self.write(&self.chain_file(), &chain)?;
        self.write(&self.order_file(), &self.wanted())?;
        self.certificate.use_files(self.chain_file(), self.key_file())?;
        Ok(true)
    }

    fn is_due(&self, now: i64) -> bool {
        let ordered = fs::read_to_string(self.order_file()).unwrap_or_default();
        let chain = fs::read_to_string(self.chain_file()).unwrap_or_default();
        let life = validity::of_pem(&chain);
        ordered != self.wanted() || life.is_none_or(|life| life.until - now < (life.until - life.from) / 3)
    }

    async fn order(&self) -> Result<(String, String), AcmeError> {
        let account = self.account().await?;
        let names: Vec<Identifier> = self.names.iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.map_err(step("ordering a certificate"))?;
        self.answer_challenges(&mut order).await?;
        let retries = RetryPolicy::new().timeout(PATIENCE);
        let status = order.poll_ready(&retries).await.map_err(step("waiting for the authority's look at us"))?;
        if status != OrderStatus::Ready {
            return Err(not_seen(&mut order).await);
        }
        let key = order.finalize().await.map_err(step("asking for the certificate"))?;
        let chain = order.poll_certificate(&retries).await.map_err(step("fetching the certificate"))?;
        Ok((chain, key))
    }

    async fn answer_challenges(&self, order: &mut Order) -> Result<(), AcmeError> {
        let (kind, how) = self.how.challenge();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(step("reading what the authority wants to see"))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let Some(mut challenge) = authorization.challenge(kind.clone()) else {
                return Err(AcmeError::NotOffered { name, how });
            };
            let proof = challenge.key_authorization();
            match self.how {
                How::TlsAlpn => self.certificate.show_challenge(&name, proof.digest().as_ref())?,
                How::Http => {
                    let mut tokens = self.tokens.0.write().unwrap_or_else(PoisonError::into_inner);
                    tokens.insert(challenge.token.clone(), proof.as_str().to_owned());
                }
            }
            challenge.set_ready().await.map_err(step("asking the authority to look"))?;
        }
        Ok(())
    }

    /// The account of last time, or a new one.
    async fn account(&self) -> Result<Account, AcmeError> {
        // One for each authority: somebody who has tried things out at a test one begins anew at the real one.
        let authority = hex::encode(blake2b::<4>(&[self.directory.as_bytes()]));
        let path = self.folder.join(format!("acme-account-{authority}.json"));
        let builder = Account::builder_with_http(Box::new(http::Client::new()?));
        let saved: Option<AccountCredentials> = match fs::read(&path) {
            Ok(bytes) => {
                let unreadable =
                    |error: serde_json::Error| AcmeError::File { path: path.clone(), source: error.into() };
                Some(serde_json::from_slice(&bytes).map_err(unreadable)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(AcmeError::File { path, source }),
        };
        if let Some(saved) = saved {
            return builder.from_credentials(saved).await.map_err(step("reaching the authority"));
        }
        let contact: Vec<&str> = self.contact.as_deref().into_iter().collect();
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let made = builder.create(&wanted, self.directory.clone(), None).await;
        let (account, credentials) = made.map_err(step("making an account at the authority"))?;
        let text = serde_json::to_string(&credentials)
            .map_err(|error| AcmeError::File { path: path.clone(), source: error.into() })?;
        self.write(&path, &text)?;
        Ok(account)
    }

    /// Whole or not at all, and for its owner's eyes only.
    fn write(&self, path: &Path, text: &str) -> Result<(), AcmeError> {
        let new = path.with_extension("new");
        drop(fs::remove_file(&new));
        write_private(&new, text.as_bytes())
            .and_then(|()| fs::rename(&new, path))
            .map_err(|source| AcmeError::File { path: path.to_owned(), source })
    }

    fn chain_file(&self) -> PathBuf {
        self.folder.join("acme-cert.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("acme-key.pem")
    }

    /// What the certificate at hand was ordered with; anything else calls for another one.
    fn order_file(&self) -> PathBuf {
        self.folder.join("acme-order.txt")
    }

    fn wanted(&self) -> String {
        format!("{}\n{}\n", self.directory, self.names.join("\n"))
    }
}

fn step(step: &'static str) -> impl Fn(instant_acme::Error) -> AcmeError {
    move |source| AcmeError::Step { step, source }
}

/// What the authority says of the first name that it did not see us under.
async fn not_seen(order: &mut Order) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(error) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            let why = error.detail.clone().unwrap_or_else(|| error.to_string());
            return AcmeError::NotSeen { name, why };
        }
    }
    AcmeError::NotSeen { name: "its name".to_owned(), why: "it does not say why".to_owned() }
}

async fn answer(
    State(tokens): State<Arc<Tokens>>,
    axum::extract::Path(token): axum::extract::Path<String>,
) -> Response {
    let tokens = tokens.0.read().unwrap_or_else(PoisonError::into_inner);
    match tokens.get(&token) {
        Some(proof) => proof.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_and_a_key_that_do_not_fit_stop_nothing_and_call_for_others() -> Result<(), Box<dyn std::error::Error>> {
        let (folder, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let config = AcmeConfig {
            names: vec!["gateway.example.org".to_owned()],
            agree: true,
            contact: None,
            directory: None,
            http: None,
        };
        let acme = Acme::open(&config, folder.path())?;
        Certificate::self_signed(other.path())?;
        acme.write(&acme.key_file(), &fs::read_to_string(folder.path().join("tls-key.pem"))?)?;
        acme.write(&acme.chain_file(), &fs::read_to_string(other.path().join("tls-cert.pem"))?)?;
        acme.write(&acme.order_file(), &acme.wanted())?;
        let now = crate::clock::Clock::system().now() / 1000;
        assert!(!acme.is_due(now), "it looks as if all were well");
        assert!(Acme::open(&config, folder.path())?.is_due(now));
        Ok(())
    }

    #[test]
    fn a_configuration_is_checked_before_anything_is_asked() {
        let good = AcmeConfig {
            names: vec!["gateway.example.org".to_owned()],
            agree: true,
            contact: Some("mailto:me@example.org".to_owned()),
            directory: None,
            http: None,
        };
        assert!(Acme::check(&good).is_ok());
        let bad = [
            AcmeConfig { agree: false, ..good.clone() },
            AcmeConfig { names: Vec::new(), ..good.clone() },
            AcmeConfig { names: vec!["192.0.2.1".to_owned()], ..good.clone() },
            AcmeConfig { names: vec!["a b.org".to_owned()], ..good.clone() },
            AcmeConfig { contact: Some("me@example.org".to_owned()), ..good.clone() },
            AcmeConfig { directory: Some("http://ca.example.org/".to_owned()), ..good },
        ];
        for config in bad {
            assert!(Acme::check(&config).is_err(), "{config:?}");
        }
    }
}
