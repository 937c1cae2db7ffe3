//! A node's long-term keys: an Ed25519 seed in a file only the owner may read; X25519 is its image (service-nodes 1.1).

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

use zeroize::Zeroizing;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::keys::X25519Public;
use zwiebel_crypto::keys::X25519Secret;

/// The keys and their public halves.
#[derive(Debug)]
pub struct Keys {
    pub ed25519: Ed25519Secret,
    pub x25519: X25519Secret,
    pub ed25519_public: Ed25519Public,
    pub x25519_public: X25519Public,
}

impl Keys {
    /// Keys from a seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::new(Ed25519Secret::from_seed(seed))
    }

    fn new(ed25519: Ed25519Secret) -> Self {
        let x25519 = ed25519.to_x25519();
        let (ed25519_public, x25519_public) = (ed25519.public(), x25519.public());
        Self { ed25519, x25519, ed25519_public, x25519_public }
    }

    /// Fresh keys.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(Ed25519Secret::generate(&mut rand::rng()))
    }

    /// Reads the keys of this file, or makes them and the file.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no seed.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let mut seed = Zeroizing::new([0_u8; 32]);
                hex::decode_to_slice(text.trim(), seed.as_mut_slice())
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the key file holds no seed"))?;
                Ok(Self::from_seed(*seed))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = Self::generate();
                let text = Zeroizing::new(hex::encode(keys.ed25519.seed()));
                write_private(path, text.as_bytes())?;
                Ok(keys)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes a new file that only its owner may read.
///
/// # Errors
/// If it exists or cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder for its owner only; one that is there stays as it is.
///
/// # Errors
/// If it cannot be made.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
