//! Configuration files of `zwiebel node`, `zwiebel seed` and `zwiebel gateway`: TOML, every unknown name is an error.
//!
//! Flags of the command line win over the file. docs/operator.md and docs/gateway.md explain every field.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use zwiebel_crypto::keys::Ed25519Public;
pub(crate) use zwiebel_proto::directory::origin;

use crate::encoding::array_from_hex;

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Toml { path: PathBuf, source: Box<toml::de::Error> },
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{name}`: {reason}")]
    Bad { name: &'static str, reason: &'static str },
}

/// One service node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Public key of the network's operator, 64 hex digits.
    pub operator: Option<String>,
    /// `http(s)://host:port` of the network's seeds.
    pub seeds: Vec<String>,
    /// Keys, certificate, messages.
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    /// How others reach it; taken from `listen` if that is a fixed address.
    pub public_ip: Option<Ipv4Addr>,
    pub public_port: Option<u16>,
    /// `https://host[:port]` with a certificate that browsers accept: pages may use this node as a guard directly.
    pub origin: Option<String>,
    /// Origins of pages that may; `*` for all. Empty: no CORS headers at all.
    pub pages: Vec<String>,
    /// Host names of servers outside that the node posts to for clients; `*` for all. Empty: none.
    pub servers: Vec<String>,
    pub metrics: Option<SocketAddr>,
    pub tls: Option<TlsFiles>,
    /// A certificate from an authority, in place of `tls`.
    pub acme: Option<AcmeConfig>,
    /// Seconds between looks at the seeds.
    pub refresh_seconds: Option<u64>,
}

/// Certificate and key of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// PEM, the chain.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// A certificate from an authority that speaks ACME.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeConfig {
    /// Host names under which the authority, and browsers, reach this program.
    pub names: Vec<String>,
    /// Whether the authority's terms of service are agreed to.
    #[serde(default)]
    pub agree: bool,
    /// `mailto:…`, for what the authority has to say.
    pub contact: Option<String>,
    /// The authority's directory; Let's Encrypt's without.
    pub directory: Option<String>,
    /// Where to answer the authority over plain HTTP; it asks on port 80. Without, it is answered over TLS, and asks on
    /// port 443.
    pub http: Option<SocketAddr>,
}

/// One seed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedConfig {
    pub operator: Option<String>,
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub tls: Option<TlsFiles>,
    /// Other seeds of the network, to learn from.
    pub seeds: Vec<String>,
}

/// One gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    pub listen: Option<SocketAddr>,
    /// The last good list of nodes.
    pub data: Option<PathBuf>,
    /// The built app.
    pub app: Option<PathBuf>,
    pub tls: Option<TlsFiles>,
    /// A certificate from an authority, in place of `tls`.
    pub acme: Option<AcmeConfig>,
    /// A network of one's own. Exactly one of this and `session`.
    pub own: Option<OwnNetwork>,
    /// The public Session network.
    pub session: Option<SessionNetwork>,
    /// Origins of other gateways for the same network, offered to the app.
    pub gateways: Vec<String>,
    /// Whether nodes that say they take packets from pages are offered to the app.
    pub direct: bool,
    /// Whether nodes with private addresses and low ports are forwarded to.
    pub allow_private: bool,
    pub refresh_seconds: Option<u64>,
}

/// A network of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnNetwork {
    pub operator: String,
    pub seeds: Vec<String>,
}

/// The public network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionNetwork {
    /// `main` or `test`; anything else needs `seeds`.
    pub network: String,
    /// Instead of the built-in seeds.
    #[serde(default)]
    pub seeds: Vec<PinnedSeed>,
    /// A list to start with when no seed answers: an answer of `get_service_nodes` in a file.
    #[serde(default)]
    pub fallback: Option<PathBuf>,
}

/// A seed and the key its certificate must have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedSeed {
    /// `https://host:port`.
    pub url: String,
    /// Base64 of SHA-256 of the certificate's public key; none for plain HTTP.
    pub pin: Option<String>,
}

/// Reads a file of one of these kinds; without a path everything is at its default.
///
/// # Errors
/// If the file cannot be read or says something unknown.
pub fn read<T: DeserializeOwned + Default>(path: Option<&Path>) -> Result<T, ConfigError> {
    let Some(path) = path else { return Ok(T::default()) };
    let text = fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| ConfigError::Toml { path: path.to_owned(), source: Box::new(source) })
}

/// The operator's key.
///
/// # Errors
/// If it is missing or no key.
pub fn operator_key(text: Option<&str>) -> Result<Ed25519Public, ConfigError> {
    let text = text.ok_or(ConfigError::Missing("operator"))?;
    let bad = ConfigError::Bad { name: "operator", reason: "a public key has 64 hex digits" };
    array_from_hex(text).map(Ed25519Public).ok_or(bad)
}

/// URLs without a path, as they are used.
///
/// # Errors
/// If one is no http(s) URL of a host.
pub fn origins(name: &'static str, urls: &[String]) -> Result<Vec<String>, ConfigError> {
    let bad = ConfigError::Bad { name, reason: "expected http(s)://host[:port] without a path" };
    urls.iter().map(|url| origin(url)).collect::<Option<Vec<_>>>().ok_or(bad)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_files_in_the_guides_are_read() {
        let guides = concat!(include_str!("../../../docs/operator.md"), include_str!("../../../docs/gateway.md"));
        let mut read = 0;
        for block in guides.split("```toml\n").skip(1) {
            let (text, _) = block.split_once("```").unwrap();
            if text.contains("# node.toml") {
                toml::from_str::<NodeConfig>(text).unwrap();
            } else if text.contains("# seed.toml") {
                toml::from_str::<SeedConfig>(text).unwrap();
            } else {
                toml::from_str::<GatewayConfig>(text).unwrap();
            }
            read += 1;
        }
        assert!(read >= 5);
    }

    #[test]
    fn misspelt_names_are_errors() {
        assert!(toml::from_str::<NodeConfig>("lisen = \"127.0.0.1:1\"").is_err());
        assert!(toml::from_str::<GatewayConfig>("[own]\noperator = \"00\"").is_err());
    }
}
