//! What is said to the person: short notes at the bottom, each of which goes away by itself, slower the longer it is, and what
//! only screen readers speak. A modal dialog silences the page around it, so each has a place of its own for both; only the
//! place on top says anything.

use std::time::Duration;

use leptos::prelude::*;

use crate::vm::App;

/// The place of the page (`None`) or of a dialog.
#[component]
pub fn Heard(app: App, dialog: Option<u32>) -> AnyView {
    let on_top = Memo::new(move |_| app.dialogs.with(|open| open.last().copied()) == dialog);
    let notes = move || if on_top.get() { app.toasts.get() } else { Vec::new() };
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=notes key=|toast| toast.id let:toast>
                {
                    let id = toast.id;
                    let length = u64::try_from(toast.text.len()).unwrap_or(u64::MAX).min(200);
                    set_timeout(move || app.drop_toast(id), Duration::from_millis(2_500 + length * 40));
                    view! { <div class="toast">{toast.text}</div> }
                }
            </For>
        </div>
        <div class="unseen" role="log" aria-live="polite" aria-relevant="additions text">{move || on_top.get().then(|| app.announce.get())}</div>
    }
    .into_any()
}
