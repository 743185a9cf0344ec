package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// evictWithin bounds what the start of a sink task spends on members that are dead.
const evictWithin = 3 * time.Second

// Evict takes the members with a client id out of a consumer group. The id is that of one task,
// and the task is this worker's: a member of that name is what is left of a worker that was killed
// or frozen. Without it the new consumer would get no partition before the session of the old one
// ends, 45 seconds by default, and a frozen one could commit once more after it wakes up. What
// fails is left to that session.
func (k *kafkaCluster) Evict(ctx context.Context, group, clientID string) {
	ctx, cancel := context.WithTimeout(ctx, evictWithin)
	defer cancel()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	resp, err := req.RequestWith(ctx, k.cl)
	if err != nil || len(resp.Groups) != 1 {
		return
	}
	for _, m := range resp.Groups[0].Members {
		if m.ClientID != clientID {
			continue
		}
		if err := leaveGroup(ctx, k.cl, group, m.MemberID, "the task runs elsewhere"); err != nil {
			k.log.Debug("take a dead member out of the consumer group", "group", group, keyErr, err)
			continue
		}
		k.log.Info("a dead member is out of the consumer group", "group", group, "member", m.MemberID)
	}
}

func leaveGroup(ctx context.Context, cl *kgo.Client, group, member, reason string) error {
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.MemberID = group, member
	who := kmsg.NewLeaveGroupRequestMember()
	who.MemberID, who.Reason = member, kmsg.StringPtr(reason)
	leave.Members = append(leave.Members, who)
	answer, err := leave.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownMemberID) {
		return err
	}
	for _, m := range answer.Members {
		if err := kerr.ErrorForCode(m.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownMemberID) {
			return err
		}
	}
	return nil
}
