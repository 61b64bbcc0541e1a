//! RSA keys whose factors can be found: those that a library in chips of Infineon made until 2017 (CVE-2017-15361, "ROCA").
//!
//! Their primes are powers of 65537 modulo the product of the first primes, so that the modulus is one too, modulo each of
//! these (Nemec et al., "The Return of Coppersmith's Attack", 2017, §2). Whoever owns such a key has to replace it.

/// For 2,048 bits and more, the product has the primes up to this one. Of other moduli, one in 2^167 looks the same.
const LAST: u32 = 701;

/// Whether a modulus, big-endian, is of this kind.
pub(super) fn is_made_so(modulus: &[u8]) -> bool {
    let has_no_factor = |number: &u32| (3..*number).step_by(2).all(|factor| !number.is_multiple_of(factor));
    // Most others are told by one of the first few.
    (3..=LAST).step_by(2).filter(has_no_factor).all(|prime| {
        let append = |rest: u32, byte: &u8| (rest << 8 | u32::from(*byte)) % prime;
        is_power(modulus.iter().fold(0, append), prime)
    })
}

/// Whether a number below `prime` is a power of 65537 modulo that.
fn is_power(number: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * (65537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// 65537^128, which has 2,049 bits, big-endian.
    pub(in crate::signature) fn made_so() -> Vec<u8> {
        let mut number = vec![1_u8];
        for _ in 0..128 {
            // By 65537: the number, and the same two places further.
            let further = [&number[..], &[0, 0]].concat();
            let mut carry = 0;
            let mut sum: Vec<u8> = Vec::new();
            for at in 0..further.len() {
                let digit = |of: &[u8]| of.len().checked_sub(at + 1).map_or(0, |index| u16::from(of[index]));
                let all = digit(&further) + digit(&number) + carry;
                sum.push(all.to_le_bytes()[0]);
                carry = all >> 8;
            }
            if carry > 0 {
                sum.push(1);
            }
            sum.reverse();
            number = sum;
        }
        number
    }

    #[test]
    fn a_power_is_recognised_with_and_without_leading_zeros() {
        let modulus = made_so();
        assert_eq!((modulus.len(), modulus[0]), (257, 1));
        assert!(is_made_so(&modulus) && is_made_so(&[&[0][..], &modulus].concat()));
    }

    #[test]
    fn its_neighbours_are_not() {
        let modulus = made_so();
        for last in (3..=255).step_by(2) {
            let other = [&modulus[..256], &[last]].concat();
            assert!(!is_made_so(&other), "{last}");
        }
        assert!(!is_made_so(&[0xd5; 256]) && !is_made_so(&[]));
    }
}
