//! What a person chose for this device. Where it is kept and how it takes effect, `ui::prefs` knows.

use leptos::prelude::*;

use crate::i18n::Lang;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// All, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word for it in storage and in the style sheet.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The smallest and largest size of text, in per cent.
pub const TEXT_SIZES: std::ops::RangeInclusive<u16> = 100..=200;

/// The choices.
#[derive(Clone, Copy)]
pub struct Prefs {
    pub lang: RwSignal<Lang>,
    pub theme: RwSignal<Theme>,
    /// Per cent.
    pub text_size: RwSignal<u16>,
    pub notify: RwSignal<bool>,
    /// The recovery phrase was shown here once, or the account came from elsewhere.
    pub phrase_seen: RwSignal<bool>,
    /// Width of the list in two panes, in CSS pixels.
    pub list_width: RwSignal<u16>,
}

impl Prefs {
    pub(super) fn new() -> Self {
        Self {
            lang: RwSignal::new(Lang::En),
            theme: RwSignal::new(Theme::System),
            text_size: RwSignal::new(100),
            notify: RwSignal::new(false),
            phrase_seen: RwSignal::new(false),
            list_width: RwSignal::new(340),
        }
    }
}
