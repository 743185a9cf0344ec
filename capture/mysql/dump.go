package mysql

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

// openDump connects as a replica and asks for the log: by GTID set when one is given, else
// from a file and position. It returns the session and how many bytes of checksum end the events.
func openDump(ctx context.Context, s *settings, set *gtid.Set, file string, pos int64) (*session, int, error) {
	x, err := dial(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	strip, err := x.register(ctx, s)
	if err == nil {
		if set != nil {
			err = x.dumpGTID(s.serverID, set)
		} else {
			err = x.dumpFile(s.serverID, file, pos)
		}
	}
	if err != nil {
		_ = x.close() // the first error is the one to tell
		if c := cancelled(ctx); c != nil {
			return nil, 0, c
		}
		e := fail("start reading binlog of", s.address(), err)
		var ce *capture.Error
		if serverCode(err) == errAccessDenied && errors.As(e, &ce) {
			// The login went well: the server says the same of a replica without the privilege.
			ce.Hint = "grant REPLICATION SLAVE to the user"
		}
		return nil, 0, e
	}
	return x, strip, nil
}

// register announces us as a replica.
func (x *session) register(ctx context.Context, s *settings) (strip int, err error) {
	sum, err := x.value(ctx, "SELECT @@global.binlog_checksum")
	if err != nil {
		return 0, err
	}
	// The server would cut checksums off for us, but positions are computed from the length that
	// the file has.
	if strings.EqualFold(sum, "CRC32") {
		strip = 4
	}
	stmts := []string{fmt.Sprintf("SET @source_binlog_checksum='%s', @master_binlog_checksum='%s'", sum, sum)}
	if s.keepAlive > 0 {
		period := heartbeatPeriod(s.keepAlive).Nanoseconds()
		stmts = append(stmts, fmt.Sprintf("SET @source_heartbeat_period=%d, @master_heartbeat_period=%d", period, period))
	}
	id := newRunID()
	stmts = append(stmts, fmt.Sprintf("SET @replica_uuid='%s', @slave_uuid='%s'", id, id))
	if s.netWriteTimeout > 0 {
		stmts = append(stmts, fmt.Sprintf("SET SESSION net_write_timeout=%d", s.netWriteTimeout))
	}
	if s.netReadTimeout > 0 {
		stmts = append(stmts, fmt.Sprintf("SET SESSION net_read_timeout=%d", s.netReadTimeout))
	}
	for _, sql := range stmts {
		if err := x.exec(ctx, sql); err != nil {
			return 0, err
		}
	}
	var arg []byte
	arg = binary.LittleEndian.AppendUint32(arg, s.serverID)
	arg = append(arg, 0, 0, 0)                     // no host, user and password to show
	arg = binary.LittleEndian.AppendUint16(arg, 0) // no port
	arg = binary.LittleEndian.AppendUint64(arg, 0) // no rank, no source id
	if err := x.command(gomysql.COM_REGISTER_SLAVE, arg); err != nil {
		return 0, err
	}
	release := x.guard(ctx)
	defer release()
	p, err := x.p.next()
	if err != nil {
		return 0, err
	}
	if len(p) > 0 && p[0] == gomysql.ERR_HEADER {
		return 0, serverError(p)
	}
	return strip, nil
}

// heartbeatPeriod is when the server says that nothing happened: four fifths of keep-alive,
// as Debezium asks (DM-130).
func heartbeatPeriod(keepAlive time.Duration) time.Duration { return keepAlive * 4 / 5 }

func (x *session) dumpFile(serverID uint32, file string, pos int64) error {
	if pos < 4 {
		pos = 4 // the magic number is no event
	}
	if pos > 1<<32-1 {
		return fmt.Errorf("position %d of %s is beyond what the protocol can ask for; start from GTIDs or from a new snapshot", pos, file)
	}
	var arg []byte
	arg = binary.LittleEndian.AppendUint32(arg, uint32(pos))
	arg = binary.LittleEndian.AppendUint16(arg, 0)
	arg = binary.LittleEndian.AppendUint32(arg, serverID)
	return x.command(gomysql.COM_BINLOG_DUMP, arg, []byte(file))
}

func (x *session) dumpGTID(serverID uint32, set *gtid.Set) error {
	sids, err := encodeGTIDs(set)
	if err != nil {
		return err
	}
	var arg []byte
	arg = binary.LittleEndian.AppendUint16(arg, 0)
	arg = binary.LittleEndian.AppendUint32(arg, serverID)
	arg = binary.LittleEndian.AppendUint32(arg, 0) // no file name
	arg = binary.LittleEndian.AppendUint64(arg, 4)
	arg = binary.LittleEndian.AppendUint32(arg, uint32(len(sids)))
	return x.command(gomysql.COM_BINLOG_DUMP_GTID, arg, sids)
}

// encodeGTIDs writes a set in the form that COM_BINLOG_DUMP_GTID takes (Gtid_set::encode):
// with tags the format byte stands at both ends of the count, and each source has its tag.
func encodeGTIDs(set *gtid.Set) ([]byte, error) {
	srcs := set.Sources()
	slices.SortFunc(srcs, func(a, b gtid.Source) int {
		return cmp.Or(strings.Compare(a.UUID, b.UUID), strings.Compare(a.Tag, b.Tag))
	})
	tagged := false
	for _, src := range srcs {
		tagged = tagged || src.Tag != ""
	}
	var out []byte
	head := uint64(len(srcs))
	if tagged {
		head = 1 | head<<8 | 1<<56
	}
	out = binary.LittleEndian.AppendUint64(out, head)
	for _, src := range srcs {
		sid, err := hex.DecodeString(strings.ReplaceAll(src.UUID, "-", ""))
		if err != nil || len(sid) != 16 {
			return nil, fmt.Errorf("GTID source %q is no UUID", src.UUID)
		}
		out = append(out, sid...)
		if tagged {
			out = append(out, byte(len(src.Tag)<<1)) // a variable-length integer
			out = append(out, src.Tag...)
		}
		ivs := set.Intervals(src)
		out = binary.LittleEndian.AppendUint64(out, uint64(len(ivs)))
		for _, iv := range ivs {
			out = binary.LittleEndian.AppendUint64(out, uint64(iv.First))
			out = binary.LittleEndian.AppendUint64(out, uint64(iv.Last)+1)
		}
	}
	return out, nil
}
