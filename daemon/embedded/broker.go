package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultPort is where the broker listens.
const DefaultPort = 9092

const (
	lockName     = "lock"
	segmentsName = "broker"
	clusterID    = "anabranch-embedded"
)

// ErrInUse says that another process has the directory.
var ErrInUse = errors.New("another process uses this data directory")

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *os.File
	addr    string
	storage *storage
}

// Start takes the lock of dir, which is created if missing, and starts a broker over it. A
// port of 0 picks a free one.
func Start(dir string, port int, log *slog.Logger) (*Broker, error) {
	if err := os.MkdirAll(filepath.Join(dir, segmentsName), 0o755); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	lock, err := takeLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	// kfake reports a taken port only after it has touched the directory.
	probe, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded broker on 127.0.0.1:%d: %w (is a Kafka running here already? then name it in a worker file, or choose another port with -broker-port)", port, errors.Unwrap(err)), lock.Close())
	}
	if err := probe.Close(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	disk := &storage{dir: dir, log: log, now: time.Now}
	c, err := kfake.NewCluster(
		kfake.WithLogger(disk),
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ClusterID(clusterID),
		kfake.DataDir(filepath.Join(dir, segmentsName)),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded broker in %s: %w", dir, err), lock.Close())
	}
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp, refused := disk.guard(req.(*kmsg.ProduceRequest))
		return resp, nil, refused
	})
	return &Broker{cluster: c, lock: lock, addr: c.ListenAddrs()[0], storage: disk}, nil
}

// takeLock locks a file for the life of the process. The kernel lets go of it when the process
// ends, however it ends.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0) // only to be helpful
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w (process %s); stop it or choose another with -data", ErrInUse, string(holder[:n]))
		}
		return nil, errors.Join(err, f.Close())
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0) // the lock holds without it, on a full disk too
	}
	return f, nil
}

// Addr is the address to connect to.
func (b *Broker) Addr() string { return b.addr }

// Explain puts an error of a client down to the disk, if that is what it was.
func (b *Broker) Explain(err error) error { return b.storage.explain(err) }

// Close stops the broker in order and gives the directory back.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.lock.Close()
}
