//go:build tools

// Package tools names the command that localcluster builds, so that go.mod and go.sum pin what it needs.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
