//! Yes, no, and what cannot be known here.

/// What a policy or a permission says. Whatever combines effects is monotone (a further yes never takes something away), so
/// it is enough to combine twice: once as if all that is unknown were no, once as if it were yes. Only the negation of a
/// policy turns, and that turns both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Effect {
    /// Yes, whatever the unknown is.
    pub(super) certain: bool,
    /// Yes, if the unknown is so.
    pub(super) possible: bool,
    /// Keycloak itself ends with an error here, and with it the whole request.
    pub(super) fails: bool,
}

impl Effect {
    pub(super) const GRANT: Self = Self { certain: true, possible: true, fails: false };
    pub(super) const DENY: Self = Self { certain: false, possible: false, fails: false };
    pub(super) const UNKNOWN: Self = Self { certain: false, possible: true, fails: false };
    pub(super) const FAILS: Self = Self { certain: false, possible: true, fails: true };

    pub(super) const fn of(granted: bool) -> Self {
        if granted { Self::GRANT } else { Self::DENY }
    }

    /// As a policy of NEGATIVE logic says it. What is unknown stays so.
    pub(super) const fn negated(self) -> Self {
        Self { certain: !self.possible, possible: !self.certain, fails: self.fails }
    }
}

/// Effects as bytes: a list of those that are not known yet is zeros, which cost next to nothing.
pub(super) struct Known;

impl Known {
    /// So many that are not known yet.
    pub(super) fn none(count: usize) -> Vec<u8> {
        vec![0; count]
    }

    pub(super) fn read(byte: u8) -> Option<Effect> {
        let bit = |n: u8| byte & (1 << n) != 0;
        bit(0).then(|| Effect { certain: bit(1), possible: bit(2), fails: bit(3) })
    }

    pub(super) fn write(effect: Effect) -> u8 {
        1 | u8::from(effect.certain) << 1 | u8::from(effect.possible) << 2 | u8::from(effect.fails) << 3
    }
}

/// How several become one. The server as a whole has the first two.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Strategy {
    Affirmative,
    Consensus,
    #[default]
    Unanimous,
}

impl Strategy {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Affirmative => "AFFIRMATIVE",
            Self::Consensus => "CONSENSUS",
            Self::Unanimous => "UNANIMOUS",
        }
    }

    /// `effects` are not none: nothing has no effect at all, and the caller knows what that means.
    pub(super) fn combine(self, effects: impl Iterator<Item = Effect>) -> Effect {
        let (mut all, mut certain, mut possible, mut fails) = (0_usize, 0_usize, 0_usize, false);
        for effect in effects {
            all += 1;
            certain += usize::from(effect.certain);
            possible += usize::from(effect.possible);
            fails |= effect.fails;
        }
        let enough = |grants: usize| match self {
            Self::Affirmative => grants > 0,
            Self::Consensus => grants > all - grants,
            Self::Unanimous => grants == all,
        };
        Effect { certain: enough(certain), possible: enough(possible), fails }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: Effect = Effect::GRANT;
    const D: Effect = Effect::DENY;
    const U: Effect = Effect::UNKNOWN;

    #[test]
    fn strategies_count_as_keycloak_does() {
        for (effects, affirmative, consensus, unanimous) in [
            (&[G][..], G, G, G),
            (&[D], D, D, D),
            (&[G, D], G, D, D),
            (&[G, G, D], G, G, D),
            (&[G, D, D], G, D, D),
            (&[G, G], G, G, G),
            (&[U], U, U, U),
            (&[U, G], G, U, U),
            (&[U, D], U, D, D),
            (&[U, G, G], G, G, U),
            (&[U, U, G], G, U, U),
            (&[U, D, D], U, D, D),
        ] {
            let with = |strategy: Strategy| strategy.combine(effects.iter().copied());
            assert_eq!(with(Strategy::Affirmative), affirmative, "{effects:?}");
            assert_eq!(with(Strategy::Consensus), consensus, "{effects:?}");
            assert_eq!(with(Strategy::Unanimous), unanimous, "{effects:?}");
        }
    }

    #[test]
    fn an_effect_comes_back_from_its_byte() {
        assert_eq!(Known::none(2), [0, 0]);
        assert_eq!(Known::read(0), None);
        for effect in [G, D, U, Effect::FAILS, Effect::FAILS.negated()] {
            assert_eq!(Known::read(Known::write(effect)), Some(effect));
        }
    }

    #[test]
    fn what_is_unknown_stays_unknown_when_it_is_turned_round() {
        assert_eq!((G.negated(), D.negated(), U.negated()), (D, G, U));
        assert!(Effect::FAILS.negated().fails && !Effect::FAILS.negated().certain);
    }
}
