//! The conversation building block: messages to a language model, its answers, and the tools that it wants called.

use crate::Metadata;

/// Who says something, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Rules of the application's developer.
    Developer(Said),
    /// Rules of the system.
    System(Said),
    /// The user.
    User(Said),
    /// An earlier answer of the model.
    Assistant {
        /// What it said.
        said: Said,
        /// What it wanted called.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The tool's name.
        name: String,
        /// The call that it answers.
        tool_id: String,
        /// Its answer.
        content: Vec<String>,
    },
}

/// Texts with the name of who said them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The name, if it has one.
    pub name: Option<String>,
    /// The texts.
    pub content: Vec<String>,
}

/// A call that the model wants made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call in the answer.
    pub id: String,
    /// The tool.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}

/// A tool that the model may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// The JSON schema of its arguments, as text.
    pub parameters: Option<String>,
}

/// Messages that get one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// In their order.
    pub messages: Vec<Message>,
    /// Whether Dapr is to blank out personal data.
    pub scrub_pii: bool,
}

/// What is asked of a conversation component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The conversation to go on with.
    pub context_id: Option<String>,
    /// Each gets an output.
    pub inputs: Vec<Input>,
    /// The component's own parameters; each value is JSON.
    pub parameters: Metadata,
    /// Component-specific extras.
    pub metadata: Metadata,
    /// Whether Dapr is to blank out personal data in the answers.
    pub scrub_pii: bool,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// What the model may ask for.
    pub tools: Vec<Tool>,
    /// `none`, `auto`, `required`, or a tool's name.
    pub tool_choice: Option<String>,
}

/// What the model answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Goes on with the conversation.
    pub context_id: Option<String>,
    /// One for each input.
    pub outputs: Vec<Output>,
}

/// The answer to an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Several where the model offers several.
    pub choices: Vec<Choice>,
}

/// One of the model's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `stop`, `length`, `tool_calls`, or the component's own word.
    pub finish_reason: String,
    /// Its place among the choices, from 0.
    pub index: i64,
    /// What the model said.
    pub content: String,
    /// What it wants called.
    pub tool_calls: Vec<ToolCall>,
}
