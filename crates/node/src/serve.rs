//! A listener whose connections end with it, plain or TLS. Bounded in number, in all and per address, and patient only so
//! far with those that read or write slowly.

use std::collections::HashMap;
use std::future::Future;
use std::future::pending;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
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

mod patience;

/// The address a request came from, for rate limits only. Put into every request as an extension.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// Open connections at one listener.
const CONNECTIONS: usize = 4096;
/// Of these, from one address. A gateway needs one for every packet on its way to a guard.
const PER_ADDRESS: usize = 512;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longer than clients keep idle connections, so that they close first.
const IDLE: Duration = Duration::from_secs(120);
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
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let addresses = Arc::new(Addresses::default());
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
            match tls {
                None => connection(stream, app, ip, stopped).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                        connection(stream, app, ip, stopped).await;
                    }
                }
            }
            drop((slot, place));
        });
    }
    drop(listener);
    stopping.send_replace(true);
    drop(timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await);
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
    ip: ClientIp,
    mut stopped: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ip);
        app.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(IDLE);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream)), service));
    // A broken connection is the client's affair.
    tokio::select! {
        ended = connection.as_mut() => return drop(ended),
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// How many connections each address has. The machine itself is not counted.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place; leaving gives it back.
#[derive(Debug)]
struct Place {
    addresses: Arc<Addresses>,
    address: Option<IpAddr>,
}

impl Addresses {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        if address.is_loopback() {
            return Some(Place { addresses: Arc::clone(self), address: None });
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Place { addresses: Arc::clone(self), address: Some(address) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let addresses = Arc::new(Addresses::default());
        let one = IpAddr::from([192, 0, 2, 1]);
        let places: Vec<Place> = (0..PER_ADDRESS).map(|_| addresses.enter(one).unwrap()).collect();
        assert!(addresses.enter(one).is_none());
        assert!(addresses.enter(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(places);
        assert!(addresses.enter(one).is_some());
        assert!(addresses.0.lock().unwrap().is_empty(), "nothing is remembered of those that left");
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
