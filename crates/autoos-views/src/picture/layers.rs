//! Steps in layers: each below all that it needs.

use crate::StepView;
use std::collections::HashMap;

/// The steps of a plan in layers, each layer in the order of the view. The elements of a list
/// are in the layer of their list, behind it.
pub(super) fn layers(steps: &[StepView]) -> Vec<Vec<&StepView>> {
    let by_id: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(n, step)| (step.id.as_str(), n)).collect();
    let mut depths: Vec<Option<usize>> = vec![None; steps.len()];
    let mut layers: Vec<Vec<&StepView>> = Vec::new();
    // A view has each step behind those that it needs; what has not is taken as it comes.
    for (n, step) in steps.iter().enumerate() {
        let of = |id: &str| by_id.get(id).and_then(|at| depths[*at]);
        let list = list_of(&step.id, &by_id).and_then(of);
        let below = step.needs.iter().filter_map(|need| of(need)).max().map(|depth| depth + 1);
        let planned = if is_planning(step) { 0 } else { usize::from(is_planning(&steps[0])) };
        let depth = list.or(below).unwrap_or(0).max(planned);
        depths[n] = Some(depth);
        if layers.len() <= depth {
            layers.resize_with(depth + 1, Vec::new);
        }
        layers[depth].push(step);
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

/// The list that a step is an element of.
fn list_of<'a>(id: &'a str, steps: &HashMap<&str, usize>) -> Option<&'a str> {
    let (list, item) = id.rsplit_once('.')?;
    let counts = !item.is_empty() && item.bytes().all(|byte| byte.is_ascii_digit());
    (counts && steps.contains_key(list)).then_some(list)
}

fn is_planning(step: &StepView) -> bool {
    autoos_kernel::workflow::is_planning(&step.id)
}
