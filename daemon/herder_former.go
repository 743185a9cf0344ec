package daemon

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/daemon/cluster"
)

// formerWithin bounds the farewell to a member that is dead anyway.
const formerWithin = 3 * time.Second

// localHosts hears from which addresses a client's connections come, as brokers see them
// where nobody translates addresses.
type localHosts struct {
	mu   sync.Mutex // guards seen
	seen map[string]bool
}

var _ kgo.HookBrokerConnect = (*localHosts)(nil)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (l *localHosts) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, conn net.Conn, err error) {
	if err != nil {
		return
	}
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[host] = true
}

func (l *localHosts) has(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[host]
}

// buryFormerSelf takes a member out of the group that advertises the address of this worker
// from this machine: it was killed, since the port is ours. Without it the group would wait
// for session.timeout.ms before the first round, as with Connect. Any doubt leaves it there.
func (g *members) buryFormerSelf(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, formerWithin)
	defer cancel()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{g.group}
	resp, err := req.RequestWith(ctx, g.client)
	if err != nil || len(resp.Groups) != 1 || resp.Groups[0].ProtocolType != cluster.ProtocolType {
		return
	}
	for _, m := range resp.Groups[0].Members {
		md, err := cluster.ParseMetadata(m.ProtocolMetadata)
		if err != nil || md.URL != g.url || !g.hosts.has(strings.TrimPrefix(m.ClientHost, "/")) {
			continue
		}
		if err := leaveGroup(ctx, g.client, g.group, m.MemberID, "the worker was started again"); err != nil {
			g.log.Debug("take the former self out of the group", keyErr, err)
			continue
		}
		g.log.Info("the member that this worker was before it was killed is out of the group", "member", m.MemberID)
	}
}
