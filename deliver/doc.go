// Package deliver is where changes go: the Sink contract and the adapter that turns a
// blocking write into a completion. Each kind of target has its own folder below; a folder
// here never imports another target's folder.
package deliver
