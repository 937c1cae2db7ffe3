//! Text as people see it: links, counting, times, Account IDs, names, avatars. Pure functions; the browser is asked for
//! nothing but the words and numbers of dates (`Intl`).

pub mod avatar;
pub mod count;
pub mod emoji_code;
pub mod id;
pub mod links;
pub mod name;
pub mod time;
