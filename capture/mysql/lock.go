package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture"
)

// heldLock is which lock the snapshot's connection holds.
type heldLock uint8

const (
	noLock heldLock = iota
	globalLock
	tableLocks
)

// freeze makes one consistent point: it locks as snapshot.locking.mode says, starts the
// transaction that rows are read in, and reads the position that belongs to it (DM-99..101).
func (sn *snapshot) freeze(ctx context.Context) error {
	seconds := max(1, int64(sn.s.lockTimeout/time.Second))
	for _, sql := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		fmt.Sprintf("SET SESSION lock_wait_timeout=%d", seconds),
		// A sink that makes us wait must not cost us the connection and with it the snapshot.
		"SET SESSION net_write_timeout=86400, SESSION wait_timeout=86400",
	} {
		if err := sn.x.exec(ctx, sql); err != nil {
			return fail("prepare snapshot on", sn.s.address(), err)
		}
	}
	if err := sn.x.exec(ctx, fmt.Sprintf("SET SESSION innodb_lock_wait_timeout=%d", seconds)); err != nil && cancelled(ctx) == nil && serverCode(err) == 0 {
		return fail("prepare snapshot on", sn.s.address(), err) // a server without InnoDB may refuse it
	}
	if sn.s.lockingMode == "none" {
		// The position comes first: what is written in between is read twice, not lost.
		if err := sn.locate(ctx); err != nil {
			return err
		}
		return sn.startTransaction(ctx)
	}
	err := sn.x.exec(ctx, "FLUSH TABLES WITH READ LOCK")
	switch {
	case err == nil:
		sn.lock = globalLock
		sn.src.v.locked.Store(true)
		if err := sn.startTransaction(ctx); err != nil {
			return err
		}
		return sn.locate(ctx)
	case cancelled(ctx) != nil:
		return cancelled(ctx)
	case serverCode(err) == 0:
		return fail("lock tables on", sn.s.address(), err)
	}
	sn.log.Info("the server refuses a global read lock; the captured tables are locked one by one until all rows are read", "err", clean(err))
	return sn.lockTables(ctx)
}

// lockTables is the way on servers that refuse the global lock. Starting a transaction would
// release these locks, so consistency comes from the locks alone (DM-101).
func (sn *snapshot) lockTables(ctx context.Context) error {
	if len(sn.list) > 0 {
		names := make([]string, len(sn.list))
		for i, t := range sn.list {
			names[i] = quoteTable(t.id)
		}
		if err := sn.x.exec(ctx, "FLUSH TABLES "+strings.Join(names, ",")+" WITH READ LOCK"); err != nil {
			e := fail("lock tables on", sn.s.address(), err)
			if ce, ok := e.(*capture.Error); ok && ce.Hint != "" {
				ce.Hint = "grant RELOAD, or LOCK TABLES and SELECT, or set snapshot.locking.mode=none and change no structures meanwhile"
			}
			return e
		}
		sn.lock = tableLocks
	}
	return sn.locate(ctx)
}

func (sn *snapshot) startTransaction(ctx context.Context) error {
	if err := sn.x.exec(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return fail("start transaction on", sn.s.address(), err)
	}
	return nil
}

// locate reads the position; recovery keeps the one it has.
func (sn *snapshot) locate(ctx context.Context) error {
	if sn.resume {
		sn.c.snapshot = snapshotInitial
		return nil
	}
	p, err := sn.src.sv.position(ctx, sn.x, sn.s)
	if err != nil {
		return err
	}
	if !p.found && sn.s.streams() {
		return capture.Errorf("read binlog position of", sn.s.address(), "start the server with --log-bin and grant REPLICATION CLIENT", "the server names none")
	}
	sn.c.startAt(p.file, p.pos)
	if sn.src.sv.gtid || !p.gtids.IsEmpty() {
		sn.c.gtids = p.gtids
	}
	sn.c.snapshot = snapshotInitial
	return nil
}

// structuresRead releases the global lock: rows come from the transaction's own view.
func (sn *snapshot) structuresRead(ctx context.Context) error {
	if sn.lock == globalLock && sn.s.lockingMode != "extended" {
		return sn.unlock(ctx)
	}
	return nil
}

func (sn *snapshot) unlock(ctx context.Context) error {
	if sn.lock == noLock {
		return nil
	}
	sn.lock = noLock
	sn.src.v.locked.Store(false)
	if err := sn.x.exec(ctx, "UNLOCK TABLES"); err != nil {
		return fail("release locks on", sn.s.address(), err)
	}
	return nil
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quoteTable(id tid) string { return quoteName(id.Database) + "." + quoteName(id.Table) }
