// Package actors runs connectors: root → registry → connector → task → lane. It is the only
// room that imports protoactor.
package actors
