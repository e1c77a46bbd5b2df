//! fermyon:spin/llm 2.0 over the conversation building block: a model is a component.

use super::asking::{Asking, Told, shown};
use super::components::{self, CONVERSATION};
use crate::instance::Host;
use pillion_api::conversation::{Input, Message, Request, Said};
use pillion_api::{Code, Error};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};

/// Dapr's conversation API answers no vectors.
const NO_EMBEDDINGS: &str = "Dapr's conversation API makes no embeddings: ask a service that does by wasi:http";

#[derive(ComponentType, Lift)]
#[component(record)]
#[allow(dead_code)] // Dapr hands on the temperature alone.
struct Params {
    #[component(name = "max-tokens")]
    max_tokens: u32,
    #[component(name = "repeat-penalty")]
    repeat_penalty: f32,
    #[component(name = "repeat-penalty-last-n-token-count")]
    repeat_penalty_last: u32,
    temperature: f32,
    #[component(name = "top-k")]
    top_k: u32,
    #[component(name = "top-p")]
    top_p: f32,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "model-not-supported")]
    ModelNotSupported,
    #[component(name = "runtime-error")]
    Runtime(String),
    #[component(name = "invalid-input")]
    InvalidInput(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.message().to_owned();
        match error.code() {
            Code::ConversationNotFound => Self::ModelNotSupported,
            Code::BadRequest | Code::ConversationInvalidParameters => Self::InvalidInput(message),
            _ => Self::Runtime(message),
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Answer {
    text: String,
    usage: Usage,
}

/// 0: the conversation API doesn't say.
#[derive(Default, ComponentType, Lower)]
#[component(record)]
struct Usage {
    #[component(name = "prompt-token-count")]
    prompt: u32,
    #[component(name = "generated-token-count")]
    generated: u32,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Embeddings {
    embeddings: Vec<Vec<f32>>,
    usage: EmbeddingsUsage,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct EmbeddingsUsage {
    #[component(name = "prompt-token-count")]
    prompt: u32,
}

/// The component that a model is named for, else the only one.
async fn component_of(asking: &Asking, model: &str) -> Result<String, Error> {
    let mut names = components::of(asking, CONVERSATION).await?;
    if let Some(at) = names.iter().position(|name| name == model) {
        return Ok(names.swap_remove(at));
    }
    match (names.len(), names.pop()) {
        (1, Some(only)) => Ok(only),
        _ => Err(Error::new(CONVERSATION.absent, format!("no conversation component is named `{}`", shown(model)))
            .hint("name a conversation component like the model, or have only one of them")),
    }
}

async fn infer(asking: &Asking, model: &str, prompt: String, params: Option<Params>) -> Result<Answer, Error> {
    let component = component_of(asking, model).await?;
    let said = Said { name: None, content: vec![prompt] };
    let request = Request {
        inputs: vec![Input { messages: vec![Message::User(said)], scrub_pii: false }],
        temperature: params.map(|params| params.temperature.into()),
        ..Request::default()
    };
    let response = asking.sidecar().converse(&component, request).await?;
    let choice = response.outputs.into_iter().next().and_then(|output| output.choices.into_iter().next());
    let text = choice.map(|choice| choice.content).unwrap_or_default();
    asking.fits(text.len())?;
    Ok(Answer { text, usage: Usage::default() })
}

/// `infer` and `generate-embeddings`.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "infer",
        |mut store: StoreContextMut<'_, Host>, (model, prompt, params): (String, String, Option<Params>)| {
            Box::new(async move {
                let asking = Asking::begin(&mut store)?;
                asking.told::<_, Failure>(infer(&asking, &model, prompt, params).await)
            })
        },
    )?;
    instance.func_wrap(
        "generate-embeddings",
        |_: StoreContextMut<'_, Host>, _: (String, Vec<String>)| -> Told<Embeddings, Failure> {
            Ok((Err(Failure::Runtime(NO_EMBEDDINGS.to_owned())),))
        },
    )
}
