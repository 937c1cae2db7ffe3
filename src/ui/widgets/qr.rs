//! A QR code as one SVG path, built with elements (no HTML text is ever made).

use fast_qr::ECL;
use fast_qr::QRBuilder;
use leptos::prelude::*;

/// The code of a text; nothing if it is too long for one.
#[component]
pub fn Qr(text: String, label: String) -> AnyView {
    let Ok(code) = QRBuilder::new(text).ecl(ECL::M).build() else { return ().into_any() };
    let size = code.size;
    let mut path = String::new();
    for y in 0..size {
        // Runs of dark modules become one rectangle each.
        let mut x = 0;
        while x < size {
            let dark = |x: usize| code.data.get(y * size + x).is_some_and(|module| module.value());
            if !dark(x) {
                x += 1;
                continue;
            }
            let begin = x;
            while x < size && dark(x) {
                x += 1;
            }
            path.push_str(&format!("M{} {}h{}v1h-{}z", begin + 4, y + 4, x - begin, x - begin));
        }
    }
    let frame = format!("0 0 {0} {0}", size + 8);
    view! {
        <svg class="qr" viewBox=frame role="img" aria-label=label shape-rendering="crispEdges">
            <rect class="qr-paper" width="100%" height="100%"></rect>
            <path class="qr-ink" d=path></path>
        </svg>
    }
    .into_any()
}
