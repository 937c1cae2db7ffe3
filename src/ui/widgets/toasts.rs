//! Short notes at the bottom; each goes away by itself, slower the longer it is.

use std::time::Duration;

use leptos::prelude::*;

use crate::vm::App;

/// All notes.
#[component]
pub fn Toasts(app: App) -> AnyView {
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || app.toasts.get() key=|toast| toast.id let:toast>
                {
                    let id = toast.id;
                    let length = u64::try_from(toast.text.len()).unwrap_or(u64::MAX).min(200);
                    set_timeout(move || app.drop_toast(id), Duration::from_millis(2_500 + length * 40));
                    view! { <div class="toast">{toast.text}</div> }
                }
            </For>
        </div>
    }
    .into_any()
}
