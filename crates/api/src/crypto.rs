//! The cryptography building block: streams encrypted by Dapr's `dapr.io/enc/v1` scheme, with keys that apps never see.

/// How to encrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encrypt {
    /// The key in the component, `name` or `name/version`.
    pub key_name: String,
    /// `A256KW`, `RSA-OAEP-256` and the like.
    pub key_wrap_algorithm: String,
    /// `aes-gcm` (the default) or `chacha20-poly1305`.
    pub data_encryption_cipher: Option<String>,
    /// Leaves the key's name out of the document.
    pub omit_decryption_key_name: bool,
    /// The name of the key to write into the document, if another.
    pub decryption_key_name: Option<String>,
}

/// How to decrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decrypt {
    /// The key to use, where the document names none or another is meant.
    pub key_name: Option<String>,
}
