package cluster

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/anabranch/anabranch/testenv"
)

// TestMember_CoordinatorComesAndGoes needs a broker of its own. The first pauses are longer than
// a session: everybody stops, and everybody is back afterwards; the restart is shorter.
func TestMember_CoordinatorComesAndGoes(t *testing.T) {
	if os.Getenv("ANABRANCH_SLOW") == "" {
		t.Skip("set ANABRANCH_SLOW=1 to run it")
	}
	k := testenv.PrivateKafka(t)
	w := newWorld(t)
	w.configure(thirty)
	var hosts []*host
	for i := range 3 {
		hosts = append(hosts, w.join(t, k, fmt.Sprintf("w%d", i), quick("g")))
	}
	all := func() error { return w.settled(hosts...) }
	eventually(t, 30*time.Second, "all work runs", all)
	for i := range 4 {
		k.Pause(t)
		eventually(t, 10*time.Second, "everybody stops", func() error {
			for _, h := range hosts {
				if h.losses() != i+1 {
					return fmt.Errorf("%s has lost %d sessions", h.name, h.losses())
				}
			}
			return nil
		})
		k.Continue(t)
		t.Logf("back after %s", eventually(t, 30*time.Second, "all work runs again", all))
	}
	k.Restart(t)
	t.Logf("back after %s", eventually(t, 60*time.Second, "all work runs after a restart", all))
}
