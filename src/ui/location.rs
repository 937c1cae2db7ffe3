//! The address bar: the fragment is the screen.

use leptos::ev;
use leptos::prelude::*;

use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::route::Route;

/// Follows the address from now on.
pub fn follow(app: App) {
    let go = move || {
        let fragment = window().location().hash().unwrap_or_default();
        app.follow(&fragment);
    };
    go();
    let handle = window_event_listener(ev::hashchange, move |_| go());
    std::mem::forget(handle);
}

/// Goes to the conversation that a typed, pasted or scanned text names, in place of the screen shown, as if it were a link.
pub fn open_named(id: &AccountId, text: &str) {
    let named = text::id::with_hint(id, text::id::link_hint(text).unwrap_or_default());
    let _ = window().location().replace(&format!("#/c/{named}"));
}

/// Goes to a screen; the back button comes back.
pub fn go(route: &Route) {
    let _ = window().location().set_hash(&route.to_string());
}

/// Goes to a screen in place of the one shown.
pub fn replace(route: &Route) {
    let _ = window().location().replace(&route.to_string());
}

/// Leaves a dialog for the screen under it.
pub fn close_dialog(app: App) {
    replace(&app.base.get_untracked());
}
