//! Where this page was opened from.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// True if the app was opened from this machine or a private network: only then may the engine's rules for local
/// networks hold. No gateway can switch that.
#[must_use]
pub fn is_local() -> bool {
    Reflect::get(&js_sys::global(), &JsValue::from_str("location"))
        .and_then(|location| Reflect::get(&location, &JsValue::from_str("hostname")))
        .ok()
        .and_then(|name| name.as_string())
        .is_some_and(|name| is_local_name(&name))
}

/// Loopback, private and link-local addresses, and the names that always mean this machine.
fn is_local_name(name: &str) -> bool {
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    if let Ok(v4) = name.parse::<std::net::Ipv4Addr>() {
        return v4.is_loopback() || v4.is_private() || v4.is_link_local();
    }
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    v6.and_then(|name| name.parse::<std::net::Ipv6Addr>().ok())
        .is_some_and(|v6| v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::is_local_name;

    #[wasm_bindgen_test]
    fn only_loopback_and_private_names_are_local() {
        for name in [
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "127.3.2.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "[::1]",
            "[fd00::1]",
        ] {
            assert!(is_local_name(name), "{name}");
        }
        for name in [
            "example.org",
            "localhost.example.org",
            "8.8.8.8",
            "172.32.0.1",
            "[2001:db8::1]",
            "127.0.0.1.example.org",
            "",
        ] {
            assert!(!is_local_name(name), "{name}");
        }
    }
}
