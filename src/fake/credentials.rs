//! Access keys: how they are made up, and how a test gets to see them.

use crate::{
    dialect::Scene,
    store::{AccessKey, Entropy, Principal, Secret, Standing, Timestamp, Token},
    wire::encode::hex,
};

/// An access key and what goes with it: what a client needs to act as somebody.
///
/// Debug output hides the secret and the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The name of the principal: `owner`, `writer`, `stranger`, or a name the test gave.
    pub name: String,
    /// The access key id (COS: SecretId).
    pub access_key_id: String,
    secret: Secret,
    token: Option<Secret>,
}

impl Credentials {
    /// The secret access key (COS: SecretKey).
    pub fn secret_access_key(&self) -> &str {
        self.secret.reveal()
    }

    /// The security token, for temporary credentials.
    pub fn security_token(&self) -> Option<&str> {
        self.token.as_ref().map(Secret::reveal)
    }
}

/// A new access key, the `count`th of its fake.
pub(super) fn new_key(
    scene: &Scene,
    seed: u64,
    count: usize,
    principal: Principal,
    expires: Option<Timestamp>,
) -> AccessKey {
    // Far from where request ids are counted.
    let Entropy([a, b, c, d]) = Entropy::of(!seed, count as u64);
    let token = expires.map(|expires| Token { text: Secret::new(format!("token/{}", hex(d.to_be_bytes()))), expires });
    AccessKey {
        id: format!("{}{a:016X}", scene.key_prefix),
        secret: Secret::new(format!("{b:016x}{c:016x}")),
        principal,
        token,
        standing: Standing::Active,
    }
}

pub(super) fn credentials_of(key: &AccessKey) -> Credentials {
    Credentials {
        name: key.principal.name().to_owned(),
        access_key_id: key.id.clone(),
        secret: key.secret.clone(),
        token: key.token.as_ref().map(|token| token.text.clone()),
    }
}
