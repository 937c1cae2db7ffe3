//! A person's round sign: colour from the Account ID, initials of the name, or rings where there is no name.

use leptos::prelude::*;

use super::icons;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;

/// The avatar of a conversation, following its name.
#[component]
pub fn Avatar(app: App, id: AccountId, #[prop(optional)] large: bool) -> AnyView {
    let look = text::avatar::of(&id);
    let class = format!("avatar avatar-{}{}", look.colour, if large { " avatar-large" } else { "" });
    let rings = look.rings;
    view! {
        <span class=class aria-hidden="true">
            {move || {
                if app.is_self(&id) && !large {
                    return icons::Note().into_any();
                }
                let name = if app.is_self(&id) {
                    app.account.with(|account| account.as_ref().map(|account| account.display_name.clone())).unwrap_or_default()
                } else {
                    app.conversations.view(&id).map(|view| view.name).unwrap_or_default()
                };
                face(&name, rings)
            }}
        </span>
    }
    .into_any()
}

/// The own avatar: initials, not the note sign.
#[component]
pub fn OwnAvatar(app: App) -> AnyView {
    (move || {
        app.account.with(|account| {
            account.as_ref().map(|account| {
                let look = text::avatar::of(&account.id);
                let class = format!("avatar avatar-{}", look.colour);
                view! { <span class=class aria-hidden="true">{face(&account.display_name, look.rings)}</span> }
            })
        })
    })
    .into_any()
}

fn face(name: &str, rings: [(u8, u8); 3]) -> AnyView {
    let initials = text::avatar::initials(&text::name::clean(name));
    if initials.is_empty() {
        ring_pattern(rings)
    } else {
        view! { <span class="initials">{initials}</span> }.into_any()
    }
}

fn ring_pattern(rings: [(u8, u8); 3]) -> AnyView {
    let arcs = rings
        .into_iter()
        .zip(["4", "9", "14"])
        .map(|((length, begin), radius)| {
            let dash = format!("{length} {}", 100 - length);
            view! {
                <circle cx="20" cy="20" r=radius pathLength="100" stroke-dasharray=dash stroke-dashoffset=begin.to_string()></circle>
            }
        })
        .collect_view();
    view! { <svg class="avatar-rings" viewBox="0 0 40 40" focusable="false">{arcs}</svg> }.into_any()
}
