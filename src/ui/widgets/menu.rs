//! A menu at a point of the screen: arrow keys, Home, End, Escape, closes on a press elsewhere, gives the focus back.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::JsValue;
use leptos::web_sys;

use super::super::dom;

/// Where a menu opens, in CSS pixels of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct At {
    pub x: f64,
    pub y: f64,
}

impl At {
    /// Under an element, at its end.
    #[must_use]
    pub fn below(element: &web_sys::Element) -> Self {
        let place = element.get_bounding_client_rect();
        Self { x: place.left(), y: place.bottom() + 4.0 }
    }
}

/// The menu; its children have `role="menuitem"`.
#[component]
pub fn Menu(
    at: At,
    label: &'static str,
    #[prop(into)] on_close: Callback<()>,
    /// Above the items: the emoji row.
    #[prop(optional)]
    head: Option<AnyView>,
    children: Children,
) -> AnyView {
    let node = NodeRef::<html::Div>::new();
    let place = RwSignal::new(at);
    let came_from = StoredValue::new_local(dom::focused());
    node.on_load(move |menu| {
        dom::after_paint(move || {
            let size = menu.get_bounding_client_rect();
            let _ = place.try_set(kept_inside(at, size.width(), size.height()));
            if let Some(first) = items(&menu).first() {
                let _ = first.focus();
            }
        });
    });
    // Wherever the focus is: it comes into the menu only with the next picture.
    let escape = window_event_listener(ev::keydown, move |event| {
        if event.key() == "Escape" {
            event.prevent_default();
            on_close.run(());
        }
    });
    on_cleanup(move || {
        escape.remove();
        if let Some(Some(element)) = came_from.try_get_value()
            && element.is_connected()
            && document().query_selector("dialog[open]").ok().flatten().is_none()
        {
            let _ = element.focus();
        }
    });
    let keys = move |event: ev::KeyboardEvent| {
        let Some(menu) = node.get_untracked() else { return };
        let all = items(&menu);
        let here = dom::focused().and_then(|focused| all.iter().position(|item| *item == focused));
        let last = all.len().saturating_sub(1);
        let target = match event.key().as_str() {
            "ArrowDown" | "ArrowRight" => Some(here.map_or(0, |at| if at >= last { 0 } else { at + 1 })),
            "ArrowUp" | "ArrowLeft" => Some(here.map_or(last, |at| if at == 0 { last } else { at - 1 })),
            "Home" => Some(0),
            "End" => Some(last),
            "Tab" => {
                event.prevent_default();
                on_close.run(());
                return;
            }
            _ => None,
        };
        if let Some(item) = target.and_then(|at| all.get(at)) {
            event.prevent_default();
            let _ = item.focus();
        }
    };
    view! {
        <div class="menu-back" on:click=move |_| on_close.run(()) on:contextmenu=move |event| { event.prevent_default(); on_close.run(()); }></div>
        <div
            node_ref=node
            class="menu"
            role="menu"
            aria-label=label
            style:left=move || format!("{}px", dom::whole(place.get().x))
            style:top=move || format!("{}px", dom::whole(place.get().y))
            on:keydown=keys
        >
            {head}
            {children()}
        </div>
    }
    .into_any()
}

fn items(menu: &web_sys::Element) -> Vec<web_sys::HtmlElement> {
    let Ok(found) = menu.query_selector_all("[role=menuitem], [role=menuitemcheckbox]") else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)).filter_map(|node| node.dyn_into().ok()).collect()
}

fn kept_inside(at: At, width: f64, height: f64) -> At {
    let size = |value: Result<JsValue, _>| value.ok().and_then(|v| v.as_f64()).unwrap_or(0.0);
    let (w, h) = (size(window().inner_width()), size(window().inner_height()));
    At { x: at.x.min(w - width - 8.0).max(8.0), y: at.y.min(h - height - 8.0).max(8.0) }
}
