package flow

// Epoch numbers the incarnations of a task. 0 is none.
type Epoch uint64

// Epochs hands out epochs. Whatever comes back from an incarnation carries its epoch, and is
// dropped when that is no longer the current one. Without it:
//
//  1. a lane fails, the task rewinds to the stored position and reads row 7 again,
//  2. the old sink, not yet closed, reports that its row 7 of another lane is done,
//  3. the new row 7 counts as done although it is only on its way: a crash now loses it.
type Epochs struct{ current Epoch }

// Bump ends the current epoch and returns the next one.
func (e *Epochs) Bump() Epoch {
	e.current++
	return e.current
}

// Current returns the current epoch.
func (e *Epochs) Current() Epoch { return e.current }

// Stale reports whether x is not the current epoch.
func (e *Epochs) Stale(x Epoch) bool { return x != e.current }
