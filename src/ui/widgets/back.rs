//! The way back, the same on every screen.

use leptos::prelude::*;

use super::icons;
use crate::i18n::K;
use crate::i18n::t;

/// An arrow; `class` says what is particular about its place.
#[component]
pub fn Back(#[prop(into)] on: Callback<()>, #[prop(optional)] class: &'static str) -> AnyView {
    view! {
        <button type="button" class=format!("icon-button {class}") aria-label=t(K::Back) on:click=move |_| on.run(())>{icons::Back()}</button>
    }
    .into_any()
}
