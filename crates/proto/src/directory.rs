//! What a gateway says of its network: `GET /gw/v1/nodes` (service-nodes 9.2). JSON, UTF-8.

use serde::{Deserialize, Serialize};

use crate::roster::SignedDirectory;

/// The whole answer. Unknown fields are ignored, so that it can grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    pub network: Network,
    pub nodes: Vec<DirectoryNode>,
    /// People who can be written to, for local networks only (the Echo contact).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<DirectoryContact>,
    /// Origins of further gateways of the same network (`https://host[:port]`), for the app to choose from and fall back on.
    /// The policy that the page was served with names them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// For a self-hosted network: what its operator and its nodes signed. A client that knows the operator's key needs
    /// nothing else to check `nodes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedDirectory>,
    /// The operator's public key (Ed25519, 64 lower-case hex digits). A client takes it at first contact only, and keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

/// Which network the gateway serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Stable id; a client keeps nodes and guards per id.
    pub id: String,
    /// For people.
    pub name: String,
    pub kind: NetworkKind,
}

/// What kind of network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Everything on one machine.
    Local,
    /// Self-hosted.
    Own,
    /// The public Session network.
    Session,
}

/// One service node. Keys are 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryNode {
    pub ed25519: String,
    pub x25519: String,
    /// Dotted IPv4.
    pub ip: String,
    /// HTTPS port.
    pub port: u16,
    /// Swarm id, lower-case hex without leading zeros (a JSON number would lose digits above 2^53).
    pub swarm: String,
    /// `https://host[:port]` if the node takes packets from pages without a gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// Somebody to talk to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryContact {
    /// Account ID, 66 hex digits.
    pub id: String,
    pub name: String,
}

/// `http(s)://host[:port]` without anything behind it but a slash, which is taken off. No character that could end a source
/// in a policy or a host in a URL.
#[must_use]
pub fn origin(url: &str) -> Option<String> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    (!host.is_empty() && host.chars().all(plain)).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_path() {
        assert_eq!(origin("http://10.0.0.1:8101/"), Some("http://10.0.0.1:8101".to_owned()));
        assert_eq!(origin("https://[::1]:1"), Some("https://[::1]:1".to_owned()));
        for bad in [
            "ftp://a",
            "https://",
            "https:///",
            "https://a/b",
            "https://a b",
            "a",
            "https://a;script-src *",
            "https://u@h",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
