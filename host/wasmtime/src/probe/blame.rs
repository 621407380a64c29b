//! Whether a round of failures says anything about the backends (HOST-7).

use std::collections::BTreeMap;

use backstop_core::{Failure, FailureClass, Outcome};

/// Returns the outcomes of one round of probes, in order, without those that are this host's own
/// fault (HOST-7).
///
/// Each outcome comes with the endpoint that was asked, as
/// [`Target::endpoint`](super::Target::endpoint) names it; none is for what needs no network, and
/// is neither counted nor changed. An endpoint is out of reach if every probe of it ended in
/// `network` or `timeout`. If the round met at least three endpoints and more than half of them
/// were out of reach, then it was this host's way out that failed: every `network` and `timeout`
/// becomes `internal`, so nothing fails over because of it.
///
/// Endpoints are counted, not probes: ten backends on one registry that is down are one failure.
///
/// ```
/// use backstop::probe::blame;
/// use backstop_core::{Failure, FailureClass, Outcome};
///
/// let lost = Outcome::Failed(Failure::new(FailureClass::Network, "`a` refuses connections"));
/// let round = ["a", "b", "c"].map(|host| (Some(host.to_owned()), lost.clone()));
/// let Outcome::Failed(failure) = &blame(&round)[0] else { panic!("still a failure") };
/// assert_eq!(failure.class, FailureClass::Internal);
/// ```
pub fn blame(reports: &[(Option<String>, Outcome)]) -> Vec<Outcome> {
    const FEWEST: usize = 3;
    let mut reached = BTreeMap::new();
    for (endpoint, outcome) in reports {
        if let Some(endpoint) = endpoint {
            *reached.entry(endpoint).or_insert(false) |= out_of_reach(outcome).is_none();
        }
    }
    let lost = reached.values().filter(|reached| !**reached).count();
    let ours = reached.len() >= FEWEST && lost * 2 > reached.len();

    let judge = |(endpoint, outcome): &(Option<String>, Outcome)| match out_of_reach(outcome) {
        Some(failure) if ours && endpoint.is_some() => Outcome::Failed(Failure::new(
            FailureClass::Internal,
            format!(
                "most endpoints were out of reach at once, so this host's network is at fault: {}",
                failure.message
            ),
        )),
        Some(_) | None => outcome.clone(),
    };
    reports.iter().map(judge).collect()
}

fn out_of_reach(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Failed(failure)
            if matches!(failure.class, FailureClass::Network | FailureClass::Timeout) =>
        {
            Some(failure)
        }
        Outcome::Failed(_) | Outcome::Ok => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a round such as `a:network b:ok -:timeout` and returns the classes after it.
    fn judged(round: &str) -> String {
        let reports: Vec<_> = round
            .split(' ')
            .map(|word| {
                let (endpoint, class) = word.split_once(':').unwrap();
                let endpoint = (endpoint != "-").then(|| endpoint.to_owned());
                match class {
                    "ok" => (endpoint, Outcome::Ok),
                    class => (
                        endpoint,
                        Outcome::Failed(Failure::new(FailureClass::from_code(class), "why")),
                    ),
                }
            })
            .collect();
        let class = |outcome| match outcome {
            Outcome::Ok => "ok",
            Outcome::Failed(failure) => failure.class.code(),
        };
        blame(&reports)
            .into_iter()
            .map(class)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_round_is_judged_by_its_endpoints() {
        let table = [
            (
                "a:network b:timeout c:network",
                "internal internal internal",
                "all three are out of reach",
            ),
            (
                "a:network b:timeout c:ok",
                "internal internal ok",
                "two of three are more than half",
            ),
            (
                "a:network b:timeout c:ok d:ok",
                "network timeout ok ok",
                "a half is not more than half",
            ),
            (
                "a:network b:timeout",
                "network timeout",
                "two endpoints are too few to tell",
            ),
            (
                "a:network a:network a:timeout",
                "network network timeout",
                "one endpoint is one failure",
            ),
            (
                "a:network a:ok b:network c:ok",
                "network ok network ok",
                "an endpoint that answered once is in reach",
            ),
            (
                "a:auth b:network c:network",
                "auth internal internal",
                "a refusal proves reach and stays what it is",
            ),
            (
                "a:auth b:server c:network",
                "auth server network",
                "one of three is that endpoint's own",
            ),
            (
                "a:network b:network c:network -:timeout",
                "internal internal internal timeout",
                "a disk needs no network",
            ),
            (
                "-:timeout -:timeout -:timeout",
                "timeout timeout timeout",
                "disks say nothing of the network",
            ),
        ];
        for (round, expected, why) in table {
            assert_eq!(judged(round), expected, "{why}: {round}");
        }
    }
}
