//! The choice of the tensors of a file that are folded while it arrives.

use std::collections::HashMap;

use crate::weights::fold::{Role, role};

/// Largest number of tensors from a norm to the last matrix behind it: somewhat more than a block has. They are handed
/// out together.
const MAX_DISTANCE: usize = 32;

/// For each of the tensors `names`, in the order of the file, the norm whose fold it takes part in, and its role.
/// Those norms are folded whose two vectors follow one another, with their matrices soon after, as published files
/// have them: others would have to be held for long.
pub fn fold_of_each(names: &[&str]) -> Vec<Option<(String, Role)>> {
    let mut folds = vec![None; names.len()];
    for (norm, members) in by_norm(names) {
        if can_fold(&members) {
            for (i, role) in members {
                folds[i] = Some((norm.clone(), role));
            }
        }
    }
    folds
}

/// The tensors of the other norms that are folded, by their places and their roles: all of a norm lie near each other,
/// but a matrix comes before a vector, as in files of `open_clip`, which are sorted by name. They have to wait for each other.
pub fn out_of_order(names: &[&str]) -> Vec<Vec<(usize, Role)>> {
    let mut groups: Vec<_> = by_norm(names)
        .into_values()
        .filter(|members| !can_fold(members))
        .collect();
    groups.retain(|members| {
        let count = |wanted: Role| members.iter().filter(|(_, role)| *role == wanted).count();
        let distance = members.last().map_or(0, |last| last.0) - members.first().map_or(0, |first| first.0);
        count(Role::Gain) == 1 && count(Role::Bias) == 1 && count(Role::Matrix) > 0 && distance < MAX_DISTANCE
    });
    groups.sort();
    groups
}

/// Places and roles of the tensors of each norm, in the order of the file.
fn by_norm(names: &[&str]) -> HashMap<String, Vec<(usize, Role)>> {
    let mut by_norm: HashMap<String, Vec<(usize, Role)>> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some((norm, role)) = role(name) {
            by_norm.entry(norm).or_default().push((i, role));
        }
    }
    by_norm
}

/// Returns true if the tensors of one norm, by their places in the file, come in an order in which they can be folded.
fn can_fold(members: &[(usize, Role)]) -> bool {
    let [(first, a), (second, b), matrices @ ..] = members else {
        return false;
    };
    let is_near = |(place, role): &(usize, Role)| *role == Role::Matrix && place - first < MAX_DISTANCE;
    let vectors = *a != Role::Matrix && *b != Role::Matrix && *second == first + 1;
    vectors && !matrices.is_empty() && matrices.iter().all(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_folded_where_their_tensors_are_together() {
        let block = "text_model.encoder.layers.0";
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("{block}.{name}")).collect();
            let folds = fold_of_each(&names.iter().map(String::as_str).collect::<Vec<_>>());
            folds
                .into_iter()
                .map(|fold| fold.map(|(_, role)| role))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(&[
                "layer_norm2.bias",
                "layer_norm2.weight",
                "mlp.fc1.bias",
                "mlp.fc1.weight"
            ]),
            [Some(Role::Bias), Some(Role::Gain), None, Some(Role::Matrix)]
        );
        let waiting = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("{block}.{name}")).collect();
            out_of_order(&names.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(
            waiting(&[
                "mlp.fc1.weight",
                "mlp.fc1.bias",
                "layer_norm2.bias",
                "layer_norm2.weight"
            ]),
            [[(0, Role::Matrix), (2, Role::Bias), (3, Role::Gain)]]
        );
        assert!(waiting(&["layer_norm2.bias", "layer_norm2.weight", "mlp.fc1.weight"]).is_empty());
        assert!(waiting(&["layer_norm2.bias", "mlp.fc1.weight"]).is_empty());
        for apart in [
            ["mlp.fc1.weight", "layer_norm2.bias", "layer_norm2.weight"],
            ["layer_norm2.bias", "mlp.fc1.bias", "layer_norm2.weight"],
            ["layer_norm2.bias", "layer_norm2.weight", "mlp.fc2.weight"],
        ] {
            assert_eq!(of(&apart), [None; 3]);
        }
        let mut far = vec!["layer_norm2.bias", "layer_norm2.weight"];
        far.extend(["mlp.fc2.bias"; MAX_DISTANCE]);
        far.push("mlp.fc1.weight");
        assert!(of(&far).iter().all(Option::is_none) && waiting(&far).is_empty());
    }
}
