//! `pillion:dapr/conversation`.

use super::{Answer, check_items};
use crate::instance::Host;
use pillion_api::{Metadata, conversation as dapr};
use pillion_wit::pillion::dapr::conversation::{self as wit};

impl wit::Host for Host {
    async fn converse(&mut self, component: String, request: wit::Request) -> Answer<wit::Response> {
        check_items(request.inputs.iter().map(|input| input.messages.len() + 1).sum())?;
        let request = of_request(request);
        let answer = self.ask_sidecar(|sidecar| async move { sidecar.converse(&component, request).await }).await?;
        let choices = answer.outputs.iter().flat_map(|output| &output.choices);
        self.check_answer(choices.map(|choice| choice.content.len()))?;
        let output = |output: dapr::Output| output.choices.into_iter().map(of_choice).collect();
        Ok(wit::Response { context_id: answer.context_id, outputs: answer.outputs.into_iter().map(output).collect() })
    }
}

fn of_request(given: wit::Request) -> dapr::Request {
    let tool =
        |tool: wit::Tool| dapr::Tool { name: tool.name, description: tool.description, parameters: tool.parameters };
    let input = |input: wit::Input| dapr::Input {
        messages: input.messages.into_iter().map(message).collect(),
        scrub_pii: input.scrub_pii,
    };
    dapr::Request {
        context_id: given.context_id,
        inputs: given.inputs.into_iter().map(input).collect(),
        parameters: Metadata::from_iter(given.parameters),
        metadata: Metadata::from_iter(given.metadata),
        scrub_pii: given.scrub_pii,
        temperature: given.temperature,
        tools: given.tools.into_iter().map(tool).collect(),
        tool_choice: given.tool_choice,
    }
}

fn message(given: wit::Message) -> dapr::Message {
    match given {
        wit::Message::Developer(text) => dapr::Message::Developer(said(text)),
        wit::Message::System(text) => dapr::Message::System(said(text)),
        wit::Message::User(text) => dapr::Message::User(said(text)),
        wit::Message::Assistant(answer) => dapr::Message::Assistant {
            said: said(answer.said),
            tool_calls: answer.tool_calls.into_iter().map(tool_call).collect(),
        },
        wit::Message::Tool(answer) => {
            dapr::Message::Tool { name: answer.name, tool_id: answer.tool_id, content: answer.content }
        }
    }
}

fn said(given: wit::Said) -> dapr::Said {
    dapr::Said { name: given.name, content: given.content }
}

fn tool_call(given: wit::ToolCall) -> dapr::ToolCall {
    dapr::ToolCall { id: given.id, name: given.name, arguments: given.arguments }
}

fn of_choice(choice: dapr::Choice) -> wit::Choice {
    let call = |call: dapr::ToolCall| wit::ToolCall { id: call.id, name: call.name, arguments: call.arguments };
    wit::Choice {
        finish_reason: choice.finish_reason,
        index: choice.index,
        content: choice.content,
        tool_calls: choice.tool_calls.into_iter().map(call).collect(),
    }
}
