//! The safety number of a contact: both sides see the same sixty digits, or somebody stands between them.

use leptos::prelude::*;

use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::qr::Qr;
use super::protection;
use super::scanner::Scanner;
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
    let scanning = RwSignal::new(false);
    let differs = RwSignal::new(false);
    let verified = move || protection.get() == Protection::ForwardSecret { verified: true };
    let set = move |verified| {
        app.send(Command::SetVerified { who: with, verified });
        if verified {
            on_close.run(());
        }
    };
    // Their screen shows the same code as ours, or the conversation is not theirs.
    let scanned = move |text: String| {
        let ours = number.get_untracked().flatten().as_deref().and_then(sixty_digits);
        match (sixty_digits(&text), ours) {
            (Some(theirs), Some(ours)) => {
                scanning.set(false);
                differs.set(theirs != ours);
                if theirs == ours {
                    app.toast(t(K::SafetyMatches));
                    set(true);
                }
                true
            }
            _ => false,
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
            {move || differs.get().then(|| view! { <p class="sync-problem" role="alert">{icons::Warn()}<span>{tf(K::SafetyDiffers, &[("name", &app.title(&with))])}</span></p> })}
            <Show when=move || scanning.get()><Scanner on_text=scanned/></Show>
            <div class="ask-actions">
                {move || number.get().flatten().map(|_| view! {
                    <button type="button" class="button" aria-pressed=move || scanning.get().to_string() on:click=move |_| scanning.update(|scanning| *scanning = !*scanning)>{icons::Camera()}{t(K::SafetyScan)}</button>
                })}
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

/// The digits of a safety number, without what stands between them.
fn sixty_digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (digits.len() == 60 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn digits(number: &str) -> AnyView {
    let groups = number.split_whitespace().map(|group| view! { <span>{group.to_owned()}" "</span> }).collect_view();
    view! {
        <code class="safety" dir="ltr" translate="no" data-testid="safety-number">{groups}</code>
        <Qr text=number.to_owned() label=t(K::SafetyQr).to_owned()/>
    }
    .into_any()
}
