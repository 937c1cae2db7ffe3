//! Stand-in for the user interface.

use leptos::prelude::*;
use zwiebel_engine::view::ViewEvent;

use crate::boot::Link;
use crate::boot::PageStatus;

/// What the page tells the user interface.
#[derive(Clone)]
pub struct AppHandle {
    status: RwSignal<String>,
}

impl AppHandle {
    /// Shows a change.
    pub fn apply(&self, _event: ViewEvent) {
        self.status.set("Ready".to_owned());
    }

    /// Shows how the app as a whole is doing.
    pub fn status(&self, status: PageStatus) {
        self.status.set(format!("{status:?}"));
    }
}

/// Puts the user interface on the page.
#[must_use]
pub fn mount(_link: Link) -> AppHandle {
    let status = RwSignal::new(String::new());
    mount_to_body(move || view! { <main>"Zwiebel " {move || status.get()}</main> });
    AppHandle { status }
}
