//! The few bits of DER (X.690) that public keys and Keycloak's self-signed certificates need.

const SHA256_WITH_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const NULL: &[u8] = &[0x05, 0x00];
const TEN_YEARS_SECS: i64 = 10 * 365 * 86_400;

/// The `SubjectPublicKeyInfo` of an RSA key given as PKCS#1 (RFC 8017, appendix A.1.1).
pub(super) fn rsa_spki(pkcs1: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[RSA_ENCRYPTION, NULL]), &bit_string(pkcs1)])
}

/// Modulus and exponent of a PKCS#1 public key, without leading zeroes.
pub(super) fn rsa_numbers(pkcs1: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (numbers, _) = element(0x30, pkcs1)?;
    let (modulus, rest) = element(0x02, numbers)?;
    let (exponent, _) = element(0x02, rest)?;
    let trimmed = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
    Some((trimmed(modulus), trimmed(exponent)))
}

/// A version 1 certificate as Keycloak makes for its generated keys: the realm certifies itself for ten years.
pub(super) fn self_signed(
    realm: &str,
    spki: &[u8],
    now: i64,
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let algorithm = sequence(&[SHA256_WITH_RSA, NULL]);
    let name = sequence(&[&tagged(0x31, &[&sequence(&[COMMON_NAME, &tagged(0x0c, &[realm.as_bytes()])])])]);
    let validity = sequence(&[&utc_time(now), &utc_time(now + TEN_YEARS_SECS)]);
    let serial = integer(now.unsigned_abs());
    let certificate = sequence(&[&serial, &algorithm, &name, &validity, &name, spki]);
    let signature = sign(&certificate)?;
    Some(sequence(&[&certificate, &algorithm, &bit_string(&signature)]))
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, parts)
}

/// The shortest form, with a leading zero where the number would look negative otherwise (X.690, section 8.3).
fn integer(number: u64) -> Vec<u8> {
    let digits: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tagged(0x02, &[sign, &digits])
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], bytes])
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if let (Ok(short), true) = (u8::try_from(length), length < 0x80) {
        out.push(short);
    } else {
        let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        // At most eight digits, so the sum fits.
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        out.extend(digits);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// The content of an element with that tag, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let digits;
        (digits, rest) = rest.split_at_checked(length & 0x7f)?;
        length = digits
            .iter()
            .try_fold(0usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
    }
    (*found == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// `YYMMDDHHMMSSZ`: good until 2049, as certificates have it.
fn utc_time(unix: i64) -> Vec<u8> {
    let (days, secs) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let text = format!(
        "{:02}{month:02}{day:02}{:02}{:02}{:02}Z",
        year.rem_euclid(100),
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    );
    tagged(0x17, &[text.as_bytes()])
}

/// Year, month and day of a day counted from 1970-01-01, counting in eras of 400 years that start in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{civil, element, integer, tagged};

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
    }

    #[test]
    fn integers_are_as_short_as_they_can_be() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(0x7f), [2, 1, 0x7f]);
        assert_eq!(integer(0x80), [2, 2, 0, 0x80]);
        assert_eq!(integer(1_795_310_453), [2, 4, 0x6b, 0x02, 0x43, 0x75]);
    }

    #[test]
    fn long_elements_are_read_back() {
        let content = vec![7; 300];
        let der = tagged(0x04, &[&content]);
        assert_eq!(element(0x04, &der), Some((content.as_slice(), [].as_slice())));
        assert_eq!(element(0x02, &der), None);
    }
}
