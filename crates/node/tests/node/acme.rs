//! Certificates from an authority: ordered, shown, kept, renewed; and what is said when there is none.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use zwiebel_node::acme::Acme;
use zwiebel_node::acme::AcmeError;
use zwiebel_node::config::AcmeConfig;
use zwiebel_node::config::GatewayConfig;
use zwiebel_node::config::SessionNetwork;
use zwiebel_node::gateway::program;
use zwiebel_node::serve;
use zwiebel_node::tls::Protocols;

use crate::authority::Authority;
use crate::authority::Targets;
use crate::trusting;

const NAMES: [&str; 2] = ["gateway.example.org", "www.example.org"];

fn config(authority: &Authority) -> AcmeConfig {
    AcmeConfig {
        names: NAMES.map(str::to_owned).to_vec(),
        agree: true,
        contact: Some("mailto:operator@example.org".to_owned()),
        directory: Some(authority.url.clone()),
        http: None,
    }
}

/// Serves over TLS with what this certificate is at the moment.
async fn served(acme: &Acme, servers: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = acme.certificate().acceptor(Protocols::Http2AndHttp1).unwrap();
    servers.spawn(serve::serve(listener, Some(tls), Router::new()));
    address
}

/// Whether a browser that trusts this authority would be content with the certificate.
async fn is_trusted(authority: &Authority, address: SocketAddr, name: &str) -> bool {
    let Ok(tcp) = TcpStream::connect(address).await else { return false };
    let config = Arc::new(trusting::one(authority.root()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.is_ok()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_ordered_over_tls_kept_and_renewed_when_it_is_old() {
    let (authority, folder, mut servers) = (Authority::start().await, TempDir::new().unwrap(), JoinSet::new());
    let acme = Acme::open(&config(&authority), folder.path()).unwrap();
    let address = served(&acme, &mut servers).await;
    authority.look_at(Targets { tls: Some(address), http: None });
    assert!(!is_trusted(&authority, address, NAMES[0]).await, "self-signed at first");
    authority.issue_of_age(80); // of 90 days
    assert!(acme.round().await.unwrap());
    for name in NAMES {
        assert!(is_trusted(&authority, address, name).await, "{name}");
    }
    assert!(!is_trusted(&authority, address, "other.example.org").await);

    let files: Vec<_> = folder.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    let private = files.iter().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("acme-account-") || name == "acme-key.pem"
    });
    assert_eq!(private.map(|path| mode(path)).collect::<Vec<_>>(), [0o600, 0o600]);

    // Old already: the next look orders another one, with the same account.
    authority.issue_of_age(0);
    let old = std::fs::read_to_string(folder.path().join("acme-cert.pem")).unwrap();
    assert!(acme.round().await.unwrap());
    assert_ne!(std::fs::read_to_string(folder.path().join("acme-cert.pem")).unwrap(), old);
    assert!(is_trusted(&authority, address, NAMES[0]).await);
    assert!(!acme.round().await.unwrap(), "fresh now");
    assert_eq!(authority.accounts(), 1);

    // After a restart it is there at once.
    drop((acme, servers));
    let mut servers = JoinSet::new();
    let again = Acme::open(&config(&authority), folder.path()).unwrap();
    let address = served(&again, &mut servers).await;
    assert!(is_trusted(&authority, address, NAMES[0]).await);
    assert!(!again.round().await.unwrap());
    // Other names call for another certificate.
    let more = AcmeConfig { names: vec!["new.example.org".to_owned()], ..config(&authority) };
    let more = Acme::open(&more, folder.path()).unwrap();
    let address = served(&more, &mut servers).await;
    authority.look_at(Targets { tls: Some(address), http: None });
    assert!(more.round().await.unwrap());
    assert!(is_trusted(&authority, address, "new.example.org").await);
}

#[tokio::test]
async fn a_certificate_is_ordered_over_plain_http_where_that_is_wanted() {
    let (authority, folder, mut servers) = (Authority::start().await, TempDir::new().unwrap(), JoinSet::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = listener.local_addr().unwrap();
    let acme = Acme::open(&AcmeConfig { http: Some(http), ..config(&authority) }, folder.path()).unwrap();
    servers.spawn(serve::serve(listener, None, acme.http_router()));
    let address = served(&acme, &mut servers).await;
    authority.look_at(Targets { tls: None, http: Some(http) });
    assert!(acme.round().await.unwrap());
    assert!(is_trusted(&authority, address, NAMES[1]).await);
    // Nothing is answered when nobody is to ask.
    let url = format!("http://{http}/.well-known/acme-challenge/token-0-0");
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_the_old_certificate_stays() {
    let (authority, folder, mut servers) = (Authority::start().await, TempDir::new().unwrap(), JoinSet::new());
    let acme = Acme::open(&config(&authority), folder.path()).unwrap();
    let address = served(&acme, &mut servers).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    authority.look_at(Targets { tls: Some(nobody), http: None });
    let error = acme.round().await.unwrap_err();
    assert!(matches!(error, AcmeError::NotSeen { .. }));
    assert_eq!(error.to_string(), "the authority did not see us under gateway.example.org: connection refused");
    authority.look_at(Targets { tls: None, http: Some(nobody) });
    let error = acme.round().await.unwrap_err();
    assert_eq!(error.to_string(), "the authority offers no TLS-ALPN-01 for gateway.example.org");
    let away = AcmeConfig { directory: Some(format!("http://{nobody}/directory")), ..config(&authority) };
    let error = Acme::open(&away, folder.path()).unwrap().round().await.unwrap_err();
    assert!(error.to_string().starts_with("making an account at the authority failed: "), "{error}");
    assert!(TcpStream::connect(address).await.is_ok(), "it goes on serving");
    assert!(!folder.path().join("acme-cert.pem").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_gets_its_certificate_by_itself() {
    let (authority, folder) = (Authority::start().await, TempDir::new().unwrap());
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    authority.look_at(Targets { tls: Some(free), http: None });
    let config = GatewayConfig {
        listen: Some(free),
        data: Some(folder.path().join("data")),
        app: Some(folder.path().to_owned()),
        acme: Some(config(&authority)),
        session: Some(SessionNetwork { network: "test".to_owned(), seeds: vec![unreachable_seed()], fallback: None }),
        ..GatewayConfig::default()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(program::run(config, |_| {}, async { drop(stopped.await) }));
    let trusted = async {
        while !is_trusted(&authority, free, NAMES[0]).await {
            assert!(!running.is_finished());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), trusted).await.expect("a certificate");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// Port 9 of this machine answers nobody.
fn unreachable_seed() -> zwiebel_node::config::PinnedSeed {
    zwiebel_node::config::PinnedSeed { url: "http://127.0.0.1:9".to_owned(), pin: None }
}
