//! Icons: inline SVG, drawn on a 24 grid with one stroke width, in the colour of the text around them. They carry no
//! meaning of their own: the button around an icon has the name.

use leptos::prelude::*;

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident: $($path:literal)+;)*) => {
        $($(#[$doc])*
        #[component]
        pub fn $name() -> AnyView {
            icon(concat!($($path, " "),+))
        })*
    };
}

/// One path in the common frame. A function and not part of each component: the code exists once.
fn icon(path: &'static str) -> AnyView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=path></path>
        </svg>
    }
    .into_any()
}

icons! {
    Back: "M15 5l-7 7 7 7";
    Close: "M6 6l12 12" "M18 6L6 18";
    Plus: "M12 5v14" "M5 12h14";
    Search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z" "M16 16l4.5 4.5";
    Send: "M5 12L4 4l17 8-17 8 1-8z" "M5 12h8";
    Dots: "M5 12h.01" "M12 12h.01" "M19 12h.01";
    Reply: "M9 6L4 11l5 5" "M4 11h9a7 7 0 0 1 7 7v1";
    Smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" "M8.5 14.5c.8 1.2 2 2 3.5 2s2.700-.8 3.500-2" "M9 9.500h.01" "M15 9.500h.01";
    Copy: "M9 9h10v11H9z" "M15 9V4H5v11h4";
    Trash: "M4 7h16" "M9 7V4h6v3" "M6 7l1 13h10l1-13" "M10 11v5" "M14 11v5";
    Retry: "M20 12a8 8 0 1 1-2.500-5.800" "M20 3v4.500h-4.500";
    Down: "M12 5v14" "M6 13l6 6 6-6";
    ChevronRight: "M9 5l7 7-7 7";
    ChevronDown: "M5 9l7 7 7-7";
    Pin: "M9 3h6l-1 7 3 3v2H7v-2l3-3-1-7z" "M12 15v6";
    Mute: "M6 17V11a6 6 0 0 1 9.500-4.900" "M18 10.500V17" "M4 17h13" "M10 20.500h4" "M4 4l16 16";
    Block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" "M5.700 5.700l12.600 12.600";
    Qr: "M4 4h6v6H4z" "M14 4h6v6h-6z" "M4 14h6v6H4z" "M14 14h2v2h-2z" "M18 14h2" "M14 18v2" "M18 18h2v2h-2z";
    Camera: "M4 8h3.500L9 5.500h6L16.500 8H20v11H4z" "M12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z";
    Image: "M4 5h16v14H4z" "M4 16l5-5 4 4 3-3 4 4" "M15 9h.01";
    Link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7" "M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17";
    Note: "M6 4h12v16H6z" "M9 9h6" "M9 13h6" "M9 17h3";
    Key: "M8 9a5 5 0 1 0 3 9 5 5 0 0 0 1.600-5.300L20 5.500V4h-3v2h-2v2h-2l-1.800 1.800A5 5 0 0 0 8 9z" "M7.500 15h.01";
    Gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z" "M19 12l2-1.500-2-3.500-2.400 1a7 7 0 0 0-1.800-1L14.500 4h-5l-.3 3a7 7 0 0 0-1.800 1L5 7 3 10.500 5 12l-2 1.500L5 17l2.400-1a7 7 0 0 0 1.800 1l.3 3h5l.3-3a7 7 0 0 0 1.800-1l2.400 1 2-3.500z";
    Path: "M5 17a2 2 0 1 0 0 4 2 2 0 0 0 0-4z" "M19 3a2 2 0 1 0 0 4 2 2 0 0 0 0-4z" "M7 19h7a3.500 3.500 0 0 0 0-7h-4a3.500 3.500 0 0 1 0-7h7";
    Pencil: "M4 20l1-5L16 4l4 4L9 19z" "M14 6l4 4";
    Eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z" "M12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z";
    EyeOff: "M4 4l16 16" "M9.500 6a9 9 0 0 1 2.500-.5c6 0 9.500 6.500 9.500 6.500a17 17 0 0 1-3 3.700" "M6.500 7.700A17 17 0 0 0 2.500 12S6 18.500 12 18.500a9 9 0 0 0 4.500-1.200";
    Info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" "M12 11v5" "M12 8h.01";
    Warn: "M12 4L2.500 20h19z" "M12 10v4" "M12 17h.01";
    Clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" "M12 7v5l3.500 2";
    Timer: "M12 6a7.500 7.500 0 1 0 0 15 7.500 7.500 0 0 0 0-15z" "M12 10v3.500l2.500 1.500" "M9.500 3h5";
    Sync: "M20 11a8 8 0 0 0-14.500-3.500L4 9" "M4 4.500V9h4.500" "M4 13a8 8 0 0 0 14.500 3.500L20 15" "M20 19.500V15h-4.500";
    Unread: "M4 7h11" "M4 7v11h16v-7" "M4 7.500l8 6 3-2.200" "M19.500 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4z";
    Check: "M5 12.500l4.500 4.500L19 7.500";
    CheckTwo: "M2 12.500l4.500 4.500L16 7.500" "M11.500 15.500L13 17l9-9.500";
    Person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z" "M4.500 20c.8-3.600 3.700-5.500 7.500-5.500s6.700 1.900 7.500 5.500";
    Inbox: "M4 5h16v14H4z" "M4 13h5l1 2.500h4l1-2.500h5";
    Globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" "M3.500 12h17" "M12 3c2.500 2.700 3.500 5.700 3.500 9S14.500 18.300 12 21c-2.500-2.700-3.500-5.700-3.500-9S9.500 5.700 12 3z";
    Shield: "M12 3l7 2.500V11c0 4.800-2.800 8.300-7 10-4.200-1.700-7-5.200-7-10V5.500z";
    ShieldCheck: "M12 3l7 2.500V11c0 4.800-2.800 8.300-7 10-4.200-1.700-7-5.200-7-10V5.500z" "M8.500 11.500l2.500 2.500 4.500-4.500";
    Device: "M3 5h18v11H3z" "M9 20h6" "M12 16v4";
    Cloud: "M7 18a4.500 4.500 0 0 1-.5-9A6 6 0 0 1 18 10.500a3.800 3.800 0 0 1-.5 7.500z" "M4 4l16 16";
}

/// The mark: an onion, cut across: rings that open into each other.
#[component]
pub fn Logo() -> AnyView {
    view! {
        <svg class="logo" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
            <path class="ring ring-1" d="M24 3.500c3 4.500 19 7.500 19 23a19 18.500 0 0 1-38 0c0-15.500 16-18.500 19-23z"></path>
            <path class="ring ring-2" d="M24 12.500c2 3.200 12.500 5 12.500 14.500a12.500 12 0 0 1-25 0c0-9.500 10.500-11.300 12.500-14.500z"></path>
            <path class="ring ring-3" d="M24 21c1.200 2 6.200 2.800 6.200 7.200a6.200 6 0 0 1-12.400 0c0-4.400 5-5.200 6.200-7.200z"></path>
        </svg>
    }
    .into_any()
}

/// Rings that fill one after another: something takes a moment.
#[component]
pub fn Spinner() -> AnyView {
    view! {
        <svg class="spinner" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
            <circle class="ring ring-1" cx="24" cy="24" r="20"></circle>
            <circle class="ring ring-2" cx="24" cy="24" r="13"></circle>
            <circle class="ring ring-3" cx="24" cy="24" r="6"></circle>
        </svg>
    }
    .into_any()
}
