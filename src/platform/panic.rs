//! A panic ends this half of the app: nothing tries to continue with broken state. The other half, or the page's static
//! overlay, tells the person; what was committed is safe.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlDialogElement;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Calls `tell` when a panic happens. The console gets the place in the source, never the message: it may hold data.
pub fn install(tell: impl Fn() + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        console_error(&format!("zwiebel: panic at {place}"));
        tell();
    }));
}

/// Shows the static "Something broke" dialog of index.html, over whatever is open. Touches nothing but that element: the user
/// interface may be in the middle of anything.
pub fn show_overlay() {
    let element = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("broken"));
    if let Some(dialog) =
        element.and_then(|element| element.dyn_into::<HtmlDialogElement>().ok()).filter(|dialog| !dialog.open())
    {
        let _ = dialog.show_modal();
    }
}
