package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// hand is a session without a loop and with a clock that tests set.
type hand struct {
	*session
	now  time.Duration
	why  []error
	woke int
}

func byHand() *hand {
	h := &hand{now: time.Hour}
	cfg := Defaults("g") // session 10 s, given up after 8; heartbeat 3 s; rebalance 60 s
	h.session = &session{cfg: &cfg, clock: func() time.Duration { return h.now }, poke: make(chan struct{}, 1),
		beat: func(context.Context, string, int32) error { return nil },
		lost: func(err error) { h.why = append(h.why, err) }, wake: func() { h.woke++ }}
	return h
}

// beat sends the heartbeat that is due and has it answered later.
func (h *hand) heartbeat(t *testing.T, later time.Duration, err error) {
	t.Helper()
	_, b := h.next(false)
	if b == nil {
		t.Fatal("no heartbeat is due")
	}
	h.now += later
	b.err = err
	h.answered(b.beaten)
}

func (h *hand) want(t *testing.T, fresh bool, lost error) {
	t.Helper()
	h.next(true)
	if h.fresh() != fresh {
		t.Errorf("fresh %v at %s, deadline %s", h.fresh(), h.now, h.deadline())
	}
	if lost == nil && len(h.why) > 0 || lost != nil && (len(h.why) != 1 || !errors.Is(h.why[0], lost)) {
		t.Errorf("lost %v, want %v", h.why, lost)
	}
}

func TestSession_HoldsFromTheSendingOfWhatWasConfirmed(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.now += 3 * time.Second
	h.heartbeat(t, 5*time.Second, nil) // the answer comes 8 s after the beginning
	h.want(t, true, nil)
	h.now += 3*time.Second - 1
	if !h.fresh() {
		t.Error("not fresh within 8 s of the sending")
	}
	h.now++
	h.want(t, false, ErrSession)
}

func TestSession_AnswerReadAfterAPauseProvesNothing(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.now += 3 * time.Second
	_, b := h.next(false)
	h.now += 20 * time.Second // SIGSTOP, SIGCONT
	if h.fresh() {
		t.Error("fresh before anybody looked")
	}
	h.answered(b.beaten)
	h.want(t, false, ErrSession)
}

func TestSession_SyncAfterAPauseProvesNothing(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	sent := h.now
	h.now += 20 * time.Second
	h.begin("m", 2, sent)
	h.want(t, false, ErrSession)
}

func TestSession_NewMemberHasNothingToLoseWhileItJoins(t *testing.T) {
	h := byHand()
	sent := h.now
	h.now += 30 * time.Second // others took their time
	h.begin("m", 1, sent)
	h.want(t, false, nil)
	h.heartbeat(t, 0, nil)
	h.want(t, true, nil)
	if h.woke == 0 {
		t.Error("nobody is told that the session is certain now")
	}
}

func TestSession_RebalanceHasToBeJoinedInTime(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	began := h.now
	for h.now-began < 57*time.Second {
		h.now += 3 * time.Second
		h.heartbeat(t, 0, kerr.RebalanceInProgress)
	}
	if !h.pending() || !h.fresh() {
		t.Errorf("pending %v, fresh %v", h.pending(), h.fresh())
	}
	h.setJoining(true)
	h.now = began + 61*time.Second
	h.want(t, true, nil) // a JoinGroup is there: the broker keeps us
	h.setJoining(false)
	h.want(t, false, ErrRebalance)
}

func TestSession_OldGenerationWhileJoiningIsFine(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.setJoining(true)
	h.now += 3 * time.Second
	h.heartbeat(t, 0, kerr.IllegalGeneration)
	if h.pending() {
		t.Error("asks for another round")
	}
	h.setJoining(false)
	h.now += time.Second
	h.heartbeat(t, 0, kerr.IllegalGeneration)
	if !h.pending() {
		t.Error("asks for no round")
	}
	h.want(t, true, nil)
}

func TestSession_UnknownMemberIsLostAtOnce(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.now += 3 * time.Second
	h.heartbeat(t, 0, kerr.UnknownMemberID)
	h.want(t, false, ErrKicked)
}

func TestSession_LateAnswersOfAnEarlierLifeAreDropped(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.now += 3 * time.Second
	_, b := h.next(false)
	h.end()
	h.answered(b.beaten)
	h.want(t, false, nil)
	h.begin("n", 1, h.now)
	b.err = kerr.UnknownMemberID
	h.answered(b.beaten)
	h.want(t, true, nil)
}

func TestSession_FailuresBackOff(t *testing.T) {
	h := byHand()
	h.begin("m", 1, h.now)
	h.now += 3 * time.Second
	for _, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		h.heartbeat(t, 0, errors.New("no route"))
		if got := h.due - h.now; got != want*time.Millisecond {
			t.Errorf("next after %s, want %s ms", got, want)
		}
		h.now = h.due
	}
	h.want(t, true, nil)
	h.heartbeat(t, 0, nil)
	h.want(t, true, nil)
}

func TestConfig_Check(t *testing.T) { // CW-104
	good := Defaults("g")
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Config){
		"no group": func(c *Config) { c.Group = "" }, "no session": func(c *Config) { c.SessionTimeout = 0 },
		"slow heartbeat": func(c *Config) { c.HeartbeatInterval = c.SessionTimeout },
	} {
		bad := Defaults("g")
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func TestRebalanceMetrics(t *testing.T) { // CW-385
	var r rebalances
	var m RebalanceMetrics
	r.fill(&m, time.Hour)
	if m.Completed != 0 || m.MaxMillis == m.MaxMillis || m.SinceLastMillis < 1e18 {
		t.Errorf("before the first: %+v", m)
	}
	at := time.Hour
	for _, took := range []time.Duration{100, 300} {
		r.begin(at)
		r.fill(&m, at)
		if !m.Rebalancing {
			t.Error("not rebalancing")
		}
		at += took * time.Millisecond
		r.done(at)
	}
	r.fill(&m, at+time.Second)
	if m.Completed != 2 || m.Rebalancing || m.MaxMillis != 300 || m.AvgMillis != 200 || m.SinceLastMillis != 1000 {
		t.Errorf("%+v", m)
	}
	r.fill(&m, at+2*time.Minute)
	if m.MaxMillis == m.MaxMillis || m.SinceLastMillis != 120000 {
		t.Errorf("later: %+v", m)
	}
}
