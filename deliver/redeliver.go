package deliver

import (
	"math/rand/v2"
	"time"
)

// Waits between two tries of a batch that the target does not take now.
const (
	redeliverFirst = 300 * time.Millisecond
	redeliverMost  = 10 * time.Second
)

var _ Redeliverer = (*Blocking)(nil)

// OnTrouble implements Redeliverer.
func (q *Blocking) OnTrouble(hear func(error)) { q.trouble = hear }

// deliver writes items, again and again while the error may pass (CW-282). The lane waits, so
// its order stays; lanes of other workers go on.
func (q *Blocking) deliver(items []blockingItem) error {
	for n := 0; ; n++ {
		err := q.write(items)
		if q.trouble == nil {
			return err
		}
		if err == nil || !Retriable(err) || q.life.Err() != nil {
			if n > 0 && err == nil {
				q.troubled(-1, nil)
			}
			return err
		}
		if n == 0 {
			q.troubled(1, err)
		} else {
			q.troubled(0, err)
		}
		wait := redeliverMost
		if n < 6 {
			wait = min(redeliverFirst<<n, redeliverMost)
		}
		t := time.NewTimer(wait/2 + rand.N(wait/2+1)) // tasks that failed together do not come back together
		select {
		case <-t.C:
		case <-q.life.Done():
			t.Stop()
			return err
		}
	}
}

// troubled tells of trouble, and of its end when no worker has any.
func (q *Blocking) troubled(more int, err error) {
	q.troubleMu.Lock()
	defer q.troubleMu.Unlock()
	q.inTrouble += more
	if err != nil || q.inTrouble == 0 {
		q.trouble(err)
	}
}
