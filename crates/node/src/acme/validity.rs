//! From when until when a certificate counts: the one thing of X.509 that renewal has to know.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) until: i64,
}

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version in front of everything else.
const VERSION: u8 = 0xa0;

/// Of the first certificate of a chain.
pub(super) fn of_pem(chain: &str) -> Option<Validity> {
    of_der(&CertificateDer::pem_slice_iter(chain.as_bytes()).next()?.ok()?)
}

/// RFC 5280, 4.1: certificate, and in it serial number, algorithm, issuer, validity.
fn of_der(der: &[u8]) -> Option<Validity> {
    let (_, certificate, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (from_tag, from, rest) = element(validity)?;
    let (until_tag, until, _) = element(rest)?;
    Some(Validity { from: time(from_tag, from)?, until: time(until_tag, until)? })
}

/// Tag, content, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) =
            rest.split_at_checked(usize::from(*length & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pairs: Option<Vec<i64>> = (0..5).map(|n| rest.get(2 * n..2 * n + 2)?.parse().ok()).collect();
    let [month, day, hour, minute, second] = pairs?[..] else { return None };
    let good = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    good.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days from 1970 on in the Gregorian calendar; years begin in March, so that leap days come last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn certificates_say_from_when_until_when() {
        let key = rcgen::KeyPair::generate().unwrap();
        let validity = |from: (i32, u8, u8), until: (i32, u8, u8)| {
            let mut params = rcgen::CertificateParams::new(vec!["a.example.org".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
            of_pem(&params.self_signed(&key).unwrap().pem()).unwrap()
        };
        // As `date -u -d 2026-11-27 +%s` says.
        let short = validity((2026, 11, 27), (2027, 2, 25));
        assert_eq!(short, Validity { from: 1_795_737_600, until: 1_803_513_600 });
        let long = validity((1975, 1, 1), (4096, 2, 29));
        assert_eq!(long, Validity { from: 157_766_400, until: 67_095_216_000 });
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        assert_eq!(of_pem(""), None);
        assert_eq!(of_pem("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), None);
        for der in [&b"\x30"[..], b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x30", b"\x30\x85\0\0\0\0\0"] {
            assert_eq!(of_der(der), None);
        }
        for text in [&b"260231"[..], b"261327000000Z", b"26112700000Z", b"xx1127000000Z"] {
            assert_eq!(time(UTC_TIME, text), None);
        }
    }
}
