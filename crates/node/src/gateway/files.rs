//! The app's files: plain names revalidate, hashed names are for ever, `.br` and `.gz` siblings where the browser takes them.
//!
//! Read from the disk for every request, so that a rebuilt app shows at once.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use super::Gateway;
use super::entity_tag;
use super::forward::Refusal;
use super::with_tag;
use crate::serve::ClientIp;

const REVALIDATE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Serves one file.
pub(super) async fn serve(
    State(gateway): State<Arc<Gateway>>,
    ip: Option<Extension<ClientIp>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if ip.is_some_and(|Extension(ClientIp(ip))| !gateway.readers.allows(ip)) {
        return Refusal::RateLimit.into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return not_found();
    }
    let Some(name) = file_name(uri.path()) else { return not_found() };
    let path = gateway.app.join(name);
    let (body, encoding) = match read(&path, &headers).await {
        Ok(read) => read,
        Err(_) if name == "index.html" => return hint(),
        Err(_) => return not_found(),
    };
    let cache = if is_hashed(name) { FOR_EVER } else { REVALIDATE };
    let mut response = with_tag(&headers, &entity_tag(&body), cache, content_type(name), body);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache")], "not found\n").into_response()
}

fn hint() -> Response {
    let text =
        "The network runs, but the app is not built: start with `cargo xtask run`, or point --app at the built app.\n";
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// The file that a path means, if it is one of the few shapes our files have.
fn file_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    if name.is_empty() {
        return Some("index.html");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain));
    good.then_some(name)
}

/// The file or its best precompressed sibling.
async fn read(path: &Path, headers: &HeaderMap) -> io::Result<(Vec<u8>, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(accepted, encoding)
            && let Ok(body) = tokio::fs::read(sibling(path, suffix)).await
        {
            return Ok((body, Some(encoding)));
        }
    }
    Ok((tokio::fs::read(path).await?, None))
}

fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|quality| matches!(quality, "q=0" | "q=0.0" | "q=0.00"))
    })
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// `name-<16 hex>.ext`, or with more after it (`name-<16 hex>_bg.wasm`).
fn is_hashed(name: &str) -> bool {
    name.split('-').skip(1).any(|part| {
        let (digits, rest) = part.split_at_checked(16).unwrap_or(("", part));
        digits.len() == 16 && digits.bytes().all(|c| c.is_ascii_hexdigit()) && rest.starts_with(['.', '_'])
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_files() {
        assert_eq!(file_name("/"), Some("index.html"));
        assert_eq!(file_name("/locales/de.json"), Some("locales/de.json"));
        for bad in ["/../secret", "/a/../b", "/.env", "/a//b", "/a%2fb", "/a\\b", "", "/a/"] {
            assert_eq!(file_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn hashed_names_are_recognised() {
        assert!(is_hashed("zwiebel-app-0123456789abcdef.js"));
        assert!(is_hashed("zwiebel-app-0123456789abcdef_bg.wasm"));
        assert!(is_hashed("app-fedcba9876543210.css"));
        for plain in ["index.html", "boot.js", "zwiebel-app.js", "a-0123456789abcde.js", "icon-192.png"] {
            assert!(!is_hashed(plain), "{plain}");
        }
    }

    #[test]
    fn encodings_are_taken_as_the_browser_says() {
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "gzip"));
    }
}
