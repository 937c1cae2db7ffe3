//! Reading single parameters with the exact error texts of service-nodes 2.2. Knows no calls.

use serde_json::Map;
use serde_json::Value;

use super::call::Credentials;
use super::call::Format;
use super::call::Subaccount;
use crate::account::Account;
use crate::encoding;
use crate::limits;
use crate::store::messages::Scope;
use crate::store::revoked::Token;

/// A request that cannot be read: the text after `invalid request: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

type Result<T> = std::result::Result<T, Invalid>;

/// The parameters of one call; `null` counts as absent.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    map: &'a Map<String, Value>,
    format: Format,
}

impl<'a> Params<'a> {
    /// Wraps an object that came in this format.
    #[must_use]
    pub const fn new(map: &'a Map<String, Value>, format: Format) -> Self {
        Self { map, format }
    }

    /// How the request was encoded.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The value under this name, if any.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is a value under this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The account under `pubkey`, or `pubKey` where the old spelling is allowed.
    pub fn account(&self, alias: bool) -> Result<Account> {
        let value = match (self.value("pubkey"), self.value("pubKey").filter(|_| alias)) {
            (Some(_), Some(_)) => return Err(both("pubkey", "pubKey")),
            (Some(value), None) | (None, Some(value)) => value,
            (None, None) if alias => return Err(missing_either("pubKey", "pubkey")),
            (None, None) => return Err(missing("pubkey")),
        };
        value
            .as_str()
            .and_then(Account::parse)
            .ok_or_else(|| Invalid("Pubkey must be 66 hex digits (33 bytes) long".to_owned()))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>> {
        self.value(name).map(|value| value.as_str().ok_or_else(|| wrong(name))).transpose()
    }

    /// A boolean; absent is false.
    pub fn flag(&self, name: &str) -> Result<bool> {
        self.value(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong(name)))
    }

    /// A whole number; decimal text counts too where that is allowed.
    pub fn integer(&self, name: &str, or_text: bool) -> Result<Option<i64>> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if or_text => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(name))
    }

    /// A time in ms.
    pub fn time(&self, name: &str, or_text: bool) -> Result<Option<i64>> {
        match self.integer(name, or_text)? {
            Some(time) if time < 1_000_000_000 => {
                Err(Invalid(format!("Invalid timestamp for '{name}': timestamp must be in milliseconds")))
            }
            other => Ok(other),
        }
    }

    /// A time in ms that must be there.
    pub fn required_time(&self, name: &str) -> Result<i64> {
        self.time(name, false)?.ok_or_else(|| missing(name))
    }

    /// A namespace; absent is 0.
    pub fn namespace(&self) -> Result<i16> {
        let number = self.integer("namespace", false)?.unwrap_or(0);
        i16::try_from(number).map_err(|_| out_of_range("namespace"))
    }

    /// A namespace or `"all"`; absent is 0.
    pub fn scope(&self) -> Result<Scope> {
        match self.value("namespace") {
            Some(Value::String(text)) if text == "all" => Ok(Scope::All),
            _ => self.namespace().map(Scope::One),
        }
    }

    /// A signature of 64 bytes.
    pub fn signature(&self, name: &str) -> Result<Option<[u8; 64]>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        encoding::array_from_base64(text)
            .map(Some)
            .ok_or_else(|| Invalid(format!("Invalid value given for '{name}': expected base64 of 64 bytes")))
    }

    /// The Ed25519 key of a 05 account.
    pub fn ed25519(&self, account: Account) -> Result<Option<[u8; 32]>> {
        let Some(text) = self.text("pubkey_ed25519")? else { return Ok(None) };
        if account.prefix != 5 {
            return Err(Invalid("pubkey_ed25519 is only permitted for 05[...] pubkeys".to_owned()));
        }
        encoding::array_from_hex(text).map(Some).ok_or_else(|| {
            Invalid("Invalid value given for 'pubkey_ed25519': expected 64 hex digits (32 bytes)".to_owned())
        })
    }

    /// Who signs the call.
    pub fn credentials(&self, account: Account, required: bool) -> Result<Credentials> {
        let subaccount = match (self.token("subaccount")?, self.signature("subaccount_sig")?) {
            (Some(token), Some(signature)) => Some(Subaccount { token, signature }),
            (Some(_), None) => return Err(missing("subaccount_sig")),
            (None, Some(_)) => return Err(missing("subaccount")),
            (None, None) => None,
        };
        let signature = self.signature("signature")?;
        if required && signature.is_none() {
            return Err(missing("signature"));
        }
        Ok(Credentials { ed25519: self.ed25519(account)?, signature, subaccount })
    }

    fn token(&self, name: &str) -> Result<Option<Token>> {
        self.value(name).map(|value| token(name, value)).transpose()
    }

    /// Subaccount tokens: an array or a single one, at least one.
    pub fn tokens(&self, name: &str) -> Result<Vec<Token>> {
        let list = as_list(self.value(name).ok_or_else(|| missing(name))?);
        if list.is_empty() {
            return Err(wrong(name));
        }
        list.iter().map(|value| token(name, value)).collect()
    }

    /// Message hashes: an array or a single one, at least one.
    pub fn hashes(&self, name: &str) -> Result<Vec<String>> {
        let value = self.value(name).ok_or_else(|| missing(name))?;
        let list = as_list(value);
        if list.is_empty() || list.len() > limits::HASHES {
            return Err(Invalid(format!("Invalid value given for '{name}': expected 1 to {} hashes", limits::HASHES)));
        }
        list.iter()
            .map(|hash| {
                hash.as_str()
                    .filter(|hash| is_hash(hash))
                    .map(str::to_owned)
                    .ok_or_else(|| Invalid("invalid message hash: expected 43 base64 characters".to_owned()))
            })
            .collect()
    }
}

/// A single value counts as an array of one.
#[must_use]
pub fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        single => std::slice::from_ref(single),
    }
}

/// 36 bytes as base64 or hex.
fn token(name: &str, value: &Value) -> Result<Token> {
    let read = |text: &str| match text.len() {
        48 => encoding::array_from_base64(text),
        72 => encoding::array_from_hex(text),
        _ => None,
    };
    value
        .as_str()
        .and_then(read)
        .ok_or_else(|| Invalid(format!("Invalid value given for '{name}': expected 36 bytes as base64 or hex")))
}

/// 43 characters of base64.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
}

/// `Required field 'x' missing`.
#[must_use]
pub fn missing(name: &str) -> Invalid {
    Invalid(format!("Required field '{name}' missing"))
}

/// `Required field 'x' or 'y' missing`.
#[must_use]
pub fn missing_either(first: &str, second: &str) -> Invalid {
    Invalid(format!("Required field '{first}' or '{second}' missing"))
}

/// `Cannot specify both 'x' and 'y'`.
#[must_use]
pub fn both(first: &str, second: &str) -> Invalid {
    Invalid(format!("Cannot specify both '{first}' and '{second}'"))
}

/// `Invalid value given for 'x'`.
#[must_use]
pub fn wrong(name: &str) -> Invalid {
    Invalid(format!("Invalid value given for '{name}'"))
}

fn out_of_range(name: &str) -> Invalid {
    Invalid(format!("Invalid value given for '{name}': value out of range"))
}
