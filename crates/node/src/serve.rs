//! A listener whose connections end with it, plain or TLS. Bounded in number, in all and per address, and patient only so
//! far with those that read or write slowly.

use std::future::Future;
use std::future::pending;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use self::patience::Patient;
use crate::rate_limit::Places;
use crate::tls::ACME_ALPN;

mod patience;

/// The address a request came from, for rate limits only. Put into every request as an extension.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// What a listener puts up with.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Open connections; whoever comes then waits.
    connections: usize,
    /// How long TLS may take to begin.
    handshake: Duration,
    /// How long a connection may be idle, or take over the head of a request.
    idle: Duration,
}

const BOUNDS: Bounds = Bounds {
    connections: 4096,
    handshake: Duration::from_secs(10),
    // Longer than clients keep idle connections, so that they close first.
    idle: Duration::from_secs(120),
};
/// Open connections from one address (IPv6: from a /64). A gateway needs one for every packet on its way to a guard.
const PER_ADDRESS: usize = 512;
/// Streams of one HTTP/2 connection.
const STREAMS: u32 = 64;
/// How long requests at work may take to end when the listener stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until dropped.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) {
    serve_until(listener, tls, app, pending()).await;
}

/// Serves until told to stop; then takes no more connections and lets requests at work end.
pub async fn serve_until(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router, stop: impl Future<Output = ()>) {
    serve_within(BOUNDS, listener, tls, app, stop).await;
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    stop: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let addresses = Places::new(PER_ADDRESS);
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = addresses.enter(address.ip()) else { continue };
        drop(stream.set_nodelay(true));
        let (app, tls, ip) = (app.clone(), tls.clone(), ClientIp(address.ip()));
        let stopped = stopped.clone();
        connections.spawn(async move {
            let _kept = (slot, place);
            match tls {
                None => connection(stream, http(bounds.idle), app, ip, bounds.idle, stopped).await,
                Some(tls) => {
                    let Ok(Ok(stream)) = timeout(bounds.handshake, tls.accept(stream)).await else { return };
                    // Over TLS only what was agreed on is spoken.
                    let http = match stream.get_ref().1.alpn_protocol() {
                        Some(ACME_ALPN) => return,
                        Some(b"h2") => http(bounds.idle).http2_only(),
                        _ => http(bounds.idle).http1_only(),
                    };
                    connection(stream, http, app, ip, bounds.idle, stopped).await;
                }
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    drop(timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await);
}

/// HTTP of either kind, with its limits.
fn http(idle: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(idle);
    builder
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http: auto::Builder<TokioExecutor>,
    app: Router,
    ip: ClientIp,
    idle: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let begun = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&begun);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        begins.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ip);
        app.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(Patient::new(stream)), service));
    // Until the first request nobody else looks at the time: it is not known yet which HTTP this will be.
    let never_begun = async {
        tokio::time::sleep(idle).await;
        if begun.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    };
    // A broken connection is the client's affair.
    tokio::select! {
        ended = connection.as_mut() => return drop(ended),
        () = never_begun => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    /// A listener that is patient for so many ms and takes so many connections.
    async fn listening(ms: u64, connections: usize, tls: Option<TlsAcceptor>) -> (std::net::SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(ms);
        let bounds = Bounds { connections, handshake: patience, idle: patience };
        let app = Router::new().route("/", get(async || "done"));
        let mut served = JoinSet::new();
        served.spawn(serve_within(bounds, listener, tls, app, pending()));
        (address, served)
    }

    /// Reads until the other end closes.
    async fn rest(mut client: TcpStream) -> String {
        let mut said = Vec::new();
        let read = timeout(Duration::from_secs(20), client.read_to_end(&mut said)).await;
        drop(read.expect("the connection was closed"));
        String::from_utf8_lossy(&said).into_owned()
    }

    #[tokio::test]
    async fn whoever_says_nothing_half_a_head_or_nothing_more_is_hung_up_on() {
        let folder = tempfile::tempdir().unwrap();
        let (silent_tls, _served) = listening(50, 9, Some(crate::tls::acceptor(folder.path()).unwrap())).await;
        assert_eq!(rest(TcpStream::connect(silent_tls).await.unwrap()).await, "");
        let (address, _served) = listening(50, 9, None).await;
        for (sent, answered) in [
            ("", false),
            ("PRI * HT", false),
            ("GET / HTTP/1.1\r\nhos", false),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", true),
        ] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(sent.as_bytes()).await.unwrap();
            assert_eq!(rest(client).await.ends_with("done"), answered, "{sent}");
        }
    }

    #[tokio::test]
    async fn with_all_places_taken_the_next_one_waits() {
        let (address, _served) = listening(60_000, 1, None).await;
        let ask = async |client: &mut TcpStream| {
            client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        };
        let mut byte = [0];
        let (mut first, mut second) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        ask(&mut first).await;
        first.read_exact(&mut byte).await.unwrap();
        ask(&mut second).await;
        assert!(
            timeout(Duration::from_millis(100), second.read_exact(&mut byte)).await.is_err(),
            "there was one place"
        );
        drop(first);
        timeout(Duration::from_secs(20), second.read_exact(&mut byte)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_request_at_work_ends_before_the_listener_does() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
        let (go_on, going_on) = watch::channel(false);
        let app = Router::new().route(
            "/",
            get(move || {
                let (begun, mut going_on) = (begun.clone(), going_on.clone());
                async move {
                    begun.send(()).await.unwrap();
                    going_on.wait_for(|go_on| *go_on).await.unwrap();
                    "done"
                }
            }),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve_until(listener, None, app, async { drop(stopped.await) }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        has_begun.recv().await.unwrap();
        stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go_on.send_replace(true);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        served.await.unwrap();
    }
}
