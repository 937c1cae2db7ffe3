//! The address bar: the fragment is the screen.

use leptos::ev;
use leptos::prelude::*;

use crate::vm::App;
use crate::vm::route::Route;

/// Follows the address from now on.
pub fn follow(app: App) {
    app.set_route(current());
    let handle = window_event_listener(ev::hashchange, move |_| app.set_route(current()));
    std::mem::forget(handle);
}

fn current() -> Route {
    Route::parse(&window().location().hash().unwrap_or_default())
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
