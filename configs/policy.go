package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Classes of connector.client.config.override.policy have this package and this ending.
const (
	policyPackage = "org.apache.kafka.connect.connector.policy."
	policyEnding  = "ConnectorClientConfigOverridePolicy"
)

// principalKeys are what the Principal policy lets through.
var principalKeys = []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}

// OverridePolicy says which client settings a connector may override (CW-91).
type OverridePolicy struct {
	name string // None, Principal, All, Allowlist
	keys []string
}

// parsePolicy takes the simple name, or the class with or without its package.
func parsePolicy(class string, allowlist []string) (OverridePolicy, error) {
	simple := strings.TrimSuffix(strings.TrimPrefix(class, policyPackage), policyEnding)
	switch simple {
	case "All", "None":
		return OverridePolicy{name: simple}, nil
	case "Principal":
		return OverridePolicy{name: simple, keys: principalKeys}, nil
	case "Allowlist":
		return OverridePolicy{name: simple, keys: allowlist}, nil
	}
	return OverridePolicy{}, Problem{overridePolicyKey, "Failed to find any class that implements interface " + policyPackage + policyEnding + " for the config " + overridePolicyKey + " and which name matches " + class +
		"; available here are All, None, Principal and Allowlist"}
}

// Name is the simple name of the policy.
func (p OverridePolicy) Name() string { return p.name }

// Denied returns Connect's text if a connector may not override a client setting (the name
// without producer.override. and the like), "" if it may.
func (p OverridePolicy) Denied(key string) string {
	if p.name == "All" || slices.Contains(p.keys, key) {
		return ""
	}
	return fmt.Sprintf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", p.name, key)
}
