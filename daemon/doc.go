// Package daemon is the process: it opens the rooms, runs the herder and the REST server, and
// closes everything in order. plugins.go is the table of what can be run.
package daemon
