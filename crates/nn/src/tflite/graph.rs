//! A loaded TensorFlow Lite model: its steps in order, and where each value lies.

use super::node::{Io, Node, Operator};
use super::operators::{self, Built};
use super::pace::Pace;
use super::parse::{self, Tensor};
use super::plan::{self, Life};
use crate::aligned::Aligned;
use crate::arena::aligned;
use crate::engine::LoadLimits;
use crate::kernel::Kernel;
use crate::tensor::TensorInfo;
use crate::{Element, Error};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes that a step or tensor is counted as beside its weights.
const STEP_BYTES: usize = 512;

/// Where a step's input comes from.
#[derive(Clone, Copy, Debug)]
enum Operand {
    /// An activation, by its index in `Graph::ranges`.
    Activation(usize),
    /// A constant, by its index in `Graph::constants`.
    Constant(usize),
}

#[derive(Debug)]
struct Step {
    operator: Box<dyn Operator>,
    inputs: Vec<Operand>,
    output: usize,
}

/// A checked, packed and planned model.
#[derive(Debug)]
pub(crate) struct Graph {
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    input_activations: Vec<usize>,
    output_operands: Vec<Operand>,
    steps: Vec<Step>,
    ranges: Vec<Range<usize>>,
    constants: Vec<Aligned<u8>>,
    activation_bytes: usize,
    arena_bytes: usize,
    packed_bytes: usize,
}

impl Graph {
    pub(crate) fn load(bytes: &[u8], limits: LoadLimits, kernel: Kernel) -> Result<Self, Error> {
        let description = parse::parse(bytes)?;
        let mut builder = Builder::new(description.tensors, limits, kernel);
        for input in &description.inputs {
            builder.input(*input)?;
        }
        for (index, operator) in description.operators.iter().enumerate() {
            builder.operator(index, operator)?;
        }
        builder.finish(&description.inputs, &description.outputs)
    }

    pub(crate) fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    pub(crate) fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    pub(crate) fn packed_bytes(&self) -> usize {
        self.packed_bytes
    }

    pub(crate) fn arena_bytes(&self) -> usize {
        self.arena_bytes
    }

    pub(crate) fn set_input(&self, arena: &mut [u8], index: usize, data: &[u8]) {
        let target = &mut arena[self.ranges[self.input_activations[index]].clone()];
        target.copy_from_slice(data);
        if self.inputs[index].element == Element::I8 {
            flip_signs(target);
        }
    }

    /// How many operators a run has.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Runs one operator; those before it have run.
    pub(crate) fn step(&self, arena: &mut [u8], index: usize, stop: &dyn Fn() -> bool) -> Result<(), Error> {
        let mut pace = Pace::new(stop);
        let (activations, scratch) = arena.split_at_mut(self.activation_bytes);
        if let Some(step) = self.steps.get(index) {
            pace.ask()?;
            let range = &self.ranges[step.output];
            let (before, rest) = activations.split_at_mut(range.start);
            let (output, after) = rest.split_at_mut(range.len());
            // The plan keeps a step's output apart from its inputs, so each input lies wholly before or after it.
            let input = |operand: &Operand| match *operand {
                Operand::Constant(index) => self.constants[index].get(),
                Operand::Activation(index) if self.ranges[index].end <= range.start => {
                    &before[self.ranges[index].clone()]
                }
                Operand::Activation(index) => {
                    let input = &self.ranges[index];
                    &after[input.start - range.end..input.end - range.end]
                }
            };
            let inputs = step.inputs.iter().map(input).collect();
            step.operator.run(Io { inputs, output, scratch: &mut *scratch }, &mut pace)?;
        }
        Ok(())
    }

    pub(crate) fn output<'a>(&'a self, arena: &'a [u8], index: usize) -> &'a [u8] {
        match self.output_operands[index] {
            Operand::Activation(index) => &arena[self.ranges[index].clone()],
            Operand::Constant(index) => self.constants[index].get(),
        }
    }
}

/// Flips the top bit of every byte: from int8 to the engine's uint8, and back.
fn flip_signs(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte ^= 0x80);
}

/// The last step of an int8 output: back to the file's type.
#[derive(Debug)]
struct FlipSigns;

impl Operator for FlipSigns {
    fn run(&self, io: Io<'_>, _: &mut Pace<'_>) -> Result<(), Error> {
        io.output.copy_from_slice(io.inputs[0]);
        flip_signs(io.output);
        Ok(())
    }
}

struct Builder<'a> {
    tensors: Vec<Tensor<'a>>,
    /// For each tensor the activation that holds it, once something has produced it.
    produced: Vec<Option<usize>>,
    lives: Vec<Life>,
    steps: Vec<Step>,
    constants: Vec<Aligned<u8>>,
    constant_of: HashMap<usize, usize>,
    packed_bytes: usize,
    limits: LoadLimits,
    kernel: Kernel,
}

impl<'a> Builder<'a> {
    fn new(tensors: Vec<Tensor<'a>>, limits: LoadLimits, kernel: Kernel) -> Self {
        Self {
            produced: vec![None; tensors.len()],
            packed_bytes: tensors.len() * STEP_BYTES,
            tensors,
            lives: Vec::new(),
            steps: Vec::new(),
            constants: Vec::new(),
            constant_of: HashMap::new(),
            limits,
            kernel,
        }
    }

    fn input(&mut self, tensor: usize) -> Result<(), Error> {
        let activation = self.activation(tensor)?;
        self.produced[tensor] = Some(activation);
        Ok(())
    }

    /// A new activation for a tensor that nothing else gives a value.
    fn activation(&mut self, tensor: usize) -> Result<usize, Error> {
        self.expect_unproduced(tensor)?;
        let step = self.steps.len();
        self.lives.push(Life { bytes: self.tensors[tensor].bytes(), first: step, last: step });
        Ok(self.lives.len() - 1)
    }

    fn expect_unproduced(&self, tensor: usize) -> Result<(), Error> {
        let data = &self.tensors[tensor];
        if self.produced[tensor].is_some() || data.data.is_some() {
            return Err(Error::malformed(data.label(), "it is given a value twice"));
        }
        Ok(())
    }

    fn operator(&mut self, index: usize, operator: &parse::Operator<'a>) -> Result<(), Error> {
        let tensor = |index: &Option<usize>| index.map(|index| &self.tensors[index]);
        let node = Node {
            name: operator.name,
            index,
            options: operator.options,
            inputs: operator.inputs.iter().map(tensor).collect(),
            output: &self.tensors[operator.output],
            kernel: self.kernel,
            taken: self.packed_bytes,
            limit: self.limits.packed_bytes,
        };
        match operators::build(&node)? {
            Built::Step { operator: step, inputs } => self.step(step, &inputs, operator),
            Built::Alias => self.alias(operator),
            Built::Constant(data) => {
                self.expect_unproduced(operator.output)?;
                self.count(data.len())?;
                self.tensors[operator.output].data = Some(data.into());
                Ok(())
            }
        }
    }

    fn step(&mut self, step: Box<dyn Operator>, inputs: &[usize], operator: &parse::Operator<'a>) -> Result<(), Error> {
        self.count(step.packed_bytes().saturating_add(STEP_BYTES))?;
        Error::check_limit("arena_bytes", self.limits.arena_bytes, step.scratch_bytes())?;
        let operand = |number: &usize| {
            let tensor = operator.inputs.get(*number).copied().flatten();
            self.operand(tensor.ok_or_else(|| Error::malformed(operator.name, "an input is missing"))?)
        };
        let inputs = inputs.iter().map(operand).collect::<Result<_, _>>()?;
        let output = self.activation(operator.output)?;
        self.produced[operator.output] = Some(output);
        self.steps.push(Step { operator: step, inputs, output });
        Ok(())
    }

    /// The value of a tensor for the step that comes next.
    fn operand(&mut self, tensor: usize) -> Result<Operand, Error> {
        if let Some(activation) = self.produced[tensor] {
            self.lives[activation].last = self.steps.len();
            return Ok(Operand::Activation(activation));
        }
        if let Some(constant) = self.constant_of.get(&tensor) {
            return Ok(Operand::Constant(*constant));
        }
        let label = self.tensors[tensor].label();
        let unset = || Error::malformed(label, "it is used before anything gives it a value");
        let data = self.tensors[tensor].data.clone().ok_or_else(unset)?;
        self.count(data.len())?;
        let mut constant = Aligned::of(&data);
        if self.tensors[tensor].element == Element::I8 {
            flip_signs(constant.get_mut());
        }
        self.constants.push(constant);
        self.constant_of.insert(tensor, self.constants.len() - 1);
        Ok(Operand::Constant(self.constants.len() - 1))
    }

    /// An output that is the first input's bytes under another shape.
    fn alias(&mut self, operator: &parse::Operator<'a>) -> Result<(), Error> {
        let source = operator.inputs.first().copied().flatten();
        let source = source.ok_or_else(|| Error::malformed(operator.name, "input 0 is missing"))?;
        self.expect_unproduced(operator.output)?;
        match self.operand(source)? {
            Operand::Activation(activation) => self.produced[operator.output] = Some(activation),
            Operand::Constant(_) => {
                let data = self.tensors[source].data.clone();
                self.tensors[operator.output].data = data;
            }
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        self.packed_bytes = self.packed_bytes.saturating_add(bytes);
        Error::check_limit("total_bytes", self.limits.packed_bytes, self.packed_bytes)
    }

    fn finish(mut self, inputs: &[usize], outputs: &[usize]) -> Result<Graph, Error> {
        let output_operands = outputs.iter().map(|tensor| self.output(*tensor)).collect::<Result<Vec<_>, _>>()?;
        let end = self.steps.len();
        let input_activations: Vec<usize> = inputs.iter().filter_map(|tensor| self.produced[*tensor]).collect();
        // Inputs stay set from run to run, and outputs are read after it: both live from end to end.
        for activation in &input_activations {
            self.lives[*activation] = Life { first: 0, last: end, ..self.lives[*activation] };
        }
        for operand in &output_operands {
            if let Operand::Activation(activation) = operand {
                self.lives[*activation].last = end;
            }
        }
        let (ranges, activation_bytes) = plan::place(&self.lives);
        let scratch = self.steps.iter().map(|step| step.operator.scratch_bytes()).max().unwrap_or(0);
        let arena_bytes = activation_bytes.saturating_add(aligned(scratch));
        Error::check_limit("arena_bytes", self.limits.arena_bytes, arena_bytes)?;
        Ok(Graph {
            inputs: inputs.iter().map(|tensor| info(&self.tensors[*tensor])).collect(),
            outputs: outputs.iter().map(|tensor| info(&self.tensors[*tensor])).collect(),
            input_activations,
            output_operands,
            steps: self.steps,
            ranges,
            constants: self.constants,
            activation_bytes,
            arena_bytes,
            packed_bytes: self.packed_bytes,
        })
    }

    fn output(&mut self, tensor: usize) -> Result<Operand, Error> {
        let operand = self.operand(tensor)?;
        if self.tensors[tensor].element != Element::I8 {
            return Ok(operand);
        }
        let step = self.steps.len();
        self.lives.push(Life { bytes: self.tensors[tensor].bytes(), first: step, last: step });
        let output = self.lives.len() - 1;
        self.steps.push(Step { operator: Box::new(FlipSigns), inputs: vec![operand], output });
        Ok(Operand::Activation(output))
    }
}

fn info(tensor: &Tensor<'_>) -> TensorInfo {
    TensorInfo {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        element: tensor.element,
        scale: tensor.quantisation.scale.first().copied().unwrap_or(1.0),
        zero_point: tensor.quantisation.zero_point.first().copied().unwrap_or(0),
        bytes: tensor.bytes(),
    }
}
