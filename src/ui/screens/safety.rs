//! The safety number of a contact: both sides see the same sixty digits, or somebody stands between them.

use leptos::prelude::*;

use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::qr::Qr;
use super::protection;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Protection;

/// The dialog.
#[component]
pub fn SafetyDialog(app: App, with: AccountId, #[prop(into)] on_close: Callback<()>) -> AnyView {
    app.send(Command::ShowSafetyNumber { with });
    let number = Memo::new(move |_| {
        app.safety.with(|safety| safety.clone().filter(|(of, _)| *of == with).map(|(_, number)| number))
    });
    let protection = protection::followed(app, with);
    let verified = move || protection.get() == Protection::ForwardSecret { verified: true };
    let set = move |verified| {
        app.send(Command::SetVerified { who: with, verified });
        if verified {
            on_close.run(());
        }
    };
    view! {
        <Dialog title=Signal::stored(t(K::SafetyTitle).to_owned()) on_close=on_close class="ask">
            <p class="ask-lead"><bdi>{move || tf(K::SafetyLead, &[("name", &app.title(&with))])}</bdi></p>
            {move || match number.get() {
                None => view! { <div role="status" class="starting">{icons::Spinner()}</div> }.into_any(),
                Some(None) => view! { <p role="status">{t(K::SafetyUnknown)}</p> }.into_any(),
                Some(Some(number)) => digits(&number),
            }}
            <div class="ask-actions">
                {move || number.get().flatten().map(|_| if verified() {
                    view! { <button type="button" class="button" on:click=move |_| set(false)>{t(K::SafetyTakeBack)}</button> }.into_any()
                } else {
                    view! { <button type="button" class="button button-primary" on:click=move |_| set(true)>{t(K::SafetySame)}</button> }.into_any()
                })}
                <button type="button" class="button" autofocus=true on:click=move |_| on_close.run(())>{t(K::Close)}</button>
            </div>
        </Dialog>
    }
    .into_any()
}

fn digits(number: &str) -> AnyView {
    let groups = number.split_whitespace().map(|group| view! { <span>{group.to_owned()}" "</span> }).collect_view();
    view! {
        <code class="safety" dir="ltr" translate="no" data-testid="safety-number">{groups}</code>
        <Qr text=number.to_owned() label=t(K::SafetyQr).to_owned()/>
    }
    .into_any()
}
