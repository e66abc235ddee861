"""What the API server has to be asked beyond the schemas: one ValidatingAdmissionPolicy, and its binding.

It holds the rules that read fields without a type, which the CEL of a CRD can't see. It is no webhook: nothing of ours
has to run for it. Where it is not installed the operator refuses the same objects by a condition.
"""

from __future__ import annotations

from typing import Any

from crosstree.api.v1alpha1 import size_rules
from crosstree.api.v1alpha1.rules import Frozen, Judge, Rule, in_a_policy
from crosstree.api.v1alpha1.trainingjob import TrainingJob, TrainingJobSpec
from crosstree.base.names import GROUP, VERSION

NAME = f"{TrainingJob.PLURAL}.{GROUP}"
_API = "admissionregistration.k8s.io/v1"


def policy() -> dict[str, Any]:
    """Return the ValidatingAdmissionPolicy."""
    everything: list[Rule | Frozen] = [*TrainingJobSpec.RULES, *TrainingJobSpec.FROZEN]
    rules = [rule.in_a_policy() for rule in everything if rule.judge is Judge.POLICY]
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            # One value to server-side apply, so its defaults are spelled out: else whoever applies it second, by
            # another name, would be told of a conflict with what the API server has added.
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [TrainingJob.PLURAL],
                        "scope": "*",
                    }
                ],
            },
            # A bad object stored before the policy came can still be labelled and, above all, deleted.
            "matchConditions": [
                {"name": "spec-is-new", "expression": "oldObject == null || object.spec != oldObject.spec"}
            ],
            "variables": [
                {"name": name, "expression": in_a_policy(cel)} for name, cel in size_rules.VARIABLES.items()
            ],
            "validations": rules,
        },
    }


def binding() -> dict[str, Any]:
    """Return the binding that puts the policy into force for all namespaces."""
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
