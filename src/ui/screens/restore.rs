//! The thirteen words, and the progress of bringing an account back.

use std::time::Duration;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use super::super::dom;
use super::super::widgets::back::Back;
use super::super::widgets::icons;
use super::link::LinkCode;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::i18n::tn;
use crate::vm::App;
use crate::vm::Connection;
use crate::vm::Onboarding;
use crate::vm::RestoreStage;
use crate::vm::restore;
use crate::vm::restore::PhraseError;

/// The form with the words.
#[component]
pub fn Restore(app: App) -> AnyView {
    let form = restore::Restore::default();
    let linking = RwSignal::new(false);
    let submit = move || {
        if app.creating.get_untracked() {
            return;
        }
        app.restore_refused.set(false);
        match form.phrase() {
            Some(phrase) => app.restore_account(phrase),
            None => dom::after_paint(move || focus_wrong(form)),
        }
    };
    let fields = (0..restore::WORDS).map(|at| view! { <WordField form=form at=at/> }).collect_view();
    let message = move || {
        if app.restore_refused.get() {
            return Some(t(K::RestoreRefused).to_owned());
        }
        form.error.with(|error| error.as_ref().map(explain))
    };
    view! {
        <main class="front">
            <form
                class="front-card restore"
                autocomplete="off"
                on:submit=move |event| {
                    event.prevent_default();
                    submit();
                }
            >
                <Back on=move |()| app.onboarding.set(Onboarding::Start) class="front-back"/>
                <h1>{t(K::RestoreTitle)}</h1>
                <p class="lead">{t(K::RestoreLead)}</p>
                {crate::FORWARD_SECRECY.then(|| view! {
                    <button type="button" class="button button-small" aria-expanded=move || linking.get().to_string() on:click=move |_| linking.update(|open| *open = !*open)>
                        {icons::Qr()}{move || t(if linking.get() { K::LinkHide } else { K::LinkShow })}
                    </button>
                })}
                <Show when=move || linking.get()><LinkCode app=app/></Show>
                <ol class="words">{fields}</ol>
                <p class="form-error" role="alert">{message}</p>
                <div class="front-actions">
                    <button type="submit" class="button button-primary button-wide" aria-disabled=move || app.creating.get().to_string()>
                        {move || if app.creating.get() { icons::Spinner().into_any() } else { t(K::RestoreGo).into_any() }}
                    </button>
                    <button type="button" class="button button-plain" disabled=move || form.filled.get() == 0 on:click=move |_| {
                        form.clear();
                        dom::focus_id("word-0");
                    }>{t(K::RestoreClear)}</button>
                </div>
            </form>
        </main>
    }
    .into_any()
}

/// One word's field and the completions it offers.
#[derive(Clone, Copy)]
struct Field {
    form: restore::Restore,
    at: usize,
    node: NodeRef<html::Input>,
    /// Somebody is in it.
    open: RwSignal<bool>,
    /// The completion that Enter takes.
    chosen: RwSignal<usize>,
    offers: Memo<Vec<&'static str>>,
}

impl Field {
    fn new(form: restore::Restore, at: usize) -> Self {
        let open = RwSignal::new(false);
        let offers = Memo::new(move |_| {
            let word = form.words.with(|words| words.get(at).cloned().unwrap_or_default());
            let offers = restore::completions(&word);
            if open.get() && offers.first().copied() != Some(word.as_str()) { offers } else { Vec::new() }
        });
        Self { form, at, node: NodeRef::new(), open, chosen: RwSignal::new(0), offers }
    }

    fn word(self) -> String {
        self.form.words.with(|words| words.get(self.at).cloned().unwrap_or_default())
    }

    fn is_wrong(self) -> bool {
        let word = self.word();
        let named = self.form.error.with(|error| is_named(error.as_ref(), self.at));
        named || (!self.open.get() && !word.is_empty() && !restore::is_word(&word))
    }

    fn take(self, word: &str) {
        if let Some(next) = self.form.input(self.at, &format!("{word} ")) {
            go_to(next);
        }
    }

    fn typed(self, typed: &str) {
        self.chosen.set(0);
        let next = self.form.input(self.at, typed);
        if let Some(input) = self.node.get_untracked() {
            // The field may hold what the model did not take (spaces, a second word).
            input.set_value(&untrack(|| self.word()));
        }
        if let Some(next) = next {
            go_to(next);
        }
    }

    fn pasted(self, event: &ev::ClipboardEvent) {
        if let Some(text) = dom::pasted(event) {
            event.prevent_default();
            go_to(self.form.input(self.at, &text).unwrap_or(self.at));
        }
    }

    fn pressed(self, event: &ev::KeyboardEvent) {
        let Self { form, at, chosen, .. } = self;
        let offered = self.offers.get_untracked();
        match event.key().as_str() {
            "ArrowDown" if !offered.is_empty() => chosen.update(|chosen| *chosen = (*chosen + 1) % offered.len()),
            "ArrowUp" if !offered.is_empty() => {
                chosen.update(|chosen| *chosen = (*chosen + offered.len() - 1) % offered.len());
            }
            "Enter" => match offered.get(chosen.get_untracked()) {
                Some(word) => self.take(word),
                None if at + 1 < restore::WORDS && form.filled.get_untracked() < restore::WORDS => go_to(at + 1),
                None => return,
            },
            "Escape" => return self.open.set(false),
            "Backspace" if at > 0 && event_target_value(event).is_empty() => go_to(at - 1),
            _ => return,
        }
        event.prevent_default();
    }

    fn options(self) -> AnyView {
        let Self { at, chosen, .. } = self;
        let options = self.offers.get().into_iter().enumerate().map(|(number, word)| {
            view! {
                <li
                    id=format!("words-{at}-{number}")
                    role="option"
                    class="word-option"
                    aria-selected=move || (chosen.get() == number).to_string()
                    on:mousedown=move |event| {
                        event.prevent_default();
                        self.take(word);
                    }
                >{word}</li>
            }
        });
        options.collect_view().into_any()
    }
}

fn go_to(at: usize) {
    dom::focus_id(&format!("word-{at}"));
}

/// One word with its completions.
#[component]
fn WordField(form: restore::Restore, at: usize) -> AnyView {
    let field = Field::new(form, at);
    let Field { node, open, chosen, offers, .. } = field;
    if at == 0 {
        node.on_load(|input| dom::after_paint(move || drop(input.focus())));
    }
    let list = format!("words-{at}");
    view! {
        <li class="word" class:word-wrong=move || field.is_wrong()>
            <span class="word-number" aria-hidden="true">{at + 1}</span>
            <input
                node_ref=node
                id=format!("word-{at}")
                class="word-field"
                type="text"
                role="combobox"
                aria-label=tf(K::Word, &[("n", &(at + 1).to_string())])
                aria-autocomplete="list"
                aria-expanded=move || (!offers.with(Vec::is_empty)).to_string()
                aria-controls=list.clone()
                aria-activedescendant=move || (!offers.with(Vec::is_empty)).then(|| format!("words-{at}-{}", chosen.get()))
                aria-invalid=move || field.is_wrong().to_string()
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                enterkeyhint=if at + 1 == restore::WORDS { "done" } else { "next" }
                prop:value=move || field.word()
                on:focus=move |_| open.set(true)
                on:blur=move |_| open.set(false)
                on:paste=move |event| field.pasted(&event)
                on:input=move |event| field.typed(&event_target_value(&event))
                on:keydown=move |event| field.pressed(&event)
            />
            <ul id=list class="word-options" role="listbox" hidden=move || offers.with(Vec::is_empty)>{move || field.options()}</ul>
        </li>
    }
    .into_any()
}

fn is_named(error: Option<&PhraseError>, at: usize) -> bool {
    match error {
        Some(PhraseError::UnknownWord { index, .. }) => *index == at,
        Some(PhraseError::ImpossibleTriple { first_word_index }) => {
            (*first_word_index..first_word_index + 3).contains(&at)
        }
        _ => false,
    }
}

/// Puts the cursor where there is something to do.
fn focus_wrong(form: restore::Restore) {
    let named = (0..restore::WORDS).find(|at| form.error.with_untracked(|error| is_named(error.as_ref(), *at)));
    let empty = form.words.with_untracked(|words| words.iter().position(String::is_empty));
    if let Some(at) = named.or(empty) {
        dom::focus_id(&format!("word-{at}"));
    }
}

/// What is wrong with a phrase, in plain words.
#[must_use]
pub fn explain(error: &PhraseError) -> String {
    let number = |n: usize| n.to_string();
    match error {
        PhraseError::TooFewWords(n) if restore::WORDS - n == 1 => t(K::WordMissing).to_owned(),
        PhraseError::TooFewWords(n) => tf(K::WordsMissing, &[("n", &number(restore::WORDS.saturating_sub(*n)))]),
        PhraseError::TooManyWords(n) => tf(K::WordsTooMany, &[("n", &number(*n))]),
        PhraseError::UnknownWord { index, word } => {
            let (word, _) = crate::text::count::cut(word, 24);
            tf(K::WordUnknown, &[("n", &number(index + 1)), ("word", word)])
        }
        PhraseError::ImpossibleTriple { first_word_index } => {
            tf(K::WordsImpossible, &[("a", &number(first_word_index + 1)), ("b", &number(first_word_index + 3))])
        }
        PhraseError::Checksum => t(K::WordsChecksum).to_owned(),
    }
}

/// How long finding the swarm may take before a word about it, ms.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the restore is doing, full screen.
#[component]
pub fn Restoring(app: App) -> AnyView {
    let view = move || app.restore.get();
    let stage = Memo::new(move |_| view().map_or(RestoreStage::Connecting, |view| view.stage));
    let late = RwSignal::new(false);
    set_timeout(
        move || {
            let _ = late.try_set(true);
        },
        PATIENCE,
    );
    let trouble = move || {
        if app.network.with(|network| network.state == Connection::Offline) {
            return Some(K::RestoringOffline);
        }
        (late.get() && stage.get() == RestoreStage::Connecting).then_some(K::RestoringSlow)
    };
    view! {
        <main class="front">
            <div class="front-card restoring">
                {icons::Spinner()}
                <h1>{t(K::RestoringTitle)}</h1>
                <progress max="100" prop:value=move || f64::from(view().map_or(0, |view| view.percent)) aria-label=t(K::RestoringTitle)></progress>
                <ol class="steps">
                    {step(stage, RestoreStage::Connecting, K::RestoringConnecting)}
                    {step(stage, RestoreStage::AccountData, K::RestoringAccount)}
                    {step(stage, RestoreStage::Fetching, K::RestoringFetching)}
                </ol>
                <p class="count" role="status">{move || match view().map_or(0, |view| view.messages) {
                    0 => String::new(),
                    n => tn(K::RestoringCountOne, K::RestoringCount, n),
                }}</p>
                <p class="form-error" role="alert">{move || trouble().map(t)}</p>
                <p class="hint">{t(K::RestoringLead)}</p>
                <div class="front-actions">
                    <button type="button" class="button button-wide" on:click=move |_| app.restore_aside.set(true)>{t(K::RestoringGoOn)}</button>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// One step: done, running or to come.
fn step(stage: Memo<RestoreStage>, own: RestoreStage, word: K) -> AnyView {
    let at = |stage: RestoreStage| match stage {
        RestoreStage::Connecting => 0,
        RestoreStage::AccountData => 1,
        RestoreStage::Fetching => 2,
        RestoreStage::Done => 3,
    };
    let order = Memo::new(move |_| at(stage.get()).cmp(&at(own)));
    view! {
        <li class="step" class:step-done=move || order.get().is_gt() class:step-now=move || order.get().is_eq() aria-current=move || order.get().is_eq().then_some("step")>
            <span class="step-sign" aria-hidden="true">{move || order.get().is_gt().then(icons::Check)}</span>
            <span>{t(word)}{move || order.get().is_gt().then(|| view! { <span class="unseen">", "{t(K::StepDone)}</span> })}</span>
        </li>
    }
    .into_any()
}
