package kafka

import (
	"context"
	"slices"

	"github.com/anabranch/anabranch/capture"
)

var _ capture.Pauser = (*Source)(nil)

// Pause implements capture.Pauser: nothing is fetched, Read goes on polling, so that the member
// stays in its group and rebalances pass (CW-252). What was polled before stays in the queue.
func (s *Source) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held, s.lift = context.WithCancel(context.Background())
	}
	for tp := range s.assigned { // what is assigned later is paused then
		s.cl.PauseFetchTopics(tp.topic)
	}
}

// Resume implements capture.Pauser.
func (s *Source) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return
	}
	s.lift() // lets Read out of its poll
	s.held, s.lift = nil, nil
	if topics := s.cl.PauseFetchTopics(); len(topics) > 0 {
		s.cl.ResumeFetchTopics(topics...)
	}
}

// pausedUntil returns the context that ends with the pause, nil if there is none.
func (s *Source) pausedUntil() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// keepOut makes rebalances wait again, after one that is under way, and takes what was given
// away meanwhile out of the queue. It is for a queue that was kept over a poll:
//
//  1. paused, Read polls with records in the queue; rebalances pass
//  2. a partition goes to another member, and comes back at its committed offset
//  3. Read would hand over its old records, which the other member has delivered, and then again
func (s *Source) keepOut() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.requeue(s.cl.PollRecords(ctx, 1)) // counts as a poll, though it returns at once
	s.dropGone()
	s.loose = false
}

// dropGone takes out of the queue what belongs to partitions that were given away. The goroutine
// of Read calls it before what was polled later joins the queue.
func (s *Source) dropGone() {
	s.mu.Lock()
	gone := s.gone
	s.gone = nil
	s.mu.Unlock()
	if len(gone) > 0 {
		s.queue = slices.DeleteFunc(s.queue, func(c chunk) bool { return slices.Contains(gone, c.topicPartition) })
	}
}
