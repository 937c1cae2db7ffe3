//! An Account ID in full: groups of four for the eye, one unbroken text for the clipboard and for screen readers.

use leptos::prelude::*;

use crate::text;
use crate::vm::AccountId;

/// The id as text.
#[component]
pub fn FullId(id: AccountId, #[prop(optional)] testid: Option<&'static str>) -> AnyView {
    // The gaps are made by the style sheet, so that what is selected and copied is the id and nothing else.
    let groups = text::id::groups(&id.to_string())
        .into_iter()
        .map(|group| view! { <span class="id-group">{group}</span> })
        .collect_view();
    view! { <code class="full-id" data-testid=testid dir="ltr" translate="no">{groups}</code> }.into_any()
}
