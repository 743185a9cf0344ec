package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Reasons for which a session is lost.
var (
	ErrSession   = errors.New("the group's coordinator confirmed no heartbeat for session.timeout.ms")
	ErrRebalance = errors.New("the group rebalances, and this worker could not join within rebalance.timeout.ms")
	ErrKicked    = errors.New("the coordinator has taken this worker out of its group")
)

// session knows how long it is certain that nobody else has this worker's work, and sends the
// heartbeats that make it last.
//
// The broker ends a session when it received nothing for the session timeout. What it answered
// with success had arrived after we sent it. So from the moment of SENDING the last confirmed
// request, the session holds for the session timeout; the answer may come late, or be read late
// by a process that was stopped, and the deadline is still right:
//
//	A sends a heartbeat at 0 s and is stopped (SIGSTOP)
//	the broker answers at 0.1 s, ends the session at 10.1 s, B gets the work
//	A goes on at 20 s: the answer is there, its proof is of 0 s, the deadline 8 s: lost
type session struct {
	cfg    *Config
	clock  func() time.Duration
	beat   func(context.Context, string, int32) error // one heartbeat
	lost   func(error)                                // called once when the session is lost, must return at once
	wake   func()                                     // something changed that Run should look at
	poke   chan struct{}                              // wakes the loop
	expiry atomic.Int64                               // clock time until which the session is certain; 0: none

	mu         sync.Mutex // guards the fields below
	id         string
	generation int32
	active     bool // there is a session to keep
	epoch      int  // of begin and end: answers to older heartbeats are dropped
	proof      time.Duration
	unproven   bool          // proof is only when the session began
	joinBy     time.Duration // the broker waits until then for our JoinGroup; 0: it does not
	joining    bool          // a JoinGroup or SyncGroup is on its way
	rebalance  bool          // a heartbeat said that the group rebalances
	stale      bool          // a heartbeat said that the generation is over
	due        time.Duration // of the next heartbeat
	attempts   int           // failed in a row
}

// fresh tells whether the session is certain at this moment. It looks at the clock, not at a
// flag: after SIGCONT any goroutine may be the first to run.
func (s *session) fresh() bool {
	end := s.expiry.Load()
	return end != 0 && int64(s.clock()) < end
}

// begin starts or renews the session: a JoinGroup or SyncGroup that was sent at proof has
// succeeded.
func (s *session) begin(id string, generation int32, proof time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.kick()
	now := s.clock()
	if s.active && now >= s.deadline() {
		return // it is over; the loop says so
	}
	s.due = now + s.cfg.HeartbeatInterval
	switch certain := proof+s.cfg.SessionTimeout-s.cfg.margin() > now; {
	case certain:
		s.proved(proof)
	case !s.active:
		// The round took long, and a new member sends no heartbeats meanwhile. It has nothing
		// to lose yet: a heartbeat now tells whether it is a member.
		s.unproven, s.proof, s.due = true, now, now
	}
	s.id, s.generation, s.active = id, generation, true
	s.epoch++
	s.joinBy, s.rebalance, s.stale, s.attempts = 0, false, false, 0
	s.publish()
}

// proved notes that a request that was sent at a time had success. The caller holds mu.
func (s *session) proved(sent time.Duration) {
	if s.unproven {
		s.unproven, s.proof = false, sent
	}
	s.proof, s.attempts = max(s.proof, sent), 0
}

// end stops heartbeats, because this worker is no member any more or about to leave.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	s.kick()
}

func (s *session) stop() {
	s.active, s.unproven, s.rebalance, s.stale, s.joinBy, s.proof = false, false, false, false, 0, 0
	s.epoch++
	s.expiry.Store(0)
}

// setJoining says that a JoinGroup or SyncGroup is on its way: while it is, the broker keeps us.
func (s *session) setJoining(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining = on
	s.publish()
	s.kick()
}

// pending tells whether heartbeats asked for a new round.
func (s *session) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rebalance || s.stale
}

// deadline is when the session is no longer certain. The caller holds mu.
func (s *session) deadline() time.Duration {
	d := s.proof + s.cfg.SessionTimeout - s.cfg.margin()
	if s.joinBy > 0 && !s.joining {
		d = min(d, s.joinBy)
	}
	return d
}

func (s *session) publish() {
	switch {
	case s.unproven:
		s.expiry.Store(0)
	case s.active:
		s.expiry.Store(int64(s.deadline()))
	}
}

func (s *session) kick() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

type beaten struct {
	epoch int
	sent  time.Duration
	err   error
}

// run sends heartbeats until ctx ends. At most one is on its way.
func (s *session) run(ctx context.Context) {
	answers := make(chan beaten, 1)
	var out sync.WaitGroup // the heartbeat on its way
	defer out.Wait()
	flying := false
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		// The deadline comes first, whatever woke us: see the walk above.
		wait, send := s.next(flying)
		if send != nil {
			flying = true
			out.Go(func() { // ends with its answer, or with ctx
				ctx, cancel := context.WithTimeout(ctx, s.cfg.beatWithin())
				defer cancel()
				send.err = s.beat(ctx, send.id, send.generation)
				answers <- send.beaten
			})
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.poke:
		case <-timer.C:
		case b := <-answers:
			flying = false
			s.answered(b)
		}
	}
}

type beat struct {
	beaten
	id         string
	generation int32
}

// next ends the session if it is over, or says which heartbeat to send, or how long to wait.
func (s *session) next(flying bool) (time.Duration, *beat) {
	s.mu.Lock()
	if !s.active {
		s.mu.Unlock()
		return time.Hour, nil
	}
	now := s.clock()
	end := s.deadline()
	if now >= end {
		why := ErrSession
		if s.joinBy > 0 && !s.joining && s.joinBy <= now {
			why = ErrRebalance
		}
		s.stop()
		s.mu.Unlock()
		s.lost(why)
		return 0, nil
	}
	defer s.mu.Unlock()
	if !flying && now >= s.due {
		s.due = now + s.cfg.HeartbeatInterval
		return 0, &beat{beaten{s.epoch, now, nil}, s.id, s.generation}
	}
	if flying {
		return end - now, nil
	}
	return min(end, s.due) - now, nil
}

// answered takes what came of a heartbeat.
func (s *session) answered(b beaten) {
	s.mu.Lock()
	if b.epoch != s.epoch && !errors.Is(b.err, kerr.UnknownMemberID) || !s.active {
		s.mu.Unlock()
		return
	}
	switch {
	case b.epoch != s.epoch: // the id may be another by now: the next heartbeat tells
		s.due = s.clock()
		s.mu.Unlock()
		return
	case b.err == nil:
		first := s.unproven
		s.proved(b.sent)
		s.publish()
		s.mu.Unlock()
		if first {
			s.wake()
		}
		return
	case errors.Is(b.err, kerr.RebalanceInProgress):
		if !s.rebalance {
			// The broker's patience began after the heartbeat before, which was still fine.
			s.joinBy = s.proof + s.cfg.RebalanceTimeout
		}
		s.proved(b.sent)
		s.rebalance = true
		s.publish()
	case errors.Is(b.err, kerr.UnknownMemberID):
		s.stop()
		s.mu.Unlock()
		s.lost(ErrKicked)
		return
	case errors.Is(b.err, kerr.IllegalGeneration):
		// While joining this is the old generation, and the answer that brings the new one is
		// on its way.
		s.stale = s.stale || !s.joining
		s.due = s.clock() + s.cfg.backoff(s.attempts)
		s.attempts++
	default:
		s.due = s.clock() + s.cfg.backoff(s.attempts)
		s.attempts++
		if s.attempts == 1 {
			s.cfg.Log.Warn("a heartbeat to the group's coordinator was not answered", "err", b.err)
		}
	}
	s.mu.Unlock()
	s.wake()
}

// heartbeat is one Heartbeat request.
func (m *Member) heartbeat(ctx context.Context, id string, generation int32) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = m.cfg.Group, id, generation
	resp, err := req.RequestWith(ctx, m.cl)
	if err != nil {
		return fmt.Errorf("send a heartbeat to group %s: %w", m.cfg.Group, err)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// backoff is retry.backoff.ms, doubled for each failure before, up to retry.backoff.max.ms.
func (c *Config) backoff(attempt int) time.Duration {
	d := max(c.RetryBackoff, time.Millisecond)
	for range min(attempt, 20) {
		d *= 2
	}
	return min(d, max(c.RetryBackoffMax, c.RetryBackoff, time.Millisecond))
}
