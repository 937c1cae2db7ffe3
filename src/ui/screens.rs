//! One file per screen. A screen takes the view model and nothing else.

pub mod account;
pub mod blocked;
pub mod bubble;
pub mod composer;
pub mod contact;
pub mod conversation;
pub mod devices;
pub mod expiry;
pub mod home;
pub mod landing;
pub mod list;
pub mod message_menu;
pub mod name;
pub mod new_conversation;
pub mod path;
pub mod phrase;
pub mod protection;
pub mod requests;
pub mod restore;
pub mod safety;
pub mod scanner;
pub mod settings;
pub mod status;
pub mod sync;
pub mod timeline;
pub mod welcome;
