//! What can be wrong with the service, and the case that must find it.

/// Holds the name of the defect that the service has.
pub(crate) const VARIABLE: &str = "BROKEN";

/// One mistake that real services make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Defect {
    AcceptsAlgNone,
    AcceptsAnyCors,
    AcceptsHmacWithThePublicKey,
    AcceptsQueryTokens,
    AllOfIsAnyOf,
    AnswersRepeatClaims,
    CachesIntrospection,
    CachesVerdicts,
    DiesAtOnce,
    ExemptionsIgnoreCase,
    ExemptionsMatchPrefixes,
    ExemptionsOfRawPathsRoutesOfNormalOnes,
    FailsOnGarbage,
    FollowsJku,
    ForgetsKeysOnABadAnswer,
    HeadIsUnguarded,
    IgnoresActive,
    IgnoresAudience,
    IgnoresCrit,
    IgnoresExpiry,
    IgnoresIssuer,
    IgnoresKeyUse,
    IgnoresNotBefore,
    IgnoresSignature,
    IgnoresType,
    IssuerByPrefix,
    KeepsDeadKeys,
    LeaksSecretAtStart,
    LeaksTokenInLog,
    LetsInWhenIntrospectionFails,
    NoChallenge,
    NoSizeLimit,
    OutageIsUnauthorized,
    RefetchesForEachKid,
    RolesOfAnyClient,
    StartsWithBadSettings,
    TakesTheFirstHeader,
}

impl Defect {
    pub(crate) const ALL: [Self; 37] = [
        Self::AcceptsAlgNone,
        Self::AcceptsAnyCors,
        Self::AcceptsHmacWithThePublicKey,
        Self::AcceptsQueryTokens,
        Self::AllOfIsAnyOf,
        Self::AnswersRepeatClaims,
        Self::CachesIntrospection,
        Self::CachesVerdicts,
        Self::DiesAtOnce,
        Self::ExemptionsIgnoreCase,
        Self::ExemptionsMatchPrefixes,
        Self::ExemptionsOfRawPathsRoutesOfNormalOnes,
        Self::FailsOnGarbage,
        Self::FollowsJku,
        Self::ForgetsKeysOnABadAnswer,
        Self::HeadIsUnguarded,
        Self::IgnoresActive,
        Self::IgnoresAudience,
        Self::IgnoresCrit,
        Self::IgnoresExpiry,
        Self::IgnoresIssuer,
        Self::IgnoresKeyUse,
        Self::IgnoresNotBefore,
        Self::IgnoresSignature,
        Self::IgnoresType,
        Self::IssuerByPrefix,
        Self::KeepsDeadKeys,
        Self::LeaksSecretAtStart,
        Self::LeaksTokenInLog,
        Self::LetsInWhenIntrospectionFails,
        Self::NoChallenge,
        Self::NoSizeLimit,
        Self::OutageIsUnauthorized,
        Self::RefetchesForEachKid,
        Self::RolesOfAnyClient,
        Self::StartsWithBadSettings,
        Self::TakesTheFirstHeader,
    ];

    /// The case meant for it.
    pub(crate) fn caught_by(self) -> &'static str {
        match self {
            Self::AcceptsAlgNone => "header/alg-none",
            Self::AcceptsAnyCors => "cors/answer-to-another-origin",
            Self::AcceptsHmacWithThePublicKey => "header/hs256-with-the-modulus",
            Self::AcceptsQueryTokens => "bearer/token-in-the-query-is-ignored",
            Self::AllOfIsAnyOf => "roles/judge-alone-adds-no-case",
            Self::AnswersRepeatClaims => "challenges/nothing-of-the-token-breaks-out",
            Self::CachesIntrospection => "introspection/asked-each-time",
            Self::CachesVerdicts => "claims/same-token-is-judged-each-time",
            Self::DiesAtOnce => "shutdown/requests-in-flight-finish",
            Self::ExemptionsIgnoreCase => "exempt/case-sensitive",
            Self::ExemptionsMatchPrefixes => "exempt/whole-segments",
            Self::ExemptionsOfRawPathsRoutesOfNormalOnes => "exempt/dot-segments",
            Self::FailsOnGarbage => "token/garbage",
            Self::FollowsJku => "header/jku-is-not-followed",
            Self::ForgetsKeysOnABadAnswer => "keys/later-an-empty-list-changes-nothing",
            Self::HeadIsUnguarded => "methods/head-is-guarded",
            Self::IgnoresActive => "introspection/session-ended",
            Self::IgnoresAudience => "claims/aud-of-another-service",
            Self::IgnoresCrit => "header/crit-unknown",
            Self::IgnoresExpiry => "claims/expired",
            Self::IgnoresIssuer => "claims/iss-of-another-server",
            Self::IgnoresKeyUse => "key-lists/use-enc",
            Self::IgnoresNotBefore => "claims/nbf-in-the-future",
            Self::IgnoresSignature => "signature/changed-payload",
            Self::IgnoresType => "kind/id-token-with-our-audience",
            Self::IssuerByPrefix => "claims/iss-that-begins-like-ours",
            Self::KeepsDeadKeys => "keys/a-key-that-is-gone-is-dead-at-once",
            Self::LeaksSecretAtStart => "startup/url-with-user-and-password",
            Self::LeaksTokenInLog => "logs/no-token-of-refused-requests",
            Self::LetsInWhenIntrospectionFails => "introspection/a-server-error-is-502",
            Self::NoChallenge => "challenges/no-credentials",
            Self::NoSizeLimit => "limits/token-of-48-kib-and-one-byte",
            Self::OutageIsUnauthorized => "keys/at-start-a-server-error-is-503",
            Self::RefetchesForEachKid => "keys/unknown-kids-cost-one-fetch-in-a-cool-down",
            Self::RolesOfAnyClient => "roles/role-of-another-client-does-not-count",
            Self::StartsWithBadSettings => "startup/url-without-a-scheme",
            Self::TakesTheFirstHeader => "bearer/good-header-before-a-bad",
        }
    }

    /// As a test is named: `accepts_alg_none`.
    pub(crate) fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }

    /// The one that the environment names.
    pub(crate) fn of_environment() -> Option<Self> {
        let named = std::env::var(VARIABLE).ok()?;
        Self::ALL.into_iter().find(|defect| defect.name() == named)
    }
}
