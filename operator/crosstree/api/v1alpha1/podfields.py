"""Fields of Kubernetes 1.37 that a template may set and that pass through unseen.

A field that Kubernetes gets later passes through as well. It should be added here all the same: the rule that a
template can't change needs the names, because CEL calls two objects of equal size equal if they differ in
unknown names only.
"""

from __future__ import annotations

CONTAINER_FIELDS = (
    "args",
    "command",
    "envFrom",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
)

POD_FIELDS = (
    "activeDeadlineSeconds",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "evictionResponders",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "imagePullSecrets",
    "os",
    "preemptionPolicy",
    "priority",
    "readinessGates",
    "resourceClaims",
    "runtimeClassName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "terminationGracePeriodSeconds",
    "volumes",
)
