//! A stream that gives up on a peer which takes too little for too long, so that answers nobody reads do not pile up.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Instant;
use tokio::time::Sleep;

/// How long a peer may keep us waiting until it has taken [`LEAST`].
const WRITE: Duration = Duration::from_secs(30);
/// Bytes.
const LEAST: usize = 128 * 1024;

/// A stream with a limit on waiting to write.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    /// How long may still be waited until so many bytes more are taken.
    left: Duration,
    wanted: usize,
    /// Since when it waits, and up to when.
    waits: Option<(Instant, Pin<Box<Sleep>>)>,
    bounds: (Duration, usize),
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::within(stream, (WRITE, LEAST))
    }

    fn within(stream: S, bounds: (Duration, usize)) -> Self {
        Self { stream, left: bounds.0, wanted: bounds.1, waits: None, bounds }
    }

    /// Passes progress on, so many bytes of it; turns waiting for too long into an error.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = &polled {
            if let Some((since, _)) = self.waits.take() {
                self.left = self.left.saturating_sub(since.elapsed());
            }
            self.wanted = self.wanted.saturating_sub(done.as_ref().map_or(0, taken));
            if self.wanted == 0 {
                (self.left, self.wanted) = self.bounds;
            }
            return polled;
        }
        let left = self.left;
        let (_, until) = self.waits.get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
        match until.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, polled, |taken| *taken)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, polled, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, polled, |()| 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn whoever_takes_enough_is_not_given_up_though_it_takes_long() {
        let (near, mut far) = tokio::io::duplex(4);
        let limit = Duration::from_secs(2);
        let mut patient = Patient::within(near, (limit, 4));
        let reader = tokio::spawn(async move {
            let mut some = [0; 4];
            for _ in 0..4 {
                tokio::time::sleep(limit * 3 / 10).await;
                far.read_exact(&mut some).await.unwrap();
            }
            far
        });
        patient.write_all(b"sixteen bytes !!").await.unwrap();
        drop(reader.await.unwrap());
    }

    #[tokio::test]
    async fn whoever_takes_nothing_or_a_byte_now_and_then_is_given_up() {
        let limit = Duration::from_millis(100);
        for dribbles in [false, true] {
            let (near, mut far) = tokio::io::duplex(4);
            let mut patient = Patient::within(near, (limit, 1_000));
            let reader = tokio::spawn(async move {
                while dribbles && far.read_u8().await.is_ok() {
                    tokio::time::sleep(limit / 5).await;
                }
                far
            });
            let error = patient.write_all(&[0; 1_000]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            reader.abort();
        }
    }
}
