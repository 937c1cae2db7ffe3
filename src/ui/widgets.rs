//! The pieces screens are made of.

pub mod avatar;
pub mod back;
pub mod dialog;
pub mod icons;
pub mod id;
pub mod menu;
pub mod qr;
pub mod toasts;
