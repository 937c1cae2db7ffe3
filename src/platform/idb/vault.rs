//! Where the storage key rests: encrypted by an AES-GCM key that the browser made and will use, but never give out.
//!
//! That binds the rows to this browser profile: a copy of the database's files without the browser's key store is useless,
//! and no script can export the key. It does not protect against somebody who uses this very profile; that is what a
//! passphrase lock is for, which will be another `kind` of record beside [`DEVICE`].

use js_sys::Array;
use js_sys::Object;
use js_sys::Reflect;
use js_sys::Uint8Array;
use rand_core::CryptoRng;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::Crypto;
use web_sys::CryptoKey;
use web_sys::SubtleCrypto;
use zwiebel_crypto::secret::Secret;

use super::seal::Sealer;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Option<Crypto>;
}

/// The kind of record made here: no passphrase, the device's browser profile is the lock.
const DEVICE: &str = "device";

/// Makes a fresh storage key; gives its sealer and the record to keep. `None`: the browser has no WebCrypto here.
pub(super) async fn create(rng: &mut (impl CryptoRng + ?Sized)) -> Option<(Sealer, JsValue)> {
    let subtle = subtle()?;
    let storage_key = Secret::generate(rng);

    let algorithm = object(&[("name", "AES-GCM".into()), ("length", 256.into())])?;
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let wrapping: CryptoKey =
        JsFuture::from(subtle.generate_key_with_object(&algorithm, false, &usages).ok()?).await.ok()?.unchecked_into();

    let mut iv = [0; 12];
    rng.fill_bytes(&mut iv);
    let sealing = subtle.encrypt_with_object_and_u8_array(&gcm(&iv)?, &wrapping, storage_key.expose());
    let sealed = Uint8Array::new(&JsFuture::from(sealing.ok()?).await.ok()?);
    let record = object(&[
        ("kind", DEVICE.into()),
        ("wrapping", wrapping.into()),
        ("iv", Uint8Array::from(&iv[..]).into()),
        ("sealed", sealed.into()),
    ])?;
    Some((Sealer::new(&storage_key), record.into()))
}

/// Opens a kept record. `None`: it is of another kind, damaged, or its wrapping key is gone.
pub(super) async fn open(record: &JsValue) -> Option<Sealer> {
    let field = |name: &str| Reflect::get(record, &JsValue::from_str(name)).ok();
    if field("kind")?.as_string()? != DEVICE {
        return None;
    }
    let wrapping: CryptoKey = field("wrapping")?.dyn_into().ok()?;
    let iv = field("iv")?.dyn_into::<Uint8Array>().ok()?.to_vec();
    let sealed = field("sealed")?.dyn_into::<Uint8Array>().ok()?.to_vec();
    let opening = subtle()?.decrypt_with_object_and_u8_array(&gcm(&iv)?, &wrapping, &sealed).ok()?;
    let plain = Uint8Array::new(&JsFuture::from(opening).await.ok()?);
    if plain.length() != 32 {
        return None;
    }
    let mut raw = [0; 32];
    plain.copy_to(&mut raw);
    plain.fill(0, 0, 32);
    Some(Sealer::new(&Secret::new(raw)))
}

fn subtle() -> Option<SubtleCrypto> {
    // Outside secure contexts the property is missing.
    CRYPTO.with(|crypto| crypto.as_ref().map(Crypto::subtle)).filter(|subtle| !subtle.is_undefined())
}

fn gcm(iv: &[u8]) -> Option<Object> {
    object(&[("name", "AES-GCM".into()), ("iv", Uint8Array::from(iv).into())])
}

fn object(fields: &[(&str, JsValue)]) -> Option<Object> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &JsValue::from_str(name), value).ok()?;
    }
    Some(object)
}
