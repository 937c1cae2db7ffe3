//! Randomness: the browser's own generator (`crypto.getRandomValues`), nothing in between.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The type of [`system`].
pub type SystemRng = UnwrapErr<SysRng>;

/// The system's generator. It panics when the browser cannot give randomness, because nothing may go on without it.
#[must_use]
pub fn system() -> SystemRng {
    UnwrapErr(SysRng)
}
