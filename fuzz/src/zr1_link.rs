//! Linking a device: requests, sealed by the target, and the texts of scanned codes. The first byte chooses.

use std::sync::LazyLock;

use crate::zr1_support::{Counter, NOW, Side, account_key};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::labels;
use zwiebel_proto::zr1::bundle::{self, BundleFacts};
use zwiebel_proto::zr1::link::{CODE_PREFIX, LinkCode, LinkRequest};
use zwiebel_proto::zr1::manifest::DeviceEntry;
use zwiebel_proto::zr1::safety::SafetyCode;

/// The owner, the key of requests, and a good request up to the platform's name.
static OWNER: LazyLock<(Side, [u8; 32], Vec<u8>)> = LazyLock::new(|| {
    let side = Side::new(1);
    let entry = DeviceEntry {
        slot: 0,
        says_endorsed: false,
        caps: 0,
        added_at_ms: NOW,
        public: side.device.public(),
        endorser: DeviceId([0; 16]),
        endorsement: [0; 64],
    };
    let facts = BundleFacts { seq: 1, caps: 0, name: "fuzz" };
    let bundle = bundle::sign(&side.account, &side.device, side.prekey.public(), &facts, NOW, &mut Counter(0));
    let bundle = bundle.expect("signs");
    let length = u16::try_from(bundle.len()).expect("short").to_le_bytes();
    let good = [entry.to_bytes().as_slice(), &length, &bundle].concat();
    let key = account_key(&side.account, labels::LINK);
    (side, key, good)
});

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    match which % 8 {
        0 => request(&[OWNER.2.as_slice(), bytes].concat()),
        1..4 => request(bytes),
        4 => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = (LinkCode::parse(text), SafetyCode::parse(text));
            }
        }
        5 => {
            let text = [CODE_PREFIX, &Base64UrlUnpadded::encode_string(bytes)].concat();
            if let Ok(code) = LinkCode::parse(&text) {
                assert_eq!(code.to_text().as_str(), text);
            }
        }
        _ => {
            let text = ["zr1:", &Base64UrlUnpadded::encode_string(bytes)].concat();
            if let Some(code) = SafetyCode::parse(&text) {
                assert_eq!(code.to_text(), text);
            }
        }
    }
}

fn request(plaintext: &[u8]) {
    let (side, key, _) = &*OWNER;
    let nonce = [7; 24];
    let blob = [nonce.as_slice(), &xchacha_seal(key, &nonce, &[], plaintext)].concat();
    if let Ok(request) = LinkRequest::open(&side.account, &blob, NOW) {
        assert!(request.platform.len() <= 64);
    }
}
