//! Everything that loading or running a model can answer instead of a result.

use crate::tensor::Element;

/// Why a model can't be loaded or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The content is of no format that an engine here reads.
    #[error("not a model that can be read: expected a TensorFlow Lite file (`TFL3` at byte 4)")]
    NotAModel,
    /// An offset or length leads past the end of the file.
    #[error("model is truncated: {what} at byte {at} lies past the end")]
    Truncated {
        /// The thing that was read.
        what: &'static str,
        /// Where it was expected, in bytes from the start of the file.
        at: usize,
    },
    /// The file contradicts itself or the format.
    #[error("model is malformed: {place}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// The tensor or operator it was found in.
        place: String,
    },
    /// The file asks for something that no engine here does.
    #[error("model needs what isn't supported: {feature}")]
    Unsupported {
        /// The operator or feature, by its name in the format.
        feature: String,
    },
    /// A bound would be exceeded.
    #[error("model is over the limit `{limit}`: {got}, at most {maximum}")]
    TooLarge {
        /// Name of the limit.
        limit: &'static str,
        /// Its value.
        maximum: u64,
        /// What was asked for.
        got: u64,
    },
    /// An input was given with a wrong number of bytes.
    #[error("input `{input}` takes {expected} bytes of {element}, got {got}")]
    InputSize {
        /// Name of the input.
        input: String,
        /// Its element type.
        element: Element,
        /// Its size in bytes.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// There is no input of this index.
    #[error("model has {count} inputs, there is none of index {index}")]
    NoSuchInput {
        /// The index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// There is no output of this index.
    #[error("model has {count} outputs, there is none of index {index}")]
    NoSuchOutput {
        /// The index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// `run` was called before every input was set.
    #[error("input `{input}` was not set before the run")]
    InputUnset {
        /// Name of the input.
        input: String,
    },
    /// An output was asked for before a run completed.
    #[error("there is no output before a completed run")]
    NotRun,
    /// The caller's `stop` answered true.
    #[error("inference was stopped before it was done")]
    Stopped,
}

impl Error {
    pub(crate) fn malformed(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into(), place: place.into() }
    }

    pub(crate) fn unsupported(feature: impl Into<String>) -> Self {
        Self::Unsupported { feature: feature.into() }
    }

    /// Refuses what is over the limit of this name.
    pub(crate) fn check_limit(limit: &'static str, maximum: usize, got: usize) -> Result<(), Self> {
        if got <= maximum {
            return Ok(());
        }
        Err(Self::TooLarge { limit, maximum: maximum as u64, got: got as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_limit_and_both_values() {
        let error = Error::check_limit("model_bytes", 10, 11).unwrap_err();
        assert_eq!(error.to_string(), "model is over the limit `model_bytes`: 11, at most 10");
        assert_eq!(Error::check_limit("model_bytes", 10, 10), Ok(()));
    }
}
