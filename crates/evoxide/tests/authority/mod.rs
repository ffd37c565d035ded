//! Certificates for tests.
#![allow(dead_code, reason = "each test uses a part")]

use evoxide::tls::{ClientTls, Identity, ServerTls};

/// An authority that a test makes for itself.
pub struct Authority {
    pub pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: rcgen::Issuer::new(params, key) }
    }

    /// Chain and key for a name, as PEM.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.into()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    pub fn identity(&self, name: &str) -> Identity {
        let (chain, key) = self.issue(name);
        Identity::from_pem(chain, key).unwrap()
    }

    pub fn server(&self, name: &str) -> ServerTls {
        ServerTls::builder(self.identity(name)).build().unwrap()
    }

    pub fn client(&self) -> ClientTls {
        ClientTls::builder().root_pem(&self.pem).unwrap().build().unwrap()
    }
}
