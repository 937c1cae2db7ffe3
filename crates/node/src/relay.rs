//! Requests to servers outside, for clients at the end of a path (service-nodes 4.4): what the exit posts, and to whom.
//!
//! A node that connects for strangers must not become their way into its own network: HTTPS only, certificates checked, only
//! public addresses after resolution, no redirects, no proxy, bounded in time, size and number. By default it posts to nobody.
//! Knows nothing of layers: body in, body out.

mod public;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use reqwest::Url;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::Semaphore;
use zwiebel_proto::onion::ServerRequest;

pub use self::public::is_public;
use crate::limits;
use crate::peer::PeerError;
use crate::peer::read_limited;
use crate::registry::VERSION;
use crate::rpc::Answer;
use crate::rpc::Body;
use crate::tls::TlsError;

/// Which servers a node posts to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Servers {
    /// Every one with a public address.
    Any,
    /// These host names, and only if their addresses are public.
    Listed(Vec<String>),
    #[default]
    Nobody,
}

/// The address is not one that this node posts to: answer 400 `Invalid url`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// The way out.
#[derive(Debug, Default)]
pub struct Relay {
    servers: Servers,
    http: Option<reqwest::Client>,
    hosts: Hosts,
    at_work: Option<Semaphore>,
}

impl Relay {
    /// A way to these servers. The node's own addresses are none of them, though they may be public.
    ///
    /// # Errors
    /// If the HTTP client cannot be made, for instance because the system has no root certificates.
    pub fn new(servers: Servers, own: Vec<IpAddr>) -> Result<Self, TlsError> {
        if servers == Servers::Nobody {
            return Ok(Self::default());
        }
        // Fails only if a provider is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let [major, minor, patch] = VERSION;
        let http = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(PublicOnly { own: own.into() }))
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .user_agent(format!("Oxen Storage Server/{major}.{minor}.{patch}"))
            .build()?;
        Ok(Self::over(servers, http))
    }

    /// A way to these servers over a client that has rules of its own, in place of those of [`Self::new`].
    #[must_use]
    pub fn over(servers: Servers, http: reqwest::Client) -> Self {
        Self { servers, http: Some(http), hosts: Hosts::default(), at_work: Some(Semaphore::new(limits::RELAYS)) }
    }

    /// Posts the opened layer. The server's answer goes back as it is; failures are plain text.
    ///
    /// # Errors
    /// [`Refused`] before anything is sent.
    pub async fn post(&self, request: &ServerRequest) -> Result<Answer, Refused> {
        let url = self.url(request).ok_or(Refused)?;
        let (http, at_work) = self.http.as_ref().zip(self.at_work.as_ref()).ok_or(Refused)?;
        if !self.hosts.allow(&request.host) {
            return Ok(Answer::error(429, "Too Many Requests\n"));
        }
        let Ok(_slot) = at_work.try_acquire() else {
            return Ok(Answer::error(503, "Server busy, try again later"));
        };
        let send = async {
            let body = request.body.clone();
            let answer = http.post(url).header(CONTENT_TYPE, "application/octet-stream").body(body).send().await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, read_limited(answer, limits::BODY).await))
        };
        Ok(match tokio::time::timeout(limits::RELAY_TIMEOUT, send).await {
            Ok(Ok((status, Ok(body)))) => Answer { status, body: Body::Bytes(body) },
            Ok(Ok((_, Err(PeerError::Malformed)))) => Answer::error(502, "The server's answer is too large"),
            Err(_) | Ok(Ok((_, Err(PeerError::Timeout)))) => Answer::error(504, "Request time out"),
            Ok(Err(error)) if error.is_timeout() => Answer::error(504, "Request time out"),
            Ok(Err(_) | Ok(_)) => Answer::error(502, "The server could not be reached"),
        })
    }

    /// The address, if it is allowed and means to every reader what it means to us.
    fn url(&self, request: &ServerRequest) -> Option<Url> {
        let host = request.host.as_str();
        let listed = match &self.servers {
            Servers::Any => true,
            Servers::Listed(hosts) => hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host)),
            Servers::Nobody => false,
        };
        if !listed || request.protocol != "https" {
            return None;
        }
        let url = Url::parse(&format!("https://{host}:{}{}", request.port, request.target)).ok()?;
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let same = url.host_str().is_some_and(|read| read.eq_ignore_ascii_case(host))
            && url.port_or_known_default() == Some(request.port)
            && url.path() == request.target;
        (same && address.is_none_or(is_public)).then_some(url)
    }
}

/// Resolves names to public addresses only, those of the node itself left out.
#[derive(Debug)]
struct PublicOnly {
    own: Arc<[IpAddr]>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let own = Arc::clone(&self.own);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<_> = found.filter(|at| is_public(at.ip()) && !own.contains(&at.ip())).collect();
            if good.is_empty() {
                return Err("no public address".into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// A token bucket for each host, so that many paths through one node cannot be turned against one server.
#[derive(Debug, Default)]
struct Hosts(Mutex<HashMap<String, (f64, Instant)>>);

impl Hosts {
    const PER_SECOND: f64 = 50.0;
    const BURST: f64 = 200.0;
    const KEPT: usize = 1_000;

    fn allow(&self, host: &str) -> bool {
        let now = Instant::now();
        let refilled = |(tokens, at): (f64, Instant)| {
            now.saturating_duration_since(at).as_secs_f64().mul_add(Self::PER_SECOND, tokens).min(Self::BURST)
        };
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= Self::KEPT && !hosts.contains_key(host) {
            hosts.retain(|_, bucket| refilled(*bucket) < Self::BURST);
            if hosts.len() >= Self::KEPT {
                return false;
            }
        }
        let bucket = hosts.entry(host.to_ascii_lowercase()).or_insert((Self::BURST, now));
        let tokens = refilled(*bucket);
        let allowed = tokens >= 1.0;
        *bucket = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str, port: u16, protocol: &str, target: &str) -> ServerRequest {
        ServerRequest {
            host: host.to_owned(),
            port,
            protocol: protocol.to_owned(),
            target: target.to_owned(),
            body: Vec::new(),
        }
    }

    fn allows(servers: &Servers, request: &ServerRequest) -> bool {
        let relay = Relay { servers: servers.clone(), ..Relay::default() };
        relay.url(request).is_some()
    }

    #[test]
    fn only_listed_https_servers_with_a_plain_path_are_posted_to() {
        const TARGET: &str = "/oxen/v4/lsrpc";
        let listed = Servers::Listed(vec!["files.example.org".to_owned()]);
        let good = to("files.example.org", 443, "https", TARGET);
        assert!(allows(&listed, &good) && allows(&Servers::Any, &good) && !allows(&Servers::Nobody, &good));
        assert!(allows(&listed, &to("FILES.example.org", 8443, "https", TARGET)));
        assert!(!allows(&listed, &to("other.example.org", 443, "https", TARGET)));
        for bad in [
            to("files.example.org", 443, "http", TARGET),
            to("files.example.org:22", 443, "https", TARGET),
            to("files.example.org", 443, "https", "/oxen/../secret/lsrpc"),
            to("files.example.org", 443, "https", "/oxen/%2e%2e/lsrpc"),
            to("files.example.org", 443, "https", "/oxen/#/lsrpc"),
            to("files.example.org", 443, "https", "/oxen/\\evil/lsrpc"),
            to("127.0.0.1", 443, "https", TARGET),
            to("0x7f000001", 443, "https", TARGET),
            to("2130706433", 443, "https", TARGET),
            to("127.1", 443, "https", TARGET),
            to("[::1]", 443, "https", TARGET),
            to("[::ffff:10.0.0.1]", 443, "https", TARGET),
            to("169.254.169.254", 443, "https", TARGET),
        ] {
            assert!(!allows(&Servers::Any, &bad), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn names_of_this_machine_resolve_to_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let resolver = PublicOnly { own: Arc::from([]) };
        assert!(resolver.resolve("localhost".parse()?).await.is_err());
        Ok(())
    }

    #[test]
    fn one_host_is_not_flooded_and_does_not_take_from_others() {
        let hosts = Hosts::default();
        let admitted = (0..1_000).filter(|_| hosts.allow("a.example")).count();
        assert!((200..300).contains(&admitted), "{admitted}");
        assert!(hosts.allow("b.example"));
    }
}
