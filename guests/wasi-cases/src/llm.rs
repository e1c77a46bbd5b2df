//! Spin's language models.

use crate::fermyon::spin::llm::{self, InferencingParams};
use crate::{said, unknown};

pub fn run(call: &[&str]) -> String {
    match call {
        ["infer", model, prompt] => said(llm::infer(model, prompt, None).map(|result| result.text)),
        ["warm", model, prompt] => {
            let params = InferencingParams {
                max_tokens: 9,
                repeat_penalty: 1.0,
                repeat_penalty_last_n_token_count: 1,
                temperature: 0.5,
                top_k: 1,
                top_p: 1.0,
            };
            said(llm::infer(model, prompt, Some(params)).map(|result| result.text))
        }
        ["embed", model, text] => {
            said(llm::generate_embeddings(model, &[text.to_string()]).map(|result| result.embeddings))
        }
        _ => unknown(call),
    }
}
