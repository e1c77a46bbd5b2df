//! A daprd that isn't there, goes, comes back, wants another token, or takes too long.
