// Package metrics has the registry of the process and the series that only the worker as a
// whole knows: which connectors and tasks there are and in which state (CW-383 to CW-393).
// What a task or connector knows is counted in its own package.
package metrics
