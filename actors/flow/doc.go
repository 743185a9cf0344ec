// Package flow has the three decisions that keep rows safe, as plain values without actors,
// goroutines or clocks: [Tracker] says which positions may be committed, [Budget] how much
// may be in flight, [Epochs] which completions still count.
//
// A Tracker and Epochs belong to one task and are not safe for concurrent use; a Budget is.
package flow
