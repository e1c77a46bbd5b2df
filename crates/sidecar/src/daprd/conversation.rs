//! Conversation: messages, tools and answers.

use super::{json, status::Call};
use dapr::dapr::proto::runtime::v1::{
    ConversationInputAlpha2, ConversationMessage, ConversationMessageContent, ConversationMessageOfAssistant,
    ConversationMessageOfDeveloper, ConversationMessageOfSystem, ConversationMessageOfTool, ConversationMessageOfUser,
    ConversationRequestAlpha2, ConversationResponseAlpha2, ConversationResultChoices, ConversationToolCalls,
    ConversationToolCallsOfFunction, ConversationTools, ConversationToolsFunction, conversation_message::MessageTypes,
    conversation_tool_calls, conversation_tools,
};
use pillion_api::{
    Code, Error, Result,
    conversation::{Choice, Input, Message, Output, Request, Response, Said, Tool, ToolCall},
};

pub(super) const CONVERSE: Call = Call { name: "conversation", rows: &[], failed: Code::ConversationInvoke };

/// A request; a tool's parameters must be a JSON object.
pub(super) fn request(component: &str, request: Request) -> Result<ConversationRequestAlpha2> {
    Ok(ConversationRequestAlpha2 {
        name: component.to_owned(),
        context_id: request.context_id,
        inputs: request.inputs.into_iter().map(input).collect(),
        parameters: request.parameters.into_iter().map(|(name, text)| (name, json::scalar(&text))).collect(),
        metadata: request.metadata.into_iter().collect(),
        scrub_pii: Some(request.scrub_pii),
        temperature: request.temperature,
        tools: request.tools.into_iter().map(|tool| self::tool(component, tool)).collect::<Result<_>>()?,
        tool_choice: request.tool_choice,
        response_format: None,
        prompt_cache_retention: None,
    })
}

fn input(input: Input) -> ConversationInputAlpha2 {
    let messages = input.messages.into_iter().map(message).collect();
    ConversationInputAlpha2 { messages, scrub_pii: Some(input.scrub_pii) }
}

fn message(message: Message) -> ConversationMessage {
    let message = match message {
        Message::Developer(Said { name, content }) => {
            MessageTypes::OfDeveloper(ConversationMessageOfDeveloper { name, content: texts(content) })
        }
        Message::System(Said { name, content }) => {
            MessageTypes::OfSystem(ConversationMessageOfSystem { name, content: texts(content) })
        }
        Message::User(Said { name, content }) => {
            MessageTypes::OfUser(ConversationMessageOfUser { name, content: texts(content) })
        }
        Message::Assistant { said: Said { name, content }, tool_calls } => {
            let tool_calls = tool_calls.into_iter().map(tool_call).collect();
            MessageTypes::OfAssistant(ConversationMessageOfAssistant { name, content: texts(content), tool_calls })
        }
        Message::Tool { name, tool_id, content } => {
            MessageTypes::OfTool(ConversationMessageOfTool { tool_id: Some(tool_id), name, content: texts(content) })
        }
    };
    ConversationMessage { message_types: Some(message) }
}

fn texts(content: Vec<String>) -> Vec<ConversationMessageContent> {
    content.into_iter().map(|text| ConversationMessageContent { text }).collect()
}

fn tool_call(call: ToolCall) -> ConversationToolCalls {
    let function = ConversationToolCallsOfFunction { name: call.name, arguments: call.arguments };
    ConversationToolCalls {
        id: Some(call.id),
        tool_types: Some(conversation_tool_calls::ToolTypes::Function(function)),
    }
}

fn tool(component: &str, tool: Tool) -> Result<ConversationTools> {
    let wrong = |why: serde_json::Error| {
        let message =
            format!("failed conversing with component {component}: invalid params: tool `{}`: {why}", tool.name);
        Error::new(Code::ConversationInvalidParameters, message)
            .hint("a tool's parameters are a JSON schema, an object")
    };
    let parameters = tool.parameters.as_deref().map(serde_json::from_str).transpose().map_err(wrong)?;
    let function = ConversationToolsFunction {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: parameters.map(json::to_struct),
    };
    Ok(ConversationTools { tool_types: Some(conversation_tools::ToolTypes::Function(function)) })
}

pub(super) fn response(answer: ConversationResponseAlpha2) -> Response {
    let output =
        |choices: Vec<ConversationResultChoices>| Output { choices: choices.into_iter().map(choice).collect() };
    Response {
        context_id: answer.context_id.filter(|id| !id.is_empty()),
        outputs: answer.outputs.into_iter().map(|result| output(result.choices)).collect(),
    }
}

fn choice(choice: ConversationResultChoices) -> Choice {
    let message = choice.message.unwrap_or_default();
    let call = |call: ConversationToolCalls| {
        let conversation_tool_calls::ToolTypes::Function(function) = call.tool_types?;
        Some(ToolCall { id: call.id.unwrap_or_default(), name: function.name, arguments: function.arguments })
    };
    Choice {
        finish_reason: choice.finish_reason,
        index: choice.index,
        content: message.content,
        tool_calls: message.tool_calls.into_iter().filter_map(call).collect(),
    }
}
