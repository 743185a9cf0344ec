package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	joinLapse    = 5 * time.Second // Connect waits this much longer than the rebalance timeout
	requestLeast = 40 * time.Second
	unsyncTries  = 5 // CW-223
)

// hopeless are answers to a JoinGroup that another try does not change.
var hopeless = map[*kerr.Error]string{
	kerr.InconsistentGroupProtocol: "the group is in use by other clients than Kafka Connect, or by workers with another connect.protocol; use another group.id",
	kerr.InvalidSessionTimeout:     "session.timeout.ms is outside of the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
	kerr.InvalidGroupID:            "group.id is not one that the broker accepts",
	kerr.GroupAuthorizationFailed:  "the worker's principal needs the right READ on the group",
	kerr.GroupMaxSizeReached:       "the broker's group.max.size allows no more workers",
}

// round joins, syncs, and hands the result to the host. again says that another round has to
// follow at once.
func (m *Member) round(ctx context.Context) (again bool, err error) {
	a, err := m.join(ctx)
	if err != nil || a == nil {
		return true, err
	}
	return m.settle(ctx, a)
}

// join does JoinGroup and SyncGroup once. Without an assignment and an error, it is to be
// tried again.
func (m *Member) join(ctx context.Context) (*Assignment, error) {
	m.mu.Lock()
	reason := m.why
	m.why, m.settled = "", false
	m.members, m.owners = nil, nil
	id, protocol := m.id, m.protocol
	m.mu.Unlock()
	m.replan = 0

	if protocol == Eager { // CW-220
		if err := m.revoke(ctx, m.handed); err != nil {
			return nil, err
		}
		m.allocation = nil
	}

	// After a pause of the process this goroutine may be the first to run: nothing is claimed
	// that is not certain.
	for m.allocation != nil && !m.session.fresh() {
		m.session.kick()
		if err := m.pause(ctx, m.cfg.RetryBackoff); err != nil {
			return nil, err
		}
	}

	configs := m.host.Configs()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.ProtocolType, req.MemberID = m.cfg.Group, ProtocolType, id
	req.SessionTimeoutMillis = int32(m.cfg.SessionTimeout.Milliseconds())
	req.RebalanceTimeoutMillis = int32(m.cfg.RebalanceTimeout.Milliseconds())
	if reason != "" {
		req.Reason = kmsg.StringPtr(reason[:min(len(reason), 255)])
	}
	me := Metadata{URL: m.host.URL(), Offset: configs.Offset, Allocation: m.allocation}
	for _, v := range m.cfg.Protocol.Offers() {
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = v.Name(), me.Append(nil, v)
		req.Protocols = append(req.Protocols, p)
	}

	m.session.setJoining(true)
	defer m.session.setJoining(false)
	within, cancel := context.WithTimeout(ctx, max(requestLeast, m.cfg.RebalanceTimeout+joinLapse))
	defer cancel()
	sent := m.clock()
	resp, err := req.RequestWith(within, m.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, kerr.MemberIDRequired):
		m.setID(resp.MemberID)
		m.RequestRejoin("need to re-join with the given member-id: " + resp.MemberID)
		return nil, nil
	case errors.Is(err, kerr.UnknownMemberID):
		return nil, m.kicked()
	case err != nil:
		return nil, m.again(ctx, "join", err)
	}
	m.setID(resp.MemberID)
	m.generation = resp.Generation
	m.session.begin(resp.MemberID, resp.Generation, sent)

	version := m.cfg.Protocol
	if resp.Protocol != nil {
		if version, err = versionOfName(*resp.Protocol); err != nil {
			return nil, err
		}
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = m.cfg.Group, resp.MemberID, resp.Generation
	sync.ProtocolType, sync.Protocol = kmsg.StringPtr(ProtocolType), resp.Protocol
	if resp.LeaderID == resp.MemberID {
		sync.GroupAssignment = m.lead(ctx, version, configs, resp)
	}
	return m.sync(ctx, version, sync)
}

func (m *Member) sync(ctx context.Context, version Version, req *kmsg.SyncGroupRequest) (*Assignment, error) {
	within, cancel := context.WithTimeout(ctx, max(requestLeast, m.cfg.RebalanceTimeout+joinLapse))
	defer cancel()
	sent := m.clock()
	resp, err := req.RequestWith(within, m.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, kerr.RebalanceInProgress), errors.Is(err, kerr.IllegalGeneration):
		m.RequestRejoin("rebalance failed due to " + err.Error())
		return nil, nil
	case errors.Is(err, kerr.UnknownMemberID):
		return nil, m.kicked()
	case err != nil:
		return nil, m.again(ctx, "sync with", err)
	}
	a, err := ParseAssignment(resp.MemberAssignment)
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", m.cfg.Group, err)
	}
	m.session.begin(req.MemberID, req.Generation, sent)
	m.completed = req.Generation
	m.mu.Lock()
	m.protocol, m.leader, m.leaderURL, m.epoch = version, a.Leader, a.LeaderURL, req.Generation
	m.mu.Unlock()
	return &a, nil
}

// again waits for retry.backoff.ms, unless no other try helps.
func (m *Member) again(ctx context.Context, what string, err error) error {
	if ke := (*kerr.Error)(nil); errors.As(err, &ke) {
		if hint, bad := hopeless[ke]; bad {
			return fmt.Errorf("%s group %s: %w (%s)", what, m.cfg.Group, err, hint)
		}
	}
	m.cfg.Log.Warn("cannot "+what+" the group of workers, trying again", "group", m.cfg.Group, "err", err)
	m.RequestRejoin("rebalance failed due to " + err.Error())
	return m.pause(ctx, m.cfg.RetryBackoff)
}

func (m *Member) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kicked is what becomes of an answer that the broker does not know us: everything stops, as
// when a heartbeat says so.
func (m *Member) kicked() error {
	m.session.end()
	if len(m.handed) == 0 {
		m.forgetID()
		m.allocation = nil
		return nil
	}
	m.lost(ErrKicked)
	return errLost
}

func (m *Member) setID(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = id
}

// lead assigns for all (CW-226 to CW-240).
func (m *Member) lead(ctx context.Context, v Version, configs Configs, resp *kmsg.JoinGroupResponse) []kmsg.SyncGroupRequestGroupAssignment {
	members := map[string]Metadata{}
	urls := map[string]string{}
	newest := configs.Offset
	for _, member := range resp.Members {
		md, err := ParseMetadata(member.ProtocolMetadata)
		if err != nil {
			// It gets nothing, and what it may run is not given to others by this: it is unknown.
			m.cfg.Log.Error("a worker's metadata cannot be read; it is given no work", "member", member.MemberID, "err", err)
			continue
		}
		members[member.MemberID], urls[member.MemberID] = md, md.URL
		newest = max(newest, md.Offset)
	}
	answer := Assignment{Leader: resp.MemberID, LeaderURL: m.host.URL(), Offset: newest}
	if configs.Offset < newest { // CW-226
		within, cancel := context.WithTimeout(ctx, m.cfg.SyncTimeout)
		if err := m.host.ReadToEnd(within); err != nil {
			m.cfg.Log.Warn("as leader, cannot read the config topic to its end", "err", err)
		}
		cancel()
		configs = m.host.Configs()
		if configs.Offset < newest {
			answer.Error = configMismatch
		} else {
			answer.Offset = configs.Offset
		}
	}
	plan := Plan{}
	switch {
	case answer.Failed() || len(members) == 0:
	case v == Eager:
		plan = AssignEager(slices.Collect(maps.Keys(members)), configs)
	default:
		plan = m.assignor.Assign(Round{
			Now: m.clock(), Generation: resp.Generation, LastCompleted: m.completed, Members: members, Configs: configs,
		})
	}
	answer.DelayMillis = int32(plan.Delay.Milliseconds())
	m.mu.Lock()
	m.members, m.owners = urls, plan.Owners
	m.mu.Unlock()
	var out []kmsg.SyncGroupRequestGroupAssignment
	for _, member := range resp.Members {
		share := plan.Shares[member.MemberID]
		answer.Work, answer.Revoked = share.Started, share.Revoked
		g := kmsg.NewSyncGroupRequestGroupAssignment()
		g.MemberID, g.MemberAssignment = member.MemberID, answer.Append(nil, v)
		out = append(out, g)
	}
	return out
}

// settle takes an assignment: what is revoked stops, the configuration is read as far as the
// leader had read it, the host gets the rest (CW-220 to CW-222).
func (m *Member) settle(ctx context.Context, a *Assignment) (again bool, err error) {
	m.rounds.begin(m.clock())
	leader, _, me := m.Leader()
	v := m.Protocol()
	gone := setOf(a.Revoked)
	if v == Eager && !a.Failed() {
		gone = m.handed.minus(setOf(a.Work)) // after cooperative rounds it still runs
	}
	if err := m.revoke(ctx, gone); err != nil {
		return false, err
	}
	own := setOf(a.Work)
	if v != Eager && m.allocation != nil {
		own.add(setOf(m.allocation.Work).minus(gone))
	}
	kept := *a
	kept.Work = own.sorted()
	m.allocation = &kept
	if a.DelayMillis > 0 {
		m.replan = m.clock() + time.Duration(a.DelayMillis)*time.Millisecond // CW-221
	}

	behind := m.host.Configs().Offset < a.Offset
	if behind || a.Failed() && me {
		ok, err := m.catchUp(ctx, a.Failed() && me)
		if err != nil || !ok {
			return true, err
		}
	}
	if a.Failed() || m.host.Configs().Offset != a.Offset { // CW-222
		m.RequestRejoin("the configuration is not the one of the assignment")
		return true, m.pause(ctx, m.cfg.RetryBackoff)
	}
	for !m.session.fresh() { // the round took longer than a session: heartbeats decide
		m.session.kick()
		if err := m.pause(ctx, m.cfg.RetryBackoff); err != nil {
			return false, err
		}
		if m.session.pending() {
			return true, nil
		}
	}
	given := Given{
		Generation: m.completed, Protocol: v, Leader: leader, LeaderURL: a.LeaderURL, IsLeader: me, Offset: a.Offset,
		Started: own.minus(m.handed).sorted(), Revoked: a.Revoked, Owned: own.sorted(),
	}
	m.handed = own
	m.host.Assigned(ctx, given)
	m.rounds.done(m.clock())
	if len(a.Revoked) > 0 && v != Eager { // CW-221
		m.allocation.Revoked = nil
		m.RequestRejoin("work was revoked")
		return true, nil
	}
	m.mu.Lock()
	m.settled = true
	m.mu.Unlock()
	return false, nil
}

// catchUp reads the config topic to its end. If that takes too long, it tries on while the
// member stays in the group and its old work runs, as long as nobody waits for it; then
// everything stops, it leaves the group and waits (CW-223). A leader that could not assign
// leaves at once: the others wait for it, and would elect it again.
//
// Connect leaves at once and lets its work run on outside of the group. Then others may run it
// too, so ours does not.
func (m *Member) catchUp(ctx context.Context, blocking bool) (bool, error) {
	read := func() error {
		within, cancel := context.WithTimeout(ctx, m.cfg.SyncTimeout)
		defer cancel()
		return m.host.ReadToEnd(within)
	}
	var failed error
	for try := 0; try < unsyncTries; try++ {
		if failed = read(); failed == nil {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if m.session.pending() {
			return false, nil
		}
		if blocking {
			break
		}
		if err := m.pause(ctx, m.cfg.backoff(try)); err != nil {
			return false, err
		}
	}
	m.cfg.Log.Warn("the config topic cannot be read to its end; this worker leaves its group until it can", "err", failed)
	m.stopAll(ctx)
	m.leave(ctx, "taking too long to read the log")
	for left := unsyncTries; ; left = max(1, left-1) {
		d := m.cfg.MaxDelay / 10 / time.Duration(left)
		if m.Protocol() == Eager {
			d = m.cfg.UnsyncBackoff
		}
		if err := m.pause(ctx, max(d, m.cfg.RetryBackoffMax)); err != nil {
			return false, err
		}
		if read() == nil {
			m.RequestRejoin("the config topic can be read again")
			return false, nil
		}
	}
}

// leave takes this worker out of the group; the broker forgets it by itself if that fails.
func (m *Member) leave(ctx context.Context, reason string) {
	id := m.ID()
	m.session.end()
	m.forgetID()
	m.allocation, m.replan = nil, 0
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = m.cfg.Group, id
	who := kmsg.NewLeaveGroupRequestMember()
	who.MemberID, who.Reason = id, kmsg.StringPtr(reason)
	req.Members = append(req.Members, who)
	resp, err := req.RequestWith(ctx, m.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil && !errors.Is(err, kerr.UnknownMemberID) {
		m.cfg.Log.Warn("cannot leave the group of workers; the broker will miss this one after session.timeout.ms", "group", m.cfg.Group, "err", err)
	}
}
