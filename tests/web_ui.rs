//! The parts of the user interface that decide something, in a real browser: addresses, the timeline's rows, counters,
//! the recovery words, names, words of both languages, and whole screens in the document.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use wasm_bindgen_test::wasm_bindgen_test_configure;
use zwiebel::boot::Link;
use zwiebel::i18n;
use zwiebel::text;
use zwiebel::text::links::Piece;
use zwiebel::ui::screens::restore::explain;
use zwiebel::ui::widgets::id::FullId;
use zwiebel::vm;
use zwiebel::vm::AccountId;
use zwiebel::vm::App;
use zwiebel::vm::ConversationKind;
use zwiebel::vm::ConversationView;
use zwiebel::vm::Mark;
use zwiebel::vm::MessageId;
use zwiebel::vm::MessageView;
use zwiebel::vm::NetworkView;
use zwiebel::vm::Ready;
use zwiebel::vm::ViewEvent;
use zwiebel::vm::composer::Composer;
use zwiebel::vm::restore::PhraseError;
use zwiebel::vm::restore::Restore;
use zwiebel::vm::route::Route;
use zwiebel::vm::timeline::Place;
use zwiebel::vm::timeline::Row;
use zwiebel::vm::timeline::rows;
use zwiebel::vm::timeline::with_unreadable;

wasm_bindgen_test_configure!(run_in_browser);

const PHRASE: &str = "vexed enjoy pigment films adept voted vexed enjoy pigment films adept voted adept";
const ALICE: &str = "05d2ad010eeb72d72e561d9de7bd7b6989af77dcabffa03a5111a6c859ae5c3a72";
const BOB: &str = "05aa654f00fc39fc69fd0db829410ca38177d7732a8d2f0934ab3872ac56d5aa74";
const GERMAN: &str = include_str!("../public/locales/de.json");

/// As long as hints are.
const HINT: &str = "AbCd-_0123456789abcdefg";

fn alice() -> AccountId {
    AccountId::parse(ALICE).unwrap()
}

fn bob() -> AccountId {
    AccountId::parse(BOB).unwrap()
}

fn message(sent_ms: u64, outgoing: bool) -> MessageView {
    let author = if outgoing { alice() } else { bob() };
    MessageView {
        id: MessageId { sent_ms, author },
        outgoing,
        body: format!("at {sent_ms}"),
        deleted: false,
        quote: None,
        reactions: Vec::new(),
        state: None,
        expires: None,
        mark: Mark::None,
        waits: false,
    }
}

fn conversation(with: AccountId, name: &str, active_ms: u64) -> ConversationView {
    ConversationView {
        with,
        kind: ConversationKind::Contact,
        name: name.to_owned(),
        display_name: name.to_owned(),
        nickname: String::new(),
        blocked: false,
        pinned: false,
        muted: false,
        unread: 0,
        draft: String::new(),
        last: None,
        active_ms,
        first_unread: None,
        approved_me: true,
        listed: true,
        accepted: true,
        expiry: vm::Expiry::Off,
        marked_unread: false,
        protection: vm::Protection::Standard,
        waits_for_keys: false,
        unreadable: Vec::new(),
        notices: Vec::new(),
    }
}

/// A page with an account and these conversations; signals live as long as the owner that is answered.
fn app(conversations: Vec<ConversationView>) -> (Owner, App) {
    let owner = Owner::new();
    owner.set();
    let app = App::new(Link::detached());
    let account = vm::AccountView { id: alice(), display_name: "Alice".to_owned(), settings: vm::Settings::default() };
    app.apply(ViewEvent::Ready(Box::new(Ready {
        account: Some(account),
        conversations,
        network: NetworkView::default(),
        restore: None,
        sync: vm::SyncView::default(),
        devices: vm::DevicesView::default(),
    })));
    (owner, app)
}

#[wasm_bindgen_test]
fn every_screen_has_an_address_that_reads_back() {
    for route in [
        Route::Home,
        Route::Requests,
        Route::Chat(bob()),
        Route::New,
        Route::Account,
        Route::Settings,
        Route::Path,
        Route::Phrase,
        Route::Blocked,
        Route::Ways,
        Route::Devices,
    ] {
        assert_eq!(Route::parse(&route.to_string()), route);
    }
}

#[wasm_bindgen_test]
fn links_are_forgiving_but_never_open_a_wrong_conversation() {
    assert_eq!(Route::parse(&format!("#/c/{}", BOB.to_uppercase())), Route::Chat(bob()));
    assert_eq!(Route::parse(&format!("#/c/{BOB}/")), Route::Chat(bob()));
    assert_eq!(Route::parse(&format!("#/c/{BOB}?utm=1")), Route::Chat(bob()));
    assert_eq!(Route::parse("#/c/05b2"), Route::BadLink);
    assert_eq!(Route::parse("#/c/<script>"), Route::BadLink);
    assert_eq!(Route::parse("#/nonsense"), Route::Home);
    assert_eq!(Route::parse(""), Route::Home);
    assert_eq!(Route::parse(&format!("#/c/{}", "a".repeat(1_000_000))), Route::BadLink);
}

#[wasm_bindgen_test]
fn a_recipient_may_be_an_id_or_a_link_with_white_space() {
    let spaced = text::id::groups(BOB).join(" ");
    assert_eq!(text::id::parse_recipient(&spaced).unwrap(), bob());
    assert_eq!(text::id::parse_recipient(&text::id::invite_link("https://example.org", &bob(), "")).unwrap(), bob());
    let link = text::id::invite_link("https://example.org", &bob(), HINT);
    assert_eq!(text::id::parse_recipient(&link).unwrap(), bob());
    assert_eq!(link.len(), text::id::invite_link("https://example.org", &bob(), "").len() + 1 + HINT.len());
    assert!(text::id::parse_recipient(&"05".repeat(600_000)).is_err());
    assert!(text::id::parse_recipient(&"ü".repeat(400)).is_err());
}

#[wasm_bindgen_test]
fn a_hint_in_a_link_is_what_stands_behind_the_question_mark() {
    let link = text::id::invite_link("https://example.org", &bob(), HINT);
    for text in [link.clone(), format!("{BOB}?{HINT}"), format!("#/c/{BOB}?{HINT}&utm=1"), format!(" {link}\n")] {
        assert_eq!(text::id::link_hint(&text), Some(HINT), "{text}");
    }
    for text in [BOB, "", "?", "?utm_source=mail", &format!("#/c/{BOB}?{}", "A".repeat(400)), &format!("{BOB}?ü")] {
        assert_eq!(text::id::link_hint(text), None, "{text}");
    }
}

#[wasm_bindgen_test]
fn messages_group_by_sender_day_and_five_minutes() {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    let id = |at: u64, outgoing: bool| (message(at, outgoing).id, outgoing);
    let messages = [id(0, false), id(MINUTE, false), id(7 * MINUTE, false), id(8 * MINUTE, true), id(DAY, true)];
    let got = rows(&messages, Some(messages[2].0), |ms| i64::try_from(ms / DAY).unwrap());
    let row = |at: usize, first, last| Row::Message { id: messages[at].0, place: Place { first, last } };
    let expected = [
        Row::Day(0, 0),
        row(0, true, false),
        row(1, false, true),
        Row::New,
        row(2, true, true),
        row(3, true, true),
        Row::Day(1, DAY),
        row(4, true, true),
    ];
    assert_eq!(got, expected);
    assert!(rows(&[], None, |_| 0).is_empty());

    // What could not be read stands where it came.
    let lost = |at_ms, given_up| vm::UnreadableView { at_ms, given_up };
    let unreadable = [lost(2 * MINUTE, false), lost(2 * DAY, true)];
    let with = with_unreadable(got.clone(), &unreadable);
    assert_eq!(with.len(), got.len() + 2);
    let at = with.iter().position(|row| *row == Row::Unreadable(0, 2 * MINUTE, false)).unwrap();
    assert_eq!(with[at - 1], row(1, false, true), "after what came before it");
    assert_eq!(with.last(), Some(&Row::Unreadable(1, 2 * DAY, true)));
}

#[wasm_bindgen_test]
fn the_list_is_sorted_pinned_first_and_searched() {
    let ids: Vec<AccountId> = [BOB, ALICE].iter().map(|text| AccountId::parse(text).unwrap()).collect();
    let mut pinned = conversation(ids[0], "Zoe", 1);
    pinned.pinned = true;
    let (_owner, app) = app(vec![conversation(ids[1], "Adam", 9), pinned]);
    assert_eq!(app.conversations.order.get_untracked(), [ids[0], ids[1]]);
    app.conversations.query.set(" ADA".to_owned());
    assert_eq!(app.conversations.order.get_untracked(), [ids[1]]);
    app.conversations.query.set("nobody".to_owned());
    assert!(app.conversations.order.get_untracked().is_empty());
    assert!(!untrack(|| app.conversations.is_empty()));
}

#[wasm_bindgen_test]
fn of_a_thousand_conversations_only_what_fits_is_drawn() {
    use zwiebel::vm::conversations::FIRST_ROWS;
    let many: Vec<ConversationView> = (0..1_000_u64)
        .map(|number| {
            let mut id = bob().to_bytes();
            id[32] = u8::try_from(number % 256).unwrap();
            id[31] = u8::try_from(number / 256).unwrap();
            let with = AccountId::parse(&id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).unwrap();
            conversation(with, &format!("Person {number}"), number)
        })
        .collect();
    let (_owner, app) = app(Vec::new());
    app.apply(ViewEvent::Conversations(many.clone()));
    let drawn = || app.conversations.drawn.with_untracked(Vec::len);
    assert_eq!(app.conversations.order.with_untracked(Vec::len), 1_000);
    assert_eq!(app.conversations.order.with_untracked(|order| order[0]), many[999].with);
    assert_eq!(drawn(), FIRST_ROWS);
    app.conversations.window.set((990, 30));
    assert_eq!(drawn(), 10);
    assert_eq!(untrack(|| app.conversations.position(&many[0].with)), Some(1_000));
    app.conversations.window.set((0, 20));
    // One that changes its place is drawn where it belongs.
    let mut first = many[0].clone();
    first.pinned = true;
    app.apply(ViewEvent::Conversation(first));
    assert_eq!(app.conversations.drawn.with_untracked(|drawn| drawn[0]), many[0].with);
    app.conversations.query.set("person 77".to_owned());
    assert_eq!(drawn(), 11);
}

#[wasm_bindgen_test]
fn blocked_people_are_found_by_name_whether_they_are_listed_or_not() {
    let blocked = |with, name: &str, listed| {
        let mut view = conversation(with, name, 1);
        (view.blocked, view.listed) = (true, listed);
        view
    };
    let (_owner, app) = app(vec![blocked(bob(), "Zoe", true), blocked(alice(), "adam", false)]);
    assert_eq!(app.conversations.blocked.get_untracked(), [alice(), bob()]);
    assert_eq!(app.conversations.order.get_untracked(), [bob()]);
    app.apply(ViewEvent::Conversation(conversation(bob(), "Zoe", 1)));
    assert_eq!(app.conversations.blocked.get_untracked(), [alice()]);
}

#[wasm_bindgen_test]
fn a_restore_never_looks_as_if_it_went_back() {
    use zwiebel::vm::RestoreStage;
    use zwiebel::vm::RestoreView;
    let (_owner, app) = app(Vec::new());
    let percent = || app.restore.get_untracked().unwrap().percent;
    for (percent_now, shown) in [(10, 10), (60, 60), (40, 60), (70, 70)] {
        app.apply(ViewEvent::Restore(RestoreView { stage: RestoreStage::Fetching, messages: 0, percent: percent_now }));
        assert_eq!(percent(), shown);
    }
    app.apply(ViewEvent::Restore(RestoreView { stage: RestoreStage::Done, messages: 0, percent: 100 }));
    app.apply(ViewEvent::Restore(RestoreView { stage: RestoreStage::Connecting, messages: 0, percent: 0 }));
    assert_eq!(percent(), 0);
}

#[wasm_bindgen_test]
fn a_closed_notice_stays_closed_until_its_problem_is_new() {
    use zwiebel::vm::SyncProblem;
    use zwiebel::vm::SyncView;
    let (_owner, app) = app(Vec::new());
    let tell = |problem| app.apply(ViewEvent::Sync(SyncView { problem, ..SyncView::default() }));
    tell(Some(SyncProblem::TooLarge));
    app.sync_closed.set(Some(SyncProblem::TooLarge));
    tell(Some(SyncProblem::TooLarge));
    assert_eq!(app.sync_closed.get_untracked(), Some(SyncProblem::TooLarge));
    tell(None);
    assert_eq!(app.sync_closed.get_untracked(), None);
}

#[wasm_bindgen_test]
fn times_of_disappearing_messages_are_the_usual_ones_and_the_one_in_force() {
    use zwiebel::vm::Expiry;
    use zwiebel::vm::expiry;
    use zwiebel::vm::expiry::Mode;
    assert_eq!(Mode::all(true), [Mode::Off, Mode::AfterSend]);
    assert_eq!(expiry::times(Mode::AfterSend, Expiry::Off), [43_200, 86_400, 604_800, 1_209_600]);
    assert_eq!(expiry::times(Mode::AfterSend, Expiry::AfterSend(90)).first(), Some(&90));
    assert_eq!(expiry::times(Mode::AfterRead, Expiry::AfterSend(90)).first(), Some(&300));
    let spans: Vec<String> = [90, 300, 43_200, 86_400, 1_209_600].map(text::time::span).to_vec();
    assert_eq!(spans, ["90 seconds", "5 minutes", "12 hours", "1 day", "2 weeks"]);
}

#[wasm_bindgen_test]
fn a_conversation_marked_as_unread_counts_as_one() {
    let mut marked = conversation(bob(), "Bob", 1);
    marked.marked_unread = true;
    let mut both = conversation(alice(), "Alice", 1);
    (both.marked_unread, both.unread) = (true, 3);
    let (_owner, app) = app(vec![marked, both]);
    assert_eq!(app.conversations.unread_total.get_untracked(), 4);
}

#[wasm_bindgen_test]
fn muted_and_blocked_conversations_do_not_count() {
    let mut loud = conversation(bob(), "Bob", 1);
    loud.unread = 3;
    let mut quiet = conversation(alice(), "Alice", 1);
    quiet.unread = 5;
    quiet.muted = true;
    let (_owner, app) = app(vec![loud, quiet]);
    assert_eq!(app.conversations.unread_total.get_untracked(), 3);
}

#[wasm_bindgen_test]
fn an_open_conversation_takes_changes_by_id_and_ignores_others() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    app.set_route(Route::Chat(bob()));
    app.apply(ViewEvent::Timeline { with: alice(), messages: vec![message(1, false)], has_earlier: false });
    assert!(!app.timeline.loaded.get_untracked());
    app.apply(ViewEvent::Timeline {
        with: bob(),
        messages: vec![message(10, false), message(30, true)],
        has_earlier: false,
    });
    app.apply(ViewEvent::Message { with: bob(), message: message(20, false) });
    let mut changed = message(10, false);
    changed.deleted = true;
    app.apply(ViewEvent::Message { with: bob(), message: changed });
    app.apply(ViewEvent::MessageGone { with: bob(), message: message(30, true).id });
    let ids: Vec<u64> = app.timeline.items.with_untracked(|items| items.iter().map(|item| item.id.sent_ms).collect());
    assert_eq!(ids, [10, 20]);
    let item = untrack(|| app.timeline.item(&message(10, false).id)).unwrap();
    assert!(item.view.get_untracked().deleted);
}

#[wasm_bindgen_test]
fn only_the_newest_part_of_a_long_conversation_is_drawn() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    app.set_route(Route::Chat(bob()));
    let messages = (0..500).map(|at| message(at * 1000, false)).collect();
    app.apply(ViewEvent::Timeline { with: bob(), messages, has_earlier: false });
    let drawn = || {
        app.timeline.rows.with_untracked(|rows| rows.iter().filter(|row| matches!(row, Row::Message { .. })).count())
    };
    assert_eq!(drawn(), 60);
    app.show_earlier();
    assert_eq!(drawn(), 120);
    assert!(app.timeline.jump_to(message(5_000, false).id));
    assert!(drawn() >= 495);
    assert!(!app.timeline.jump_to(message(999_999, false).id));
}

#[wasm_bindgen_test]
fn the_composer_counts_code_points_and_stops_at_two_thousand() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    let composer = Composer::new(app, bob());
    assert!(!composer.send());
    composer.input("   \n ".to_owned());
    assert!(!composer.can_send.get_untracked());
    composer.input("🧅".repeat(2_000));
    assert_eq!(composer.left.get_untracked(), 0);
    assert!(composer.can_send.get_untracked());
    composer.input("🧅".repeat(2_001));
    assert_eq!(composer.left.get_untracked(), -1);
    assert!(!composer.send());
    composer.input("  short  ".to_owned());
    assert_eq!(composer.left.get_untracked(), 1_995);
    assert!(composer.send());
    assert_eq!(composer.text.get_untracked(), "");
}

#[wasm_bindgen_test]
fn a_whole_phrase_may_be_pasted_into_any_field() {
    let owner = Owner::new();
    owner.set();
    let form = Restore::default();
    assert_eq!(form.input(7, PHRASE), Some(12));
    assert_eq!(form.words.get_untracked().join(" "), PHRASE);
    assert_eq!(form.phrase().as_deref(), Some(PHRASE));
    // Numbered, in capitals, over several lines.
    let numbered: String =
        PHRASE.split(' ').enumerate().map(|(at, word)| format!("{}. {}\n", at + 1, word.to_uppercase())).collect();
    form.clear();
    form.input(0, &numbered);
    assert_eq!(form.phrase().as_deref(), Some(PHRASE));
    // A huge paste is cut, not chewed on.
    form.input(0, &"word ".repeat(200_000));
    assert!(form.phrase().is_none());
}

#[wasm_bindgen_test]
fn the_five_errors_of_a_phrase_are_told_apart() {
    let owner = Owner::new();
    owner.set();
    let form = Restore::default();
    let mut said = Vec::new();
    let words: Vec<&str> = PHRASE.split(' ').collect();
    let cases = [
        words[..12].join(" "),
        format!("{PHRASE} adept"),
        PHRASE.replacen("pigment", "qqqq", 1),
        PHRASE.replacen("enjoy pigment", "pigment enjoy", 1),
    ];
    for case in &cases {
        form.clear();
        form.input(0, case);
        assert!(form.phrase().is_none(), "{case}");
        said.push(form.error.get_untracked().unwrap());
    }
    assert!(matches!(said[0], PhraseError::TooFewWords(12)));
    assert!(matches!(said[1], PhraseError::TooManyWords(14)));
    assert!(matches!(said[2], PhraseError::UnknownWord { index: 2, .. }));
    said.push(PhraseError::ImpossibleTriple { first_word_index: 3 });
    said.push(PhraseError::Checksum);
    let mut texts: Vec<String> = said.iter().map(explain).collect();
    texts.sort();
    texts.dedup();
    assert!(texts.len() >= 5, "{texts:?}");
}

#[wasm_bindgen_test]
fn names_lose_what_would_disturb_and_keep_what_people_write() {
    assert_eq!(text::name::clean("  Ann\u{202E}a \n\t Lee\u{0000} "), "Anna Lee");
    assert_eq!(text::name::clean("<script>alert(1)</script>"), "<script>alert(1)</script>");
    assert_eq!(text::name::clean("👩‍👩‍👧 שירה"), "👩‍👩‍👧 שירה");
    assert_eq!(text::name::clean("\u{200B}\u{2060}\u{FEFF}"), "");
    assert!(text::name::clean(&format!("a{}", "\u{0301}".repeat(500))).chars().count() <= 4);
    assert!(text::name::clean(&"x".repeat(1_000_000)).len() <= 200);
}

#[wasm_bindgen_test]
fn only_written_out_web_addresses_become_links() {
    let link = |text: &str| Piece::Link(text.to_owned());
    let words = |text: &str| Piece::Text(text.to_owned());
    assert_eq!(
        text::links::pieces("see https://example.org/a?b=1 now"),
        [words("see "), link("https://example.org/a?b=1"), words(" now")]
    );
    for harmless in ["javascript://x%0aalert(1)", "data://text/html,<b>", "example.org", "file:///etc/passwd"] {
        assert!(text::links::pieces(harmless).iter().all(|piece| matches!(piece, Piece::Text(_))), "{harmless}");
    }
}

#[wasm_bindgen_test]
fn cutting_never_splits_what_a_person_sees_as_one_character() {
    let family = "👨‍👩‍👧";
    assert_eq!(text::count::cut(&format!("ab{family}"), 3), ("ab", true));
    assert_eq!(text::count::cut_bytes(&format!("ab{family}"), 10), ("ab", true));
    assert_eq!(text::count::cut("äöü", 3), ("äöü", false));
    assert!(text::count::is_few_emoji("🎉❤️👍🏽"));
    assert!(!text::count::is_few_emoji("123"));
    assert!(!text::count::is_few_emoji("ok 👍"));
}

#[wasm_bindgen_test]
fn both_languages_have_the_same_keys_and_places() {
    assert_eq!(i18n::differing_keys(GERMAN).unwrap(), Vec::<String>::new());
    i18n::use_file(i18n::Lang::De, GERMAN).unwrap();
    let german: Vec<String> = i18n::en::KEYS.iter().map(|key| i18n::t(*key).to_owned()).collect();
    i18n::use_english();
    let places = |text: &str| -> Vec<String> {
        let mut found: Vec<String> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect();
        found.sort();
        found.dedup();
        found
    };
    for (german, english) in german.iter().zip(i18n::en::ENGLISH) {
        assert_eq!(places(german), places(english), "{english}");
        assert!(!german.contains('!') && !english.contains('!'), "{english}");
    }
}

#[wasm_bindgen_test]
fn a_missing_word_stays_english_and_values_are_not_read_again() {
    i18n::use_file(i18n::Lang::De, r#"{"Cancel":"Abbrechen"}"#).unwrap();
    assert_eq!(i18n::t(i18n::K::Cancel), "Abbrechen");
    assert_eq!(i18n::t(i18n::K::Save), "Save");
    i18n::use_english();
    assert_eq!(i18n::tf(i18n::K::TypingNow, &[("name", "{name}")]), "{name} is typing");
}

#[wasm_bindgen_test]
fn a_full_id_is_one_unbroken_text() {
    let host = document().create_element("div").unwrap();
    document().body().unwrap().append_child(&host).unwrap();
    let handle = mount_to(host.clone().unchecked_into(), move || {
        view! { <FullId id=bob()/> }
    });
    assert_eq!(host.text_content().unwrap(), BOB);
    drop(handle);
    host.remove();
}

/// A place in the document, taken away when it goes.
struct Corner(web_sys::Element);

impl Corner {
    fn new() -> Self {
        let host = document().create_element("div").unwrap();
        document().body().unwrap().append_child(&host).unwrap();
        Self(host)
    }

    fn find(&self, selector: &str) -> web_sys::Element {
        self.0.query_selector(selector).unwrap().unwrap()
    }

    fn tell(&self, selector: &str, event: &str) {
        let init = web_sys::EventInit::new();
        init.set_bubbles(true);
        init.set_cancelable(true);
        let event = web_sys::Event::new_with_event_init_dict(event, &init).unwrap();
        self.find(selector).dispatch_event(&event).unwrap();
    }
}

impl Drop for Corner {
    fn drop(&mut self) {
        self.0.remove();
    }
}

#[wasm_bindgen_test]
fn a_dialog_closes_for_what_happens_to_itself_alone() {
    use zwiebel::ui::widgets::dialog::Dialog;
    let place = Corner::new();
    let (outer, inner) = (RwSignal::new(0), RwSignal::new(0));
    let handle = mount_to(place.0.clone().unchecked_into(), move || {
        view! {
            <Dialog title=Signal::stored("Outer".to_owned()) on_close=move |()| outer.update(|n| *n += 1) class="outer">
                <input type="file"/>
                <Dialog title=Signal::stored("Inner".to_owned()) on_close=move |()| inner.update(|n| *n += 1) class="inner">"…"</Dialog>
            </Dialog>
        }
    });
    let closed = || (outer.get_untracked(), inner.get_untracked());
    place.tell("input", "cancel");
    assert_eq!(closed(), (0, 0), "a file picker without a file");
    place.tell(".dialog-inner", "mousedown");
    assert_eq!(closed(), (0, 1), "a press beside the inner one");
    place.tell(".dialog-outer", "mousedown");
    place.tell(".dialog-outer", "cancel");
    assert_eq!(closed(), (2, 1));
    drop(handle);
}

#[wasm_bindgen_test]
async fn notes_and_announcements_stand_in_the_topmost_dialog_alone() {
    use zwiebel::ui::widgets::toasts::Heard;
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    let place = Corner::new();
    let handle = mount_to(place.0.clone().unchecked_into(), move || {
        view! { <div id="page"><Heard app=app dialog=None/></div> <div id="dialog"><Heard app=app dialog=Some(7)/></div> }
    });
    app.dialog_opened(7);
    app.toast("Copied");
    app.announce.set("Bob: hello".to_owned());
    leptos::task::tick().await;
    let said = |selector: &str| place.find(selector).text_content().unwrap();
    assert_eq!((said("#page"), said("#dialog")), (String::new(), "CopiedBob: hello".to_owned()));
    drop(handle);
}

#[wasm_bindgen_test]
fn the_same_message_twice_is_announced_twice() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    app.set_route(Route::Chat(bob()));
    app.apply(ViewEvent::Timeline { with: bob(), messages: Vec::new(), has_earlier: false });
    let said = |at| {
        let mut again = message(at, false);
        again.body = "Hello".to_owned();
        app.apply(ViewEvent::Message { with: bob(), message: again });
        app.announce.get_untracked()
    };
    let (first, second, third) = (said(1), said(2), said(3));
    assert_eq!((first.as_str(), first.trim_end()), ("Bob: Hello", second.trim_end()));
    assert_ne!(first, second);
    assert_ne!(second, third);
}

#[wasm_bindgen_test]
fn what_cannot_be_written_down_stays_in_the_field() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    let composer = Composer::new(app, bob());
    composer.input("Hello".to_owned());
    app.apply(ViewEvent::Problem(Some(vm::Problem::Storage(vm::CommitFailure::QuotaExceeded))));
    assert!(!composer.send());
    assert_eq!(composer.text.get_untracked(), "Hello");
    app.apply(ViewEvent::Problem(None));
    assert!(composer.send());
}

#[wasm_bindgen_test]
fn devices_of_one_name_are_numbered_by_their_age() {
    use zwiebel::ui::screens::devices::name;
    let device = |id, called: Option<&str>, added_ms| vm::DeviceView {
        id: [id; 16],
        name: called.map(str::to_owned),
        added_ms,
        last_seen_ms: None,
        this: false,
        unendorsed: false,
    };
    let all = [
        device(1, Some("Chrome, Linux"), 30),
        device(2, Some("Chrome, Linux"), 10),
        device(3, Some("Firefox, Linux"), 5),
        device(4, Some("Chrome, Linux"), 20),
    ];
    let names: Vec<String> = all.iter().map(|device| name(&all, device)).collect();
    assert_eq!(names, ["Chrome, Linux (3)", "Chrome, Linux", "Firefox, Linux", "Chrome, Linux (2)"]);
}

#[wasm_bindgen_test]
fn an_erased_account_leaves_nothing_on_the_page() {
    let (_owner, app) = app(vec![conversation(bob(), "Bob", 1)]);
    app.conversations.query.set("bob".to_owned());
    app.announce.set("Bob: hello".to_owned());
    app.apply(ViewEvent::RecoveryPhrase(vm::Phrase(PHRASE.to_owned())));
    app.apply(ViewEvent::LinkCode(vm::LinkText("code".to_owned())));
    assert!(app.prefs.phrase_seen.get_untracked());
    app.apply(ViewEvent::Erased);
    assert_eq!(app.phrase.get_untracked(), None);
    assert_eq!(app.link_code.get_untracked(), None);
    assert_eq!(app.announce.get_untracked() + &app.conversations.query.get_untracked(), "");
    assert!(!app.prefs.phrase_seen.get_untracked(), "the next account has other words");
}
