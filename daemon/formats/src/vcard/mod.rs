//! Files of vCards: decoded, and cut into pieces of whole ones.

pub mod decode;
pub mod split;
