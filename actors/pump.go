package actors

import "sync"

// pumps are goroutines with an owner. Blocking work of a task runs in them and nowhere else;
// its result comes back to the task as a message.
type pumps struct {
	own sync.WaitGroup  // those of this owner
	all *sync.WaitGroup // those of the System, which waits for them in Shutdown; may be nil
}

// start runs fn and hands its error, or its panic as an error, to done.
func (p *pumps) start(fn func() error, done func(error)) {
	p.own.Add(1)
	if p.all != nil {
		p.all.Add(1)
	}
	go func() {
		if p.all != nil {
			defer p.all.Done()
		}
		defer p.own.Done()
		done(guard(fn))
	}()
}

// guard calls fn and turns its panic into an error that keeps the stack.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return fn()
}
